const BYTES = 16;

/**
 * A name for one mutation, for the header `Idempotency-Key`. `crypto.randomUUID` would do, but a page
 * that came over plain http from another machine has none.
 */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
