import createClient from "openapi-fetch";
import { sessionHeaders } from "../session/session";
import { Problem } from "./problem";
import type { paths } from "./schema";

let onUnauthorized: () => void = () => {};

/** Sets what happens when an answer says that the session is over. */
export function whenUnauthorized(run: () => void): void {
  onUnauthorized = run;
}

async function checked(send: () => Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await send();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw Problem.offline();
  }
  if (response.status === 401) onUnauthorized();
  if (!response.ok) throw await Problem.of(response);
  return response;
}

/** A call below `/api` that is not JSON: logs, diffs, downloads. */
export function call(path: string, init: RequestInit = {}): Promise<Response> {
  return checked(() => fetch(path, { ...init, headers: { ...sessionHeaders(), ...init.headers } }));
}

/**
 * The generated client. Its paths begin with `/v1`; the dashboard has them
 * below `/api`. Every refusal is thrown as a `Problem`.
 */
export const api = createClient<paths>({
  baseUrl: "/api",
  fetch: (request) => {
    for (const [name, value] of Object.entries(sessionHeaders())) request.headers.set(name, value);
    return checked(() => fetch(request));
  },
});

/** The body of an answer that has one. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  if (data === undefined) throw new Error("the answer has no body");
  return data;
}
