import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { Fault, hurry } from "../fault";
import { expect, test } from "../fixtures";
import { client, until } from "../lab";
import { script } from "../seed";

/** Cuts the lists of tasks after what is there, as if the org had more; the server counts so many. */
async function cutLists(page: Page, counts: Record<string, number>): Promise<void> {
  await page.route("**/api/v1/tasks?*state=*", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), next: "more" } });
  });
  await page.route("**/api/v1/state?*", async (route) => {
    const answer = await route.fetch();
    const state = (await answer.json()) as { orgs: Array<{ tasks: Record<string, number> }> };
    for (const org of state.orgs) Object.assign(org.tasks, counts);
    await route.fulfill({ response: answer, json: state });
  });
}

test("where a list is cut the page says so, and counts with the server", async ({ browser, world }) => {
  const { api } = world;
  await api.post("/orgs", { name: "large" });
  for (const title of ["Decide on this", "Decide on that"]) {
    await api.post("/tasks", { org: "large", title, driver: script("true"), draft: true });
  }
  await api.post("/schedule", {
    org: "large",
    title: "Go on for long",
    tasks: [{ key: "a", title: "First", labels: ["nobody"] }],
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/large`);
  const inbox = page.getByRole("region", { name: "Waiting for you" });
  const running = page.getByRole("region", { name: "Running now" });
  await expect(inbox.getByText("2 tasks")).toBeVisible();
  await expect(running.getByText("1 task", { exact: true })).toBeVisible();
  await cutLists(page, { draft: 700, waiting: 30, failed: 4, running: 1_200, integrating: 34, done: 5_000 });
  await page.reload();
  await expect(inbox.getByText("the newest 2 of 734")).toBeVisible();
  await inbox.getByRole("link", { name: "on the board" }).click();
  await expect(page).toHaveURL(/board\?.*states=draft/);
  await page.goBack();
  await expect(running.getByText("1,234 tasks")).toBeVisible();
  await expect(running.getByText("and 1,233 more")).toBeVisible();
  const throughput = page.getByRole("region", { name: "Throughput" });
  await expect(throughput.getByText("of the newest 0 of 5,000 done tasks")).toBeVisible();
  const figures = page.getByRole("definition");
  await expect(figures.getByText("0 or more", { exact: true })).toHaveCount(3);
  await expect(page.getByRole("link", { name: /Overview/ })).toContainText("2+");
});

test("an agent's work is not named before it is known", async ({ browser, world }) => {
  const done = join(world.lab.home, "named");
  await world.api.post("/schedule", {
    org: "default",
    task: "Name me",
    driver: script(`until [ -e '${done}' ]; do sleep 0.1; done`),
  });
  const page = await world.open(browser);
  const tasks = await Fault.on(page, "**/api/v1/tasks?*state=running*", "hold");
  await page.goto(`${world.origin}/ui/o/default/agents`);
  const agents = page.getByRole("region", { name: "Agents" });
  await expect(agents.getByText("busy")).toBeVisible();
  await expect(agents.getByText("verifies a merge")).toHaveCount(0);
  await tasks.off();
  await expect(agents.getByRole("link", { name: "Name me" })).toBeVisible();
  await expect(agents.getByText("busy")).toHaveCount(0);
  writeFileSync(done, "");
});

test("an agent is drained, takes work again, and is removed", async ({ browser, world }) => {
  await world.api.post("/orgs", { name: "workers" });
  const { secret } = await world.api.post<{ secret: string }>("/tokens", { role: "agent", org: "workers" });
  // It holds no work, and its process is not there: nobody registers it again.
  await client(world.lab, secret).post("/agents", { name: "old-laptop", capacity: 2 });
  const agent = async () => {
    const { items } = await world.api.get<{ items: Array<{ draining: boolean }> }>("/agents?org=workers");
    return items[0];
  };
  const page = await world.open(browser);
  await page.route("**/api/v1/clusters?*", (route) => route.fulfill({ json: { items: [] } }));
  await page.goto(`${world.origin}/ui/o/workers/agents`);
  await expect(page.getByText("No clusters")).toBeVisible();
  const row = page.getByRole("listitem").filter({ hasText: "old-laptop" });
  await expect(row).toContainText(/online.* · seen /);
  await row.getByRole("button", { name: "Drain" }).click();
  await expect(row.getByText("draining")).toBeVisible();
  expect((await agent())?.draining).toBe(true);
  await row.getByRole("button", { name: "Resume" }).click();
  await expect(row.getByText("draining")).toBeHidden();
  expect((await agent())?.draining).toBe(false);
  await row.getByRole("button", { name: "Drain" }).click();
  await row.getByRole("button", { name: "Remove old-laptop" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Keep" }).click();
  await expect(row).toBeVisible();
  await row.getByRole("button", { name: "Remove old-laptop" }).click();
  await dialog.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(page.getByText("No agents yet")).toBeVisible();
  expect(await agent()).toBeUndefined();
});

test("an agent that holds work cannot be removed, and the page says why", async ({ browser, world }) => {
  const done = join(world.lab.home, "held");
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Hold on",
    driver: script(`until [ -e '${done}' ]; do sleep 0.1; done`),
  });
  await until("it is at work", async () => {
    const { state } = await world.api.get<{ state: string }>(`/tasks/${goal}`);
    return state === "running" || undefined;
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/agents`);
  const row = page
    .getByRole("listitem")
    .filter({ has: page.getByRole("link", { name: "Hold on" }) })
    .first();
  const remove = row.getByRole("button", { name: /^Remove/ });
  await expect(remove).toHaveAttribute("title", /It holds 1 attempt: drain it/);
  await remove.press("Enter");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  writeFileSync(done, "");
});

test("tokens and the audit log follow what happens, and nothing moves under one's eyes", async ({
  browser,
  world,
}) => {
  await world.api.post("/orgs", { name: "audited" });
  const make = (note: string) => world.api.post("/tokens", { role: "viewer", org: "audited", note });
  await make("The first");
  const page = await world.open(browser);
  await page.clock.install();
  await page.goto(`${world.origin}/ui/o/audited/admin/tokens`);
  await expect(page.getByText("The first")).toBeVisible();
  await make("The second");
  // No event tells of it: it is looked at now and then.
  await hurry(page, () => expect(page.getByText("The second")).toBeVisible({ timeout: 250 }));

  await page.goto(`${world.origin}/ui/o/audited/admin/audit?q=token.create`);
  const rows = page.getByRole("row");
  await expect(rows).toHaveCount(3);
  await make("The third");
  const news = page.getByRole("button", { name: "1 new entry" });
  const before = await rows.nth(1).boundingBox();
  await hurry(page, () => expect(news).toBeVisible({ timeout: 250 }));
  await expect(rows).toHaveCount(3);
  expect(await rows.nth(1).boundingBox()).toEqual(before);
  await news.click();
  await expect(rows).toHaveCount(4);
  await expect(news).toBeHidden();
});

test("what is of no org is behind a switch for those who look after the lab, their log-ins included", async ({
  browser,
  world,
}) => {
  const { id } = await world.api.post<{ id: string }>("/orgs", { name: "quiet" });
  const own = await world.api.post<{ secret: string }>("/tokens", {
    role: "admin",
    org: id,
    note: "Its own",
  });
  const page = await world.open(browser);
  const admin = `${world.origin}/ui/o/quiet/admin`;
  await page.goto(`${admin}/audit?q=login`);
  await expect(page.getByLabel("Kind of change")).toHaveValue("login");
  await expect(page.getByText("Nothing fits this filter")).toBeVisible();
  await page.getByRole("button", { name: "The lab's own" }).click();
  await expect(page.getByRole("cell", { name: "session.open" }).first()).toBeVisible();
  await page.reload();
  await expect(page.getByRole("cell", { name: "session.open" }).first()).toBeVisible();
  const exported = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const lines = readFileSync(await (await exported).path(), "utf8")
    .trim()
    .split("\n");
  const entries = lines.map((line) => JSON.parse(line) as { action: string; org?: string });
  expect(entries.every((entry) => entry.org === undefined)).toBe(true);
  expect(new Set(entries.map((entry) => entry.action))).toContain("session.open");

  await page.goto(`${admin}/tokens`);
  await expect(page.getByText("Its own")).toBeVisible();
  await expect(page.getByText("this login")).toHaveCount(0);
  await page.getByRole("button", { name: "The lab's own" }).click();
  await expect(page.getByText("this login")).toBeVisible();
  await expect(page.getByText("Its own")).toHaveCount(0);

  // Who sees one org has no other log, whatever the address says.
  const other = await world.open(browser, own.secret);
  await other.goto(`${admin}/audit?of=lab&q=login`);
  await expect(other.getByRole("cell", { name: "session.open" }).first()).toBeVisible();
  await expect(other.getByRole("button", { name: "The lab's own" })).toHaveCount(0);
});

test("the audit log hears of a change by its event", async ({ browser, world }) => {
  await world.api.post("/orgs", { name: "heard" });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/heard/admin/audit?q=schedule`);
  await expect(page.getByText("Nothing fits this filter")).toBeVisible();
  await world.api.post("/schedule", { org: "heard", task: "Be heard", labels: ["nobody"] });
  await page.getByRole("button", { name: "1 new entry" }).click();
  await expect(page.getByRole("row")).toHaveCount(2);
});
