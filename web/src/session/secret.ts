/**
 * The per-login secret that every call carries besides the cookie. Cookies
 * ignore ports, so another server on this host receives the cookie; it cannot
 * read this, because storage and channels belong to one origin, port included.
 *
 * It lives in this tab's sessionStorage. A new tab asks the others for it.
 */
const KEY = "devlab.session";
const CHANNEL = "devlab-session";
/** How long a new tab waits for another one that is logged in, in milliseconds: a busy machine takes its time. */
const ANSWER_MS = 5_000;
/** The same where it cannot be known whether there is one. */
const UNSURE_MS = 300;
/** Every tab that is logged in holds this lock together with the others; the browser lets go of a closed tab's. */
const LOCK = "devlab-session";

type Message = { type: "ask" } | { type: "secret"; secret: string } | { type: "over" };

let channel: BroadcastChannel | undefined;
let onOver: () => void = () => {};
let letGo: (() => void) | undefined;

/** Lets new tabs know that this one can tell them the secret. */
function hold(): void {
  if (letGo || !navigator.locks) return;
  const over = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  void navigator.locks.request(LOCK, { mode: "shared" }, () => over).catch(() => {});
}

function release(): void {
  letGo?.();
  letGo = undefined;
}

/** How long it is worth to wait for an answer, in milliseconds. */
async function patience(): Promise<number> {
  if (!navigator.locks) return UNSURE_MS;
  const { held } = await navigator.locks.query();
  return held?.some((lock) => lock.name === LOCK) ? ANSWER_MS : 0;
}

/** Begins to answer other tabs. `over` runs when another tab has logged out. */
export function shareSecret(over: () => void): void {
  onOver = over;
  if (channel || typeof BroadcastChannel === "undefined") return;
  channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", (event: MessageEvent<Message>) => {
    switch (event.data.type) {
      case "ask": {
        const secret = currentSecret();
        if (secret) channel?.postMessage({ type: "secret", secret } satisfies Message);
        break;
      }
      case "over":
        dropSecret();
        onOver();
        break;
      case "secret":
        break;
    }
  });
}

/** The secret that this tab knows. */
export function currentSecret(): string | null {
  return sessionStorage.getItem(KEY);
}

/** The secret of this tab, or of another tab that is logged in. */
export async function findSecret(): Promise<string | null> {
  const own = currentSecret();
  if (own) hold();
  if (own || !channel) return own;
  const asked = channel;
  const ms = await patience();
  if (ms === 0) return null;
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(null), ms);
    const listen = (event: MessageEvent<Message>) => {
      if (event.data.type === "secret") finish(event.data.secret);
    };
    const finish = (secret: string | null) => {
      clearTimeout(timer);
      asked.removeEventListener("message", listen);
      if (secret) keepSecret(secret);
      resolve(secret);
    };
    asked.addEventListener("message", listen);
    asked.postMessage({ type: "ask" } satisfies Message);
  });
}

/** Keeps the secret, and tells it to the tabs that ask. */
export function keepSecret(secret: string): void {
  sessionStorage.setItem(KEY, secret);
  hold();
}

/**
 * Forgets the secret in this tab. What somebody has written and not sent stays for when they log in again:
 * it is kept under whose it is.
 */
export function dropSecret(): void {
  sessionStorage.removeItem(KEY);
  release();
}

/** Forgets it, in this tab and in all others. */
export function forgetSecret(): void {
  dropSecret();
  channel?.postMessage({ type: "over" } satisfies Message);
}
