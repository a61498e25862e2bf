import type { LabEvent } from "../api/types";
import { sessionHeaders } from "../session/session";
import { type FromHub, Hub, type ToHub } from "./hub";

/** Whether what the page shows is what the lab says now. */
type Liveness = { state: "connecting" | "live" } | { state: "stale"; since: number };

interface Listener {
  events: (events: LabEvent[]) => void;
  /** Everything that was read before may be old. */
  refresh: () => void;
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
let listener: Listener = { events: () => {}, refresh: () => {}, over: () => {} };
const watchers = new Set<() => void>();
let whenReady: Array<() => void> = [];

function become(next: Liveness): void {
  if (liveness.state === next.state) return;
  liveness = next;
  for (const watch of watchers) watch();
}

function hear(message: FromHub): void {
  switch (message.type) {
    case "live":
      become({ state: "live" });
      for (const ready of whenReady) ready();
      whenReady = [];
      if (!message.resumed && wasLost) listener.refresh();
      wasLost = false;
      break;
    case "lost":
      wasLost = true;
      become({ state: "stale", since: Date.now() });
      break;
    case "refused":
      if (message.status === 401) listener.over();
      else become({ state: "stale", since: Date.now() });
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
    const timer = setTimeout(resolve, READY_MS);
    whenReady.push(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function again(name: string): void {
  liveness = { state: "connecting" };
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
