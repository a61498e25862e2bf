import { newKey } from "./key";
import { Problem } from "./problem";

/** How long a request whose answer was lost counts as the same when it is sent again, in milliseconds. */
const SAME_MS = 10 * 60_000;

interface Sent {
  key: string;
  at: number;
}

/** Requests whose answer is not known, by what they ask. */
const unanswered = new Map<string, Sent>();

/**
 * Whether the server said no, so that nothing was done and another try is another request. A lost
 * answer, a failure of the server or of a proxy, and a time that ran out say nothing of the kind.
 */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Problem)) return false;
  return error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 425;
}

/**
 * Sends a request that must be done once, however often it is sent: as long as its answer is not
 * known, the same words at the same place carry the same key, also from a form that was closed and
 * opened again.
 */
export async function once<T>(
  place: string,
  asked: unknown,
  send: (headers: { "Idempotency-Key": string }) => Promise<T>,
  now = Date.now(),
): Promise<T> {
  const name = `${place} ${JSON.stringify(asked)}`;
  const before = unanswered.get(name);
  const sent = before && now - before.at < SAME_MS ? before : { key: newKey(), at: now };
  unanswered.set(name, sent);
  try {
    const answer = await send({ "Idempotency-Key": sent.key });
    unanswered.delete(name);
    return answer;
  } catch (error) {
    if (isRefusal(error)) unanswered.delete(name);
    throw error;
  }
}
