import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, logIn, test } from "../fixtures";
import { client } from "../lab";

test("one logs in by the one-time link, once", async ({ page, world }) => {
  await page.goto(`${world.origin}/ui/login#${world.lab.code}`);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("heading", { name: "Log in to devlab" })).toBeVisible();
  await page.goto(`${world.origin}/ui/login#${world.lab.code}`);
  await expect(page.getByText("This link was used already")).toBeVisible();
});

test("a wrong token is refused in words, and the address one wanted is kept", async ({ page, world }) => {
  await page.goto(`${world.origin}/ui/o/default/board?view=table`);
  await page.getByLabel("Token").fill("dl_wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByText("does not know this token")).toBeVisible();
  await page.getByLabel("Token").fill(world.lab.token);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL(/\/ui\/o\/default\/board\?view=table/);
});

test("two orgs see nothing of each other", async ({ browser, world }) => {
  await world.api.post("/orgs", { name: "other" });
  const { secret } = await world.api.post<{ secret: string }>("/tokens", { role: "viewer", org: "other" });
  const hidden = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Secret of the first",
  });
  const page = await world.open(browser, secret);
  await expect(page).toHaveURL(/\/ui\/o\/other/);
  await expect(page.getByText("Nothing runs")).toBeVisible();
  await world.api.post("/schedule", { org: "default", task: "Another secret" });
  await world.api.post("/schedule", { org: "other", task: "Visible to the other" });
  await page.goto(`${world.origin}/ui/o/other/board`);
  await expect(page.getByText("Visible to the other")).toBeVisible();
  await expect(page.getByText(/secret/i)).toHaveCount(0);
  for (const path of [`/o/default/board`, `/o/other/tasks/${hidden.goal}`]) {
    await page.goto(`${world.origin}/ui${path}`);
    await expect(page.getByText("There is no such thing here")).toBeVisible();
  }
  // A viewer reads: what changes something says why it cannot be used.
  await page.goto(`${world.origin}/ui/o/other/new`);
  await expect(page.getByText("You may not see this")).toBeVisible();
  await page.goto(`${world.origin}/ui/o/other/admin/tokens`);
  await expect(page.getByRole("alert")).toContainText("You may not see this");
});

test("a server on another port gets the cookie and can do nothing with it, nor can its page", async ({
  page,
  context,
  world,
}) => {
  await logIn(page, world.origin, world.lab.token);
  const known = await context.cookies(`${world.origin}/api/session`);
  expect(known.find((cookie) => cookie.name.startsWith("devlab_session_"))).toMatchObject({
    httpOnly: true,
    sameSite: "Strict",
  });
  const thief = await startThief();
  // Cookies ignore ports: the browser hands it over.
  await page.goto(`${thief.origin}/api/page`);
  const stolen = thief.cookies.find((cookie) => cookie.includes("devlab_session_"));
  expect(stolen).toBeDefined();
  for (const path of ["/api/session", "/api/v1/tasks", "/api/events", "/api/state"]) {
    expect(await replay(`${world.origin}${path}`, stolen ?? ""), path).toBe(401);
  }
  expect(await replay(`${world.origin}/api/command`, stolen ?? "", { task: "Stolen" })).toBe(401);
  // What its page asks for comes from the same site, with the cookie, and is neither answered nor readable.
  const asked = await page.evaluate(async (origin) => {
    const plain = { credentials: "include", mode: "no-cors" } as const;
    const seen = await fetch(`${origin}/api/v1/tasks`, plain);
    const read = await fetch(`${origin}/api/v1/tasks`, { credentials: "include" }).catch(() => "refused");
    const own = await fetch(`${origin}/api/v1/tasks`, {
      credentials: "include",
      headers: { "X-Devlab-Session": "guess" },
    }).catch(() => "refused");
    return [seen.type, read, own, document.cookie.includes("devlab_session")];
  }, world.origin);
  expect(asked).toEqual(["opaque", "refused", "refused", false]);
  thief.stop();
});

/** A server on another port of this host that keeps every cookie it is sent. */
async function startThief() {
  const cookies: string[] = [];
  const server = createServer((asked, answer) => {
    if (asked.headers.cookie) cookies.push(asked.headers.cookie);
    answer.setHeader("Content-Type", "text/html");
    answer.end("<!doctype html><title>Another server</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    cookies,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Status of a request with a stolen cookie. */
function replay(url: string, cookie: string, body?: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { Cookie: cookie, ...(body ? { "Content-Type": "application/json" } : {}) };
    const sent = request(url, { method: body ? "POST" : "GET", headers }, (answer) => {
      answer.destroy();
      resolve(answer.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end(body && JSON.stringify(body));
  });
}

test("a session that ends leads to the log-in, in every tab", async ({ browser, world }) => {
  const { secret } = await world.api.post<{ secret: string }>("/tokens", {
    role: "operator",
    org: "default",
  });
  const page = await world.open(browser, secret);
  const second = await page.context().newPage();
  await second.goto(`${world.origin}/ui/o/default/board`);
  await expect(second.getByRole("heading", { name: "Board" })).toBeVisible();
  // The session is a token of its own, which the page names.
  const session = await page.locator('aside [title^="tok_"]').getAttribute("title");
  const revoked = await fetch(`${world.lab.url}/v1/tokens/${session}`, {
    method: "DELETE",
    headers: { Authorization: `Bearer ${world.lab.token}` },
  });
  expect(revoked.status).toBe(204);
  await client(world.lab).post("/schedule", { org: "default", task: "Wake the streams", labels: ["nobody"] });
  for (const one of [page, second]) {
    await expect(one.getByRole("heading", { name: "Log in to devlab" })).toBeVisible({ timeout: 30_000 });
  }
});
