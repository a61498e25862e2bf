import type { LabEvent } from "../api/types";
import { sessionHeaders } from "../session/session";
import { type FromHub, Hub, type ToHub } from "./hub";

/** Whether what the page shows is what the lab says now. */
type Liveness = { state: "connecting" | "live" } | { state: "stale"; since: number };

interface Listener {
  events: (events: LabEvent[]) => void;
  /**
   * The stream is back after a cut. If it has not resumed, everything that was read before may be old;
   * in any case what could not be read meanwhile has to be read again.
   */
  back: (resumed: boolean) => void;
  over: () => void;
}

/** How often a page says that it is still there, in milliseconds. */
const HERE_MS = 30_000;
/** How long a page waits for the stream before it reads without it. */
const READY_MS = 1_500;

let send: ((message: ToHub) => void) | undefined;
let org: string | undefined;
let liveness: Liveness = { state: "connecting" };
let wasLost = false;
/** Whether the page reads without the stream: what happens until it is there is told to nobody. */
let isBlind = false;
let listener: Listener = { events: () => {}, back: () => {}, over: () => {} };
const watchers = new Set<() => void>();
let whenReady: Array<() => void> = [];

function readyNow(): void {
  for (const ready of whenReady) ready();
  whenReady = [];
}

function become(next: Liveness): void {
  if (liveness.state === next.state) return;
  liveness = next;
  for (const watch of watchers) watch();
}

function hear(message: FromHub): void {
  switch (message.type) {
    case "live":
      become({ state: "live" });
      readyNow();
      if (wasLost || isBlind) listener.back(message.resumed && !isBlind);
      wasLost = false;
      isBlind = false;
      break;
    case "lost":
      wasLost = true;
      become({ state: "stale", since: Date.now() });
      break;
    case "refused":
      // What is refused, such as another org, says so on the page itself.
      readyNow();
      if (message.status === 401) listener.over();
      break;
    case "events":
      listener.events(message.events);
      break;
  }
}

function connect(): (message: ToHub) => void {
  if (typeof SharedWorker !== "undefined") {
    const worker = new SharedWorker(new URL("./hub.worker.ts", import.meta.url), {
      type: "module",
      name: "devlab-live",
    });
    worker.port.addEventListener("message", (event: MessageEvent<FromHub>) => hear(event.data));
    worker.port.start();
    return (message) => worker.port.postMessage(message);
  }
  // Without shared workers each page has a stream of its own.
  const hub = new Hub(() => Date.now());
  const page = { send: hear };
  return (message) => hub.hear(page, message);
}

/** Begins to follow an org. Resolves once the stream is open, or after a short wait without it. */
export function follow(next: string, with_: Listener): Promise<void> {
  listener = with_;
  if (!send) {
    send = connect();
    setInterval(() => send?.({ type: "here" }), HERE_MS);
    addEventListener("pagehide", () => send?.({ type: "bye" }));
    window.addEventListener("pageshow", (event) => {
      if (event.persisted && org) again(org);
    });
    addEventListener("online", retryNow);
  }
  if (org === next) return Promise.resolve();
  org = next;
  again(next);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      isBlind = true;
      resolve();
    }, READY_MS);
    whenReady.push(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function again(name: string): void {
  liveness = { state: "connecting" };
  isBlind = false;
  send?.({ type: "follow", org: name, headers: sessionHeaders() });
}

/** Ends following: after a log-out. */
export function unfollow(): void {
  org = undefined;
  send?.({ type: "bye" });
}

export function retryNow(): void {
  send?.({ type: "retry" });
}

export const livenessStore = {
  get: () => liveness,
  subscribe: (watch: () => void) => {
    watchers.add(watch);
    return () => watchers.delete(watch);
  },
};
