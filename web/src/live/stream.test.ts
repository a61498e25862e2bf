import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventStream } from "./stream";

type Answer = number | "hang";

/** A stream whose tries are answered in turn, and what it told its owner. */
function streamOf(...answers: Answer[]) {
  const told: string[] = [];
  let tries = 0;
  const fetch_ = ((_url: string, init: RequestInit) => {
    const answer = answers[tries] ?? 200;
    tries += 1;
    return new Promise<Response>((resolve, reject) => {
      init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      if (answer === 200) resolve(new Response(new ReadableStream()));
      else if (answer !== "hang") resolve(new Response(null, { status: answer }));
    });
  }) as unknown as typeof fetch;
  const stream = new EventStream({
    url: () => "/api/events",
    headers: {},
    fetch: fetch_,
    handlers: {
      open: () => told.push("open"),
      message: () => {},
      lost: (status) => told.push(`lost ${status}`),
      refused: (status) => told.push(`refused ${status}`),
    },
  });
  return { stream, told, tries: () => tries };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a refusal that is about the moment is tried again, any other is the last word", async () => {
  for (const status of [408, 425, 429, 503]) {
    const { told, stream } = streamOf(status);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(told).toEqual([`lost ${status}`, "open"]);
    stream.stop();
  }
  const { told } = streamOf(403);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).toEqual(["refused 403"]);
});

test("asked to try now, it gives up a try that hangs, and leaves an open stream alone", async () => {
  const { stream, told, tries } = streamOf("hang");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(told).toEqual([]);
  stream.retryNow();
  await vi.advanceTimersByTimeAsync(1);
  expect(told).toEqual(["open"]);
  stream.retryNow();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([told, tries()]).toEqual([["open"], 2]);
  stream.stop();
});

test("asked to try now, it does not wait for the end of the pause", async () => {
  const { stream, told, tries } = streamOf(503, 503, 503, 503, 503);
  await vi.advanceTimersByTimeAsync(400 + 800 + 1_600 + 3_200 + 10);
  expect(tries()).toBe(5);
  stream.retryNow();
  await vi.advanceTimersByTimeAsync(1);
  expect(told.at(-1)).toBe("open");
  // The pause that was cut short does not end a second time.
  await vi.advanceTimersByTimeAsync(10_000);
  expect(tries()).toBe(6);
  stream.stop();
});
