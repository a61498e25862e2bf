import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** How long a lab may take to answer, in milliseconds. */
const UP_MS = 30_000;
const LOOK_MS = 100;

/** A name that labs answer to besides; nothing resolves it but a browser that is told to. */
export const ANOTHER_NAME = "lab.test";

/** A real lab: a server and agents as processes of their own, in a folder of their own, on a free port. */
export interface Lab {
  url: string;
  /** Address of its dashboard. */
  dashboard: string;
  home: string;
  token: string;
  /** The code of the one-time link that the first start prints. */
  code: string;
  /** Ends the server as a crash does; its agents go on. */
  kill: () => Promise<void>;
  /** Starts it again on what it left. */
  start: () => Promise<void>;
  stop: () => Promise<void>;
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}

export async function until<T>(what: string, look: () => Promise<T | undefined>, ms = UP_MS): Promise<T> {
  const end = Date.now() + ms;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`not within ${ms} ms: ${what}${last ? ` (${String(last)})` : ""}`);
}

/** The binary under test: DEVLAB_BINARY, or what `make build` makes. */
export function binary(): string {
  const target = process.env["CARGO_TARGET_DIR"] ?? join(import.meta.dirname, "../../target");
  return process.env["DEVLAB_BINARY"] ?? join(target, "release/devlab");
}

export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

export async function startLab(agents = 2): Promise<Lab> {
  const home = mkdtempSync(join(tmpdir(), "devlab-e2e-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const dashboardPort = await freePort();
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    DEVLAB_HOME: home,
    DEVLAB_BIND: `127.0.0.1:${port}`,
    DEVLAB_DASHBOARD_BIND: `127.0.0.1:${dashboardPort}`,
    DEVLAB_ALLOWED_HOSTS: ANOTHER_NAME,
  };
  let server: ChildProcess | undefined;
  let said = "";
  const start = async () => {
    server = spawn(binary(), ["server"], { env, stdio: ["ignore", "pipe", "inherit"] });
    server.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until("the lab answers", async () => ((await fetch(`${url}/v1/ready`)).ok ? true : undefined));
  };
  await start();
  const token = await until("the lab's token", async () => {
    const kept = JSON.parse(readFileSync(join(home, "credentials.json"), "utf8")) as { token: string };
    return kept.token;
  });
  const code = await until("the one-time link", async () => /login#(\S+)/.exec(said)?.[1]);
  const own = await client({ url, token }).post<{ secret: string }>("/tokens", {
    role: "agent",
    org: "default",
  });
  const workers = Array.from({ length: agents }, (_, at) =>
    spawn(
      binary(),
      ["agent", "--name", `agent-${at + 1}`, "--url", url, "--home", join(home, `agent-${at + 1}`)],
      {
        env: { ...env, DEVLAB_TOKEN: own.secret },
        stdio: "ignore",
      },
    ),
  );
  return {
    url,
    dashboard: `http://127.0.0.1:${dashboardPort}`,
    home,
    token,
    code,
    start,
    kill: async () => {
      server?.kill("SIGKILL");
      if (server) await ended(server);
    },
    stop: async () => {
      for (const child of [...workers, server]) child?.kill("SIGTERM");
      await Promise.all([...workers, server].map((child) => child && ended(child)));
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Calls of a lab's interface. */
export function client(lab: Pick<Lab, "url" | "token">, token = lab.token) {
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${lab.url}/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  };
  return {
    get: <T>(path: string) => call<T>("GET", path),
    put: <T>(path: string, body: unknown) => call<T>("PUT", path, body),
    post: <T>(path: string, body?: unknown) => call<T>("POST", path, body ?? {}),
  };
}

/** A project with a small repository, pushed over the lab's own git. */
export async function makeProject(
  lab: Pick<Lab, "url" | "token" | "home">,
  name: string,
  files: Record<string, string>,
  org = "default",
) {
  const made = await client(lab).post<{ id: string; git_path: string }>("/projects", { org, name });
  const folder = mkdtempSync(join(lab.home, "checkout-"));
  const git = (...args: string[]) =>
    execFileSync(
      "git",
      ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main", ...args],
      {
        cwd: folder,
        stdio: "pipe",
      },
    );
  git("init", "-q");
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  git("add", "-A");
  git("commit", "-qm", "Begin");
  const to = new URL(made.git_path, lab.url);
  to.username = "token";
  to.password = lab.token;
  git("push", "-q", to.href, "HEAD:refs/heads/main");
  return made;
}
