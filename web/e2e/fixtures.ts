import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { type Browser, test as base, expect, type Page, type Request } from "@playwright/test";
import { client, freePort, type Lab, startLab, until } from "./lab";

export { expect };

/** A lab with the dashboard before it. */
export interface World {
  lab: Lab;
  /** Address of the dashboard, without `/ui`. */
  origin: string;
  api: ReturnType<typeof client>;
  /** A page that is logged in. */
  open: (browser: Browser, token?: string) => Promise<Page>;
}

/**
 * The dashboard of the binary itself. With E2E_SERVER=preview it is `vite preview` instead, which
 * serves the build of the moment as the binary does: for work on the app without building the binary.
 */
async function serve(lab: Lab): Promise<{ origin: string; stop: () => void }> {
  let origin = lab.dashboard;
  let child: ChildProcess | undefined;
  if (process.env["E2E_SERVER"] === "preview") {
    const port = await freePort();
    const web = join(import.meta.dirname, "..");
    const vite = join(web, "node_modules/vite/bin/vite.js");
    child = spawn(
      process.execPath,
      [vite, "preview", "--host", "127.0.0.1", "--port", String(port), "--strictPort"],
      {
        cwd: web,
        env: { ...process.env, DEVLAB_URL: lab.url },
        stdio: ["ignore", "ignore", "inherit"],
      },
    );
    origin = `http://127.0.0.1:${port}`;
  }
  await until("the dashboard answers", async () =>
    (await fetch(`${origin}/api/health`)).ok ? true : undefined,
  );
  return { origin, stop: () => child?.kill() };
}

export async function logIn(page: Page, origin: string, token: string): Promise<void> {
  await page.goto(`${origin}/ui/login`);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL("**/ui/o/**");
  await page.locator("#main h1").waitFor();
}

/** Pages of the test that runs, and what each has asked for and not got yet, with the time of asking. */
const opened = new Map<Page, Map<Request, number>>();

function watch(page: Page): void {
  const asked = new Map<Request, number>();
  opened.set(page, asked);
  page.on("request", (request) => asked.set(request, Date.now()));
  page.on("requestfinished", (request) => asked.delete(request));
  page.on("requestfailed", (request) => asked.delete(request));
}

/** What the pages still wait for: a part that stays empty has its cause here, or it has none outside of the page. */
function unanswered(): string {
  const now = Date.now();
  return [...opened]
    .map(([page, asked]) => {
      const lines = [...asked].map(
        ([request, at]) => `  ${request.method()} ${request.url()} for ${now - at} ms`,
      );
      return [`${page.url()} waits for ${lines.length}`, ...lines].join("\n");
    })
    .join("\n");
}

export const test = base.extend<{ tidy: undefined }, { world: World }>({
  tidy: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern
    async ({}, use, info) => {
      await use(undefined);
      if (info.status !== info.expectedStatus) console.error(unanswered());
      // Pages that stay follow the lab for as long as the worker lives, and slow down what comes after.
      await Promise.all([...opened.keys()].map((page) => page.context().close()));
      opened.clear();
    },
    { auto: true },
  ],
  world: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern
    async ({}, use) => {
      const lab = await startLab();
      const served = await serve(lab);
      await use({
        lab,
        origin: served.origin,
        api: client(lab),
        open: async (browser, token = lab.token) => {
          const context = await browser.newContext();
          const page = await context.newPage();
          watch(page);
          await logIn(page, served.origin, token);
          return page;
        },
      });
      served.stop();
      await lab.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
});
