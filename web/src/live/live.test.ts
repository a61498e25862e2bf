import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FromHub, ToHub } from "./hub";

vi.mock("../session/session", () => ({ sessionHeaders: () => ({}) }));

/** The hub as a page has it: what it is told, and what a test lets it say. */
class FakeWorker extends EventTarget {
  static all: FakeWorker[] = [];
  readonly told: ToHub[] = [];
  readonly port = Object.assign(new EventTarget(), {
    start: () => {},
    close: () => {},
    postMessage: (message: ToHub) => void this.told.push(message),
  });

  constructor() {
    super();
    FakeWorker.all.push(this);
  }

  say(message: FromHub): void {
    this.port.dispatchEvent(new MessageEvent("message", { data: message }));
  }

  /** Orgs that the page asked to follow. */
  get asked(): string[] {
    return this.told.flatMap((message) => (message.type === "follow" ? [message.org] : []));
  }
}

const LIVE: FromHub = { type: "live", resumed: true };
let page: EventTarget;
let screen: EventTarget & { hidden: boolean };

function listener() {
  return { events: vi.fn(), back: vi.fn(), over: vi.fn() };
}

/** A page that has just been loaded, and follows nothing yet. */
async function load() {
  vi.resetModules();
  FakeWorker.all = [];
  const live = await import("./live");
  const heard = listener();
  const follow = (org: string) => live.follow(org, heard);
  const begun = follow("lab");
  const [worker] = FakeWorker.all;
  if (!worker) throw new Error("no worker");
  return { ...live, ...heard, follow, begun, worker, state: () => live.livenessStore.get().state };
}

/** The same, and live. */
async function loadLive() {
  const loaded = await load();
  loaded.worker.say({ type: "live", resumed: false });
  await loaded.begun;
  return loaded;
}

beforeEach(() => {
  vi.useFakeTimers();
  page = new EventTarget();
  screen = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal("SharedWorker", FakeWorker);
  vi.stubGlobal("window", page);
  vi.stubGlobal("document", screen);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("what was read before the stream was there is not read again, unless the page did not wait for it", async () => {
  const { back, state } = await loadLive();
  expect([state(), back.mock.calls]).toEqual(["live", []]);

  const slow = await load();
  await vi.advanceTimersByTimeAsync(2_000);
  await slow.begun;
  slow.worker.say(LIVE);
  expect(slow.back.mock.calls).toEqual([[false]]);
});

test("after a cut the page says so, and then whether the stream went on where it was", async () => {
  const { worker, back, state } = await loadLive();
  worker.say({ type: "lost" });
  expect([state(), back.mock.calls]).toEqual(["stale", []]);
  worker.say(LIVE);
  worker.say({ type: "lost" });
  worker.say({ type: "live", resumed: false });
  expect([state(), back.mock.calls]).toEqual(["live", [[true], [false]]]);
});

test("a page that the hub has given up follows again, and reads everything again", async () => {
  const { worker, back, state } = await loadLive();
  worker.say({ type: "gone" });
  expect(worker.asked).toEqual(["lab", "lab"]);
  expect(back).not.toHaveBeenCalled();
  worker.say(LIVE);
  expect([state(), back.mock.calls]).toEqual(["live", [[false]]]);
});

test("an org that one comes back to is read again, one that is new is not", async () => {
  const { worker, back, follow } = await loadLive();
  void follow("other");
  worker.say(LIVE);
  expect(back).not.toHaveBeenCalled();
  void follow("lab");
  worker.say(LIVE);
  expect(back.mock.calls).toEqual([[false]]);
  expect(worker.asked).toEqual(["lab", "other", "lab"]);
});

test("a page that comes back as it was left reads everything again", async () => {
  const { worker, back } = await loadLive();
  page.dispatchEvent(new Event("pagehide"));
  expect(worker.told.at(-1)).toEqual({ type: "bye" });
  const said = worker.told.length;
  // A page that is left is hidden too: to say so would call it back to the hub.
  screen.dispatchEvent(new Event("visibilitychange"));
  expect(worker.told).toHaveLength(said);
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  worker.say(LIVE);
  expect(worker.asked).toEqual(["lab", "lab"]);
  expect(back.mock.calls).toEqual([[false]]);
});

test("a session that is over is told, and nothing is asked for after that", async () => {
  const { worker, over, unfollow } = await loadLive();
  over.mockImplementation(unfollow);
  worker.say({ type: "refused", status: 401 });
  expect(over).toHaveBeenCalledOnce();
  const said = worker.told.length;
  worker.say({ type: "gone" });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(worker.told).toHaveLength(said);
});

test("a page whose events are refused says so until it is live again", async () => {
  const { worker, back, over, state, retryNow } = await loadLive();
  worker.say({ type: "refused", status: 404 });
  expect([state(), over.mock.calls]).toEqual(["refused", []]);
  retryNow();
  expect(worker.told.at(-1)).toEqual({ type: "retry" });
  worker.say({ type: "gone" });
  expect(state()).toBe("refused");
  worker.say(LIVE);
  expect([state(), back.mock.calls]).toEqual(["live", [[false]]]);
});

test("without a worker that runs the page has a stream of its own", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return new Response(new ReadableStream());
  });
  const { worker, begun, state, back } = await load();
  worker.dispatchEvent(new Event("error"));
  await begun;
  expect(asked).toEqual(["/api/events?org=lab"]);
  expect([state(), back.mock.calls]).toEqual(["live", [[false]]]);

  vi.stubGlobal("SharedWorker", function refuse() {
    throw new DOMException("no storage", "SecurityError");
  });
  vi.resetModules();
  const live = await import("./live");
  await live.follow("lab", listener());
  expect([asked.length, live.livenessStore.get().state]).toEqual([2, "live"]);
});

test("a page is shown as long as somebody looks at it, or at another one", async () => {
  const { worker, isShown } = await loadLive();
  expect(isShown()).toBe(true);
  screen.hidden = true;
  screen.dispatchEvent(new Event("visibilitychange"));
  expect(worker.told.at(-1)).toEqual({ type: "shown", shown: false });
  expect(isShown()).toBe(false);
  worker.say({ type: "shown", shown: true });
  expect(isShown()).toBe(true);
});
