import { Problem } from "../api/problem";
import { currentSecret, dropSecret, findSecret, forgetSecret, keepSecret } from "./secret";

type Role = "admin" | "operator" | "viewer";

/** Who is logged in. */
export interface Principal {
  kind: string;
  name: string;
  role: Role;
  /** The only org they see; `null` is every org. */
  org: { id: string; name: string } | null;
}

/**
 * Who has written what a browser keeps. A session is a token of its own and ends within hours, so what a
 * lab knows of somebody for longer is their role and their org.
 */
export function writerOf(who: Pick<Principal, "role" | "org">): string {
  return `${who.role}.${who.org?.id ?? "all"}`;
}

/** The header that carries the per-login secret. */
const SESSION_HEADER = "X-Devlab-Session";

let known: Principal | null = null;

/** Headers of a call, for everything that does not go through the API client. */
export function sessionHeaders(): Record<string, string> {
  const secret = currentSecret();
  return secret ? { [SESSION_HEADER]: secret } : {};
}

async function call(method: string, body?: unknown): Promise<Response> {
  try {
    return await fetch("/api/session", {
      method,
      headers: { ...sessionHeaders(), ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : null,
    });
  } catch {
    throw Problem.offline();
  }
}

/** Who is logged in, or `null`. Asks the server once for each page load. */
export async function principal(): Promise<Principal | null> {
  if (known) return known;
  if (!(await findSecret())) return null;
  const response = await call("GET");
  if (response.status === 401 || response.status === 403) {
    dropSecret();
    return null;
  }
  if (!response.ok) throw await Problem.of(response);
  const body = (await response.json()) as Principal | { principal: Principal };
  known = "principal" in body ? body.principal : body;
  return known;
}

/** Logs in with a token, or with the code of a one-time link. */
export async function logIn(with_: { token: string } | { code: string }): Promise<Principal> {
  const response = await call("POST", with_);
  if (!response.ok) throw await Problem.of(response);
  const body = (await response.json()) as { secret: string; principal: Principal };
  keepSecret(body.secret);
  known = body.principal;
  return body.principal;
}

/** Logs out, here and in every tab. */
export async function logOut(): Promise<void> {
  try {
    await call("DELETE");
  } finally {
    endSession();
    forgetSecret();
  }
}

/** Forgets who was logged in: the server said that the session is over. */
export function endSession(): void {
  known = null;
  dropSecret();
}

/** What a role may do, as the server decides it. */
export const may = {
  change: (who: Principal) => who.role === "admin" || who.role === "operator",
  administer: (who: Principal) => who.role === "admin",
};
