import { type Principal, writerOf } from "../session/session";
import { EMPTY, type Form } from "./form";

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/**
 * The name of a form that somebody has begun for an org. It outlives the session, so that one who logs in
 * again goes on with it, and whoever else does in the same tab has one of their own.
 */
export function keyOf(who: Pick<Principal, "role" | "org">, org: string): string {
  return `devlab.new-work.${writerOf(who)}.${org}`;
}

export function readForm(key: string, store: Store = sessionStorage): Form {
  try {
    return { ...EMPTY, ...(JSON.parse(store.getItem(key) ?? "{}") as Partial<Form>) };
  } catch {
    return EMPTY;
  }
}

export function keepForm(key: string, form: Form, store: Store = sessionStorage): void {
  store.setItem(key, JSON.stringify(form));
}

/** What was started is not wanted once more. */
export function forgetForm(key: string, store: Store = sessionStorage): void {
  store.removeItem(key);
}
