// Stands for the dashboard listener while the app is developed and tried: it
// answers the calls about sessions, and sends all others on to an orchestrator
// with the token of the session. It is part of `vite` and `vite preview` only
// and of no build; no token reaches the browser.
//
// DEVLAB_URL names the orchestrator; default: http://127.0.0.1:18080
import { randomBytes } from "node:crypto";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";

const COOKIE = "devlab_session";
const HEADER = "x-devlab-session";
/** The policy of the dashboard: what the build must work under. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
  "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

interface Session {
  secret: string;
  token: string;
  principal: object;
}

const sessions = new Map<string, Session>();

function orchestrator(): URL {
  return new URL(process.env["DEVLAB_URL"] ?? "http://127.0.0.1:18080");
}

async function read(from: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of from) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function answer(response: ServerResponse, status: number, body?: object): void {
  response.statusCode = status;
  response.setHeader("Cache-Control", "no-store");
  if (!body) {
    response.end();
    return;
  }
  response.setHeader("Content-Type", status < 400 ? "application/json" : "application/problem+json");
  response.end(JSON.stringify(body));
}

function refuse(response: ServerResponse): void {
  answer(response, 401, {
    type: "/docs#problem-unauthorized",
    status: 401,
    code: "unauthorized",
    title: "A valid session is needed",
    detail: "the session is over, or its secret is missing",
    help: "Log in again.",
    request_id: "development",
  });
}

/** The session whose cookie and secret both are right. */
function sessionOf(incoming: IncomingMessage): Session | undefined {
  const cookies = (incoming.headers.cookie ?? "").split(";").map((one) => one.trim().split("="));
  const id = cookies.find(([name]) => name === COOKIE)?.[1];
  const session = id ? sessions.get(id) : undefined;
  return session && session.secret === incoming.headers[HEADER] ? session : undefined;
}

async function logIn(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = JSON.parse((await read(incoming)).toString() || "{}") as { token?: string; code?: string };
  let token = asked.token;
  if (asked.code) {
    const made = await fetch(new URL("/v1/login", orchestrator()), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code: asked.code }),
    });
    if (!made.ok) return answer(response, made.status, (await made.json()) as object);
    token = ((await made.json()) as { secret: string }).secret;
  }
  const who = await fetch(new URL("/v1/whoami", orchestrator()), {
    headers: { Authorization: `Bearer ${token ?? ""}` },
  });
  if (!who.ok || !token) return answer(response, who.status, (await who.json()) as object);
  const said = (await who.json()) as { token: string; role: string; org?: string; org_name?: string };
  const principal = {
    kind: "token",
    name: said.token,
    role: said.role,
    org: said.org ? { id: said.org, name: said.org_name } : null,
  };
  const id = randomBytes(32).toString("base64url");
  const secret = randomBytes(32).toString("base64url");
  sessions.set(id, { secret, token, principal });
  response.setHeader("Set-Cookie", `${COOKIE}=${id}; Path=/api; HttpOnly; SameSite=Strict`);
  const expires_at = new Date(Date.now() + 12 * 3600 * 1000).toISOString();
  answer(response, 200, { secret, principal, expires_at });
}

/** Sends a call on, its body and its answer as they come. */
function passOn(incoming: IncomingMessage, response: ServerResponse, path: string, token: string): void {
  const to = orchestrator();
  const { cookie: _cookie, [HEADER]: _secret, host: _host, ...headers } = incoming.headers;
  const sent = request(
    {
      host: to.hostname,
      port: to.port,
      path,
      method: incoming.method,
      headers: { ...headers, host: to.host, authorization: `Bearer ${token}` },
    },
    (got) => {
      response.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(response);
      got.on("error", () => response.destroy());
    },
  );
  sent.on("error", () => {
    if (response.headersSent) response.destroy();
    else answer(response, 502);
  });
  response.on("close", () => sent.destroy());
  incoming.pipe(sent);
}

const middleware: Connect.NextHandleFunction = (incoming, response, next) => {
  const url = new URL(incoming.url ?? "/", "http://development");
  if (!url.pathname.startsWith("/api/")) return next();
  if (url.pathname === "/api/health") return answer(response, 200, { status: "ok" });
  if (url.pathname === "/api/session" && incoming.method === "POST") {
    void logIn(incoming, response).catch(() => answer(response, 502));
    return undefined;
  }
  const session = sessionOf(incoming);
  if (!session) return refuse(response);
  if (url.pathname === "/api/session") {
    if (incoming.method !== "DELETE") return answer(response, 200, session.principal);
    for (const [id, one] of sessions) if (one === session) sessions.delete(id);
    return answer(response, 204);
  }
  const path = url.pathname === "/api/events" ? "/v1/events/stream" : url.pathname.replace(/^\/api/, "");
  return passOn(incoming, response, path + url.search, session.token);
};

/** The plugin of `vite` and `vite preview`. */
export function lab(): Plugin {
  return {
    name: "devlab-lab",
    configureServer: (server) => void server.middlewares.use(middleware),
    configurePreviewServer: (server) => {
      server.middlewares.use(middleware);
      server.middlewares.use((_incoming, response, next) => {
        response.setHeader("Content-Security-Policy", POLICY);
        next();
      });
    },
  };
}
