import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FromHub, Hub, PAGE_GONE_MS } from "./hub";

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
  hub.hear(one, { type: "follow", org: "lab", headers: {} });
  await vi.advanceTimersByTimeAsync(1);
  hub.hear(two, { type: "follow", org: "lab", headers: {} });
  server.event(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(server.asked).toEqual(["/api/events?org=lab"]);
  expect(seqs(one.heard)).toEqual([1]);
  expect(seqs(two.heard)).toEqual([1]);
});

test("another login has a stream of its own", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  hub.hear(page(), { type: "follow", org: "lab", headers: { "X-Devlab-Session": "a" } });
  hub.hear(page(), { type: "follow", org: "lab", headers: { "X-Devlab-Session": "b" } });
  expect(hub.size).toBe(2);
});

test("after a cut the stream goes on where it was", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  const one = page();
  hub.hear(one, { type: "follow", org: "lab", headers: {} });
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
  hub.hear(page(), { type: "follow", org: "lab", headers: {} });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.asked.length).toBeGreaterThan(1);
});

test("a session that is over is told, and not asked for again", async () => {
  const server = new Server();
  server.status = 401;
  const hub = new Hub(() => Date.now(), server.fetch);
  const one = page();
  hub.hear(one, { type: "follow", org: "lab", headers: {} });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(one.heard).toEqual([{ type: "refused", status: 401 }]);
  expect(server.asked).toHaveLength(1);
});

test("the stream ends with its last page, also when that went without a word", async () => {
  const server = new Server();
  const hub = new Hub(() => Date.now(), server.fetch);
  const [gone, other] = [page(), page()];
  hub.hear(gone, { type: "follow", org: "lab", headers: {} });
  expect(hub.size).toBe(1);
  await vi.advanceTimersByTimeAsync(PAGE_GONE_MS + 1);
  hub.hear(other, { type: "here" });
  expect(hub.size).toBe(0);
});
