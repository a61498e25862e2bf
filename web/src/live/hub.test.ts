import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FromHub, Hub, PAGE_GONE_MS, type ToHub } from "./hub";

/** A server whose streams a test writes. */
class Server {
  readonly asked: string[] = [];
  readonly streams: Array<ReadableStreamDefaultController<Uint8Array>> = [];
  status = 200;

  readonly fetch = (async (url: string, init: RequestInit) => {
    this.asked.push(url);
    if (this.status !== 200) return new Response(null, { status: this.status });
    return new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.streams.push(controller);
          init.signal?.addEventListener("abort", () => controller.error(init.signal?.reason));
        },
      }),
    );
  }) as unknown as typeof fetch;

  event(seq: number): void {
    const data = JSON.stringify({ seq, kind: "task.state", org: "o", at: "", data: {}, task: `task_${seq}` });
    const text = `id: ${seq}\nevent: task.state\ndata: ${data}\n\n`;
    this.streams.at(-1)?.enqueue(new TextEncoder().encode(text));
  }

  cut(): void {
    this.streams.at(-1)?.error(new Error("cut"));
  }
}

const FOLLOW = { type: "follow", org: "lab", headers: {}, shown: false } as const;
const HERE: ToHub = { type: "here" };

function page() {
  const heard: FromHub[] = [];
  return { send: (message: FromHub) => void heard.push(message), heard };
}

const seqs = (heard: FromHub[]) =>
  heard.flatMap((message) => (message.type === "events" ? message.events.map((event) => event.seq) : []));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("all pages of an org share one stream", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  const [one, two] = [page(), page()];
  hub.hear(one, FOLLOW);
  await vi.advanceTimersByTimeAsync(1);
  hub.hear(two, FOLLOW);
  server.event(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(server.asked).toEqual(["/api/events?org=lab"]);
  expect(seqs(one.heard)).toEqual([1]);
  expect(seqs(two.heard)).toEqual([1]);
});

test("another login has a stream of its own", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  hub.hear(page(), { ...FOLLOW, headers: { "X-Devlab-Session": "a" } });
  hub.hear(page(), { ...FOLLOW, headers: { "X-Devlab-Session": "b" } });
  expect(hub.size).toBe(2);
});

test("after a cut the stream goes on where it was", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  const one = page();
  hub.hear(one, FOLLOW);
  await vi.advanceTimersByTimeAsync(1);
  server.event(41);
  await vi.advanceTimersByTimeAsync(200);
  server.cut();
  await vi.advanceTimersByTimeAsync(2_000);
  server.event(42);
  await vi.advanceTimersByTimeAsync(200);
  expect(server.asked).toEqual(["/api/events?org=lab", "/api/events?org=lab&after=41"]);
  expect(seqs(one.heard)).toEqual([41, 42]);
  expect(one.heard.map((message) => message.type)).toEqual(["live", "events", "lost", "live", "events"]);
  expect(one.heard.filter((message) => message.type === "live")).toEqual([
    { type: "live", resumed: false },
    { type: "live", resumed: true },
  ]);
});

test("a stream that is silent for too long is made again", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  hub.hear(page(), FOLLOW);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.asked.length).toBeGreaterThan(1);
});

test("a session that is over is told, and not asked for again", async () => {
  const server = new Server();
  server.status = 401;
  const hub = new Hub(() => Date.now(), server.fetch);
  const one = page();
  hub.hear(one, FOLLOW);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(one.heard).toEqual([{ type: "refused", status: 401 }]);
  expect(server.asked).toHaveLength(1);
});

test("the stream ends with its last page, also when that went without a word", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  const [gone, other] = [page(), page()];
  hub.hear(gone, FOLLOW);
  expect(hub.size).toBe(1);
  await vi.advanceTimersByTimeAsync(PAGE_GONE_MS + 1);
  hub.hear(other, HERE);
  expect(hub.size).toBe(0);
});

test("pages that have slept are told so, and hear what happens again", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  const heard: FromHub[][] = [[], []];
  const pages = heard.map((told) => {
    const one = {
      send: (message: FromHub) => {
        told.push(message);
        if (message.type === "gone") queueMicrotask(() => hub.hear(one, FOLLOW));
      },
    };
    return one;
  });
  for (const one of pages) hub.hear(one, FOLLOW);
  await vi.advanceTimersByTimeAsync(PAGE_GONE_MS + 1_000);
  // The machine wakes: the first to speak finds the other one silent for too long.
  for (const one of pages) hub.hear(one, HERE);
  await vi.advanceTimersByTimeAsync(1);
  server.event(7);
  await vi.advanceTimersByTimeAsync(200);
  expect(heard.map(seqs)).toEqual([[7], [7]]);
  expect(heard[1]?.map((message) => message.type)).toContain("gone");
});

test("a page that slept is told at once, also if it says nothing by then", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  const [awake, frozen] = [page(), page()];
  hub.hear(frozen, FOLLOW);
  await vi.advanceTimersByTimeAsync(PAGE_GONE_MS - 1_000);
  hub.hear(awake, FOLLOW);
  await vi.advanceTimersByTimeAsync(2_000);
  hub.hear(awake, HERE);
  expect(frozen.heard.at(-1)).toEqual({ type: "gone" });
  expect(awake.heard.map((message) => message.type)).not.toContain("gone");
});

test("a page that was refused is told to follow anew when it asks again", async () => {
  const server = new Server();
  server.status = 404;
  const hub = new Hub(() => Date.now(), server.fetch);
  const one = page();
  hub.hear(one, FOLLOW);
  await vi.advanceTimersByTimeAsync(1);
  hub.hear(one, { type: "retry" });
  expect(one.heard).toEqual([{ type: "refused", status: 404 }, { type: "gone" }]);
});

test("every page knows whether one that follows the same is shown", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  const [shown, hidden, other] = [page(), page(), page()];
  const last = (one: ReturnType<typeof page>) =>
    one.heard.findLast((message) => message.type === "shown")?.shown ?? false;
  hub.hear(shown, { ...FOLLOW, shown: true });
  hub.hear(hidden, FOLLOW);
  hub.hear(other, { ...FOLLOW, org: "other" });
  expect([last(hidden), last(other)]).toEqual([true, false]);
  hub.hear(shown, { type: "shown", shown: false });
  expect(last(hidden)).toBe(false);
  hub.hear(shown, { type: "shown", shown: true });
  expect(last(hidden)).toBe(true);
  hub.hear(shown, { type: "bye" });
  expect(last(hidden)).toBe(false);
});
