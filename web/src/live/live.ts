import type { LabEvent } from "../api/types";
import { sessionHeaders } from "../session/session";
import { type FromHub, Hub, type ToHub } from "./hub";

/** Whether what the page shows is what the lab says now. */
type Liveness =
  | { state: "connecting" | "live" }
  | { state: "stale"; since: number }
  | { state: "refused"; status: number };

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
/** Orgs that were followed: what was read of them may still be kept. */
const followed = new Set<string>();
let liveness: Liveness = { state: "connecting" };
let wasLost = false;
/** Whether the page was without the stream: what happened until it is there was told to nobody. */
let isBlind = false;
/** Whether the page has been left, and may come back as it was. */
let isLeft = false;
let isShownAnywhere = false;
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
  // What was under way when the page stopped to follow.
  if (!org) return;
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
      readyNow();
      isBlind = true;
      if (message.status === 401) listener.over();
      else become({ state: "refused", status: message.status });
      break;
    case "gone":
      again(org, true);
      break;
    case "shown":
      isShownAnywhere = message.shown;
      break;
    case "events":
      listener.events(message.events);
      break;
  }
}

/** A stream of this page's own. */
function own(): (message: ToHub) => void {
  const hub = new Hub(() => Date.now());
  const page = { send: hear };
  return (message) => hub.hear(page, message);
}

function connect(): (message: ToHub) => void {
  if (typeof SharedWorker === "undefined") return own();
  let worker: SharedWorker;
  try {
    worker = new SharedWorker(new URL("./hub.worker.ts", import.meta.url), {
      type: "module",
      name: "devlab-live",
    });
  } catch {
    // A browser that keeps nothing for this page allows none.
    return own();
  }
  worker.port.addEventListener("message", (event: MessageEvent<FromHub>) => hear(event.data));
  worker.port.start();
  // Its file did not come: nobody hears what is sent there.
  worker.addEventListener(
    "error",
    () => {
      worker.port.postMessage({ type: "bye" } satisfies ToHub);
      worker.port.close();
      send = own();
      if (org) again(org, true);
    },
    { once: true },
  );
  return (message) => worker.port.postMessage(message);
}

/** Says something of this page to the hub. A page that has been left says nothing, and nor does one that follows nothing. */
function say(message: ToHub): void {
  if (org && !isLeft) send?.(message);
}

function begin(): void {
  send = connect();
  setInterval(() => say({ type: "here" }), HERE_MS);
  document.addEventListener("visibilitychange", () => say({ type: "shown", shown: !document.hidden }));
  window.addEventListener("pagehide", () => {
    say({ type: "bye" });
    isLeft = true;
  });
  window.addEventListener("pageshow", (event) => {
    isLeft = false;
    // It is shown as it was when it was left.
    if (event.persisted && org) again(org, true);
  });
  window.addEventListener("online", retryNow);
}

/** Begins to follow an org. Resolves once the stream is open, or after a short wait without it. */
export function follow(next: string, with_: Listener): Promise<void> {
  listener = with_;
  if (!send) begin();
  if (org === next) return Promise.resolve();
  org = next;
  become({ state: "connecting" });
  again(next, followed.has(next));
  followed.add(next);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      if (org === next) isBlind = true;
      resolve();
    }, READY_MS);
    whenReady.push(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Asks for the stream anew. What was read while a blind page was told of nothing may be old. */
function again(name: string, blind: boolean): void {
  // A page that is said to be stale or refused stays so until it is live.
  if (liveness.state === "live") become({ state: "connecting" });
  wasLost = false;
  isBlind = blind;
  isShownAnywhere = false;
  say({ type: "follow", org: name, headers: sessionHeaders(), shown: !document.hidden });
}

/** Ends following: after a log-out. */
export function unfollow(): void {
  say({ type: "bye" });
  org = undefined;
}

export function retryNow(): void {
  say({ type: "retry" });
}

/** Whether somebody looks at this page, or at another one that is told the same. */
export function isShown(): boolean {
  return !document.hidden || isShownAnywhere;
}

export const livenessStore = {
  get: () => liveness,
  subscribe: (watch: () => void) => {
    watchers.add(watch);
    return () => watchers.delete(watch);
  },
};
