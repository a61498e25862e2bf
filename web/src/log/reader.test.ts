import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CHUNK, LogReader, Refused } from "./reader";

/** A server with one log. What it does with each request is decided by the test. */
class Server {
  readonly asked: string[] = [];
  /** Answers in place of the log's, by the number of the request: a status, or a cut (0). */
  private readonly faults = new Map<number, number>();
  text = "";

  /** The requests that come next go wrong like this. */
  fail(...next: number[]): void {
    for (const [at, fault] of next.entries()) this.failAt(this.asked.length + 1 + at, fault);
  }

  failAt(request: number, fault: number): void {
    this.faults.set(request, fault);
  }

  readonly fetch = (async (url: string, { signal }: RequestInit) => {
    const { pathname, searchParams } = new URL(url, "http://lab");
    const offset = Number(searchParams.get("offset"));
    const kind = pathname.split("/").at(-1);
    this.asked.push(`${kind} ${offset}`);
    signal?.throwIfAborted();
    const fault = this.faults.get(this.asked.length);
    if (fault === 0) throw new TypeError("network error");
    if (fault) return new Response("", { status: fault });
    if (kind === "stream") return new Response("event: end\ndata: {}\n\n");
    const headers = { "x-log-length": String(this.text.length) };
    return new Response(this.text.slice(offset, offset + CHUNK), { headers });
  }) as typeof fetch;
}

interface Options {
  live?: boolean;
  seen?: boolean;
  keptMax?: number;
  changed?: (soon: boolean) => void;
}

function readerOf(server: Server, options: Options = {}): LogReader {
  return new LogReader({
    task: "task_1",
    attempt: "att_1",
    live: false,
    seen: true,
    headers: {},
    changed: () => {},
    fetch: server.fetch,
    ...options,
  });
}

function textOf(reader: LogReader): string {
  return reader.log.slice(0, reader.log.lines).join("\n");
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a first read that is cut is tried again, and goes on from where it was", async () => {
  const server = new Server();
  server.text = "0123456789\n".repeat(CHUNK / 4);
  // What is told on the way: how much is there, and whether something is wrong.
  const told: string[] = [];
  const changed = () => told.push(`${reader.have} ${reader.trouble?.status ?? "well"}`);
  const reader: LogReader = readerOf(server, { changed });
  server.fail(0, 503);
  void reader.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(reader.trouble).toEqual({ status: 0, final: false });
  await vi.advanceTimersByTimeAsync(400);
  expect(reader.trouble).toEqual({ status: 503, final: false });
  // The third try gets the first piece, and is cut after it.
  server.failAt(4, 0);
  await vi.advanceTimersByTimeAsync(800);
  expect(reader.have).toBe(CHUNK);
  expect(reader.trouble).toEqual({ status: 0, final: false });
  await vi.advanceTimersByTimeAsync(400);
  expect(reader.state).toBe("complete");
  const all = server.text.length;
  expect(told).toEqual([
    "0 0",
    "0 503",
    `${CHUNK} well`,
    `${CHUNK} 0`,
    `${2 * CHUNK} well`,
    `${all} well`,
    `${all} well`,
  ]);
  expect(`${textOf(reader)}\n`).toBe(server.text);
  expect(server.asked.filter((one) => one === "logs 0")).toHaveLength(3);
});

test("a refusal stays until one tries again", async () => {
  const server = new Server();
  server.text = "one\n";
  const reader = readerOf(server);
  server.fail(403);
  void reader.open();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(reader.trouble).toEqual({ status: 403, final: true });
  expect(server.asked).toHaveLength(1);
  reader.retry();
  await vi.advanceTimersByTimeAsync(0);
  expect(reader.trouble).toBeUndefined();
  expect(textOf(reader)).toBe("one");
});

test("a cut stream is told while it lasts, beside the lines that are there", async () => {
  const server = new Server();
  server.text = "one\n";
  const reader = readerOf(server, { live: true });
  void reader.open();
  server.fail(502);
  await vi.advanceTimersByTimeAsync(0);
  expect([reader.state, reader.trouble, textOf(reader)]).toEqual([
    "cut",
    { status: 502, final: false },
    "one",
  ]);
  await vi.advanceTimersByTimeAsync(400);
  expect([reader.state, reader.trouble]).toEqual(["complete", undefined]);
});

test("a download is the whole log, or a failure, and never less", async () => {
  const server = new Server();
  server.text = `first\n${"x".repeat(2 * CHUNK)}\nlast\n`;
  const reader = readerOf(server, { keptMax: 5 });
  void reader.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(textOf(reader)).toBe("last");
  const whole = reader.whole();
  await vi.advanceTimersByTimeAsync(0);
  expect(await (await whole).text()).toBe(server.text);
  // One cut is made good, and a refusal is not.
  server.fail(0);
  const mended = reader.whole();
  await vi.advanceTimersByTimeAsync(400);
  expect((await mended).size).toBe(server.text.length);
  server.fail(500, 500, 500);
  const broken = reader.whole().catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await broken).toEqual(new Refused(500));
  // The server has lost the rest.
  server.text = server.text.slice(0, CHUNK);
  const short = reader.whole().catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await short).toEqual(new Refused(0));
});

test("a download while the log is still being read has what is not here yet", async () => {
  const server = new Server();
  server.text = "one\ntwo\n";
  const reader = readerOf(server, { live: true });
  const whole = reader.whole();
  await vi.advanceTimersByTimeAsync(0);
  expect(await (await whole).text()).toBe(server.text);
});

test("a page that is opened in the background holds no stream until it is looked at", async () => {
  const server = new Server();
  server.text = "one\n";
  const reader = readerOf(server, { live: true, seen: false });
  void reader.open();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(textOf(reader)).toBe("one");
  expect(server.asked.filter((one) => one.startsWith("stream"))).toEqual([]);
  reader.see(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(server.asked.at(-1)).toBe("stream 4");
});
