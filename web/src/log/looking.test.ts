import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LogBuffer } from "./buffer";
import { errorWords, hitWords } from "./found";
import { Looking } from "./looking";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** An answer that takes some milliseconds. */
const after = <T>(ms: number, answer: () => T) =>
  new Promise<T>((resolve) => setTimeout(() => resolve(answer()), ms));

test("a log that grows each 100 ms is looked through, again and again", async () => {
  const log = new LogBuffer();
  const told: number[] = [];
  const looking = new Looking({
    ask: () => after(1, () => log.find(["error"]).lines.length),
    told: (hits) => told.push(hits),
    first: 600,
    pause: 600,
  });
  for (let turn = 0; turn < 50; turn += 1) {
    log.append(new TextEncoder().encode(turn === 20 ? "an error\n" : "fine\n"));
    looking.grown();
    await vi.advanceTimersByTimeAsync(100);
  }
  // In 5 s, with a pause of 600 ms: the first answer comes while it grows, and so does the error.
  expect(told).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
  // Once it rests there is one look more, and then none.
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).toHaveLength(9);
});

test("what took long is asked more seldom, and nothing is told after the end", async () => {
  const told = vi.fn();
  const ask = vi.fn(() => after(500, () => true));
  const looking = new Looking({ ask, told, first: 100, pause: 100 });
  for (let turn = 0; turn < 60; turn += 1) {
    looking.grown();
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(told).toHaveBeenCalledTimes(3);
  looking.grown();
  await vi.advanceTimersByTimeAsync(2_000);
  looking.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(told).toHaveBeenCalledTimes(ask.mock.calls.length - 1);
});

test("nothing is said to be missing before somebody has looked", () => {
  expect([hitWords(undefined, 0), errorWords(undefined)]).toEqual(["Searching", "Looking for errors"]);
  const none = { lines: [], more: false };
  expect([hitWords(none, 0), errorWords(none)]).toEqual(["Nothing found", "No errors"]);
  expect(errorWords({ lines: [4], more: false })).toBe("1 error line");
});
