/**
 * The per-login secret that every call carries besides the cookie. Cookies
 * ignore ports, so another server on this host receives the cookie; it cannot
 * read this, because storage and channels belong to one origin, port included.
 *
 * It lives in this tab's sessionStorage. A new tab asks the others for it.
 */
const KEY = "devlab.session";
const CHANNEL = "devlab-session";
/** How long a new tab waits for another one to answer, in milliseconds. */
const ANSWER_MS = 200;

type Message = { type: "ask" } | { type: "secret"; secret: string } | { type: "over" };

let channel: BroadcastChannel | undefined;
let onOver: () => void = () => {};

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
        sessionStorage.removeItem(KEY);
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
  if (own || !channel) return own;
  const asked = channel;
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(null), ANSWER_MS);
    const listen = (event: MessageEvent<Message>) => {
      if (event.data.type === "secret") finish(event.data.secret);
    };
    const finish = (secret: string | null) => {
      clearTimeout(timer);
      asked.removeEventListener("message", listen);
      if (secret) sessionStorage.setItem(KEY, secret);
      resolve(secret);
    };
    asked.addEventListener("message", listen);
    asked.postMessage({ type: "ask" } satisfies Message);
  });
}

/** Keeps the secret of a new login. */
export function keepSecret(secret: string): void {
  sessionStorage.setItem(KEY, secret);
}

/** Forgets it, in this tab and in all others. */
export function forgetSecret(): void {
  sessionStorage.removeItem(KEY);
  channel?.postMessage({ type: "over" } satisfies Message);
}
