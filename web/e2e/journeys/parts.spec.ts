import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator } from "@playwright/test";
import { expect, test } from "../fixtures";
import { client, makeProject, until } from "../lab";
import { noisy, script, seedGraph, seedReview } from "../seed";

test("what begins to wait is told in the page, except where it is shown anyway", async ({
  browser,
  world,
}) => {
  const page = await world.open(browser);
  const draft = (title: string) =>
    world.api.post<{ id: string }>("/tasks", { org: "default", title, driver: script("true"), draft: true });
  const told = page.getByRole("dialog").getByText("Approve: Told on the board");
  await page.keyboard.press("g");
  await page.keyboard.press("b");
  await expect(page.getByRole("heading", { name: "Board" })).toBeVisible();
  await draft("Told on the board");
  await expect(told).toBeVisible();
  // Its button is there for who points at it, or comes to it by keyboard.
  await told.hover();
  await page.getByRole("button", { name: "Dismiss" }).first().click();
  await expect(told).toBeHidden();
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await draft("Shown in the inbox");
  await expect(page.getByRole("button", { name: /^Shown in the inbox/ })).toBeVisible();
  await expect(page.getByText("Approve: Shown in the inbox")).toHaveCount(0);
});

test("a goal's groups are folded in the graph and in the list, and its attempts have a timeline", async ({
  browser,
  world,
}) => {
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    title: "Nested",
    tasks: [
      { key: "begin", title: "Begin", driver: script("true") },
      { key: "break", title: "Break", driver: script("exit 3") },
      {
        key: "pages",
        title: "Write the pages",
        depends_on: ["begin"],
        tasks: ["Guide", "Index"].map((title) => ({ key: title.toLowerCase(), title, labels: ["nobody"] })),
      },
      { key: "publish", title: "Publish", depends_on: ["pages"], labels: ["nobody"] },
    ],
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/goals/${goal}`);
  const graph = page.getByRole("group", { name: "Graph of tasks" });
  const guide = (place: Locator) => place.getByRole("button", { name: /^Guide/ });
  await expect(guide(graph)).toBeVisible();
  // What is outlined says so, and what is not does not.
  const critical = graph.getByRole("button", { name: /, on the critical path$/ });
  await expect(critical).toHaveCount(2);
  await expect(critical.filter({ hasText: "Write the pages" })).toBeVisible();
  await expect(critical.filter({ hasText: "Publish" })).toBeVisible();
  await graph.getByRole("button", { name: "Fold Write the pages" }).click();
  await expect(guide(graph)).toHaveCount(0);
  // One fold holds in both views.
  await page.keyboard.press("2");
  const rows = page.getByRole("listitem");
  const group = rows.filter({ hasText: "Write the pages" });
  await expect(group).toContainText("0 of 2");
  await expect(rows.filter({ hasText: "Guide" })).toHaveCount(0);
  await group.getByRole("button", { name: "Unfold Write the pages" }).click();
  await expect(rows.filter({ hasText: "Guide" })).toBeVisible();
  await group.getByRole("button", { name: "Fold Write the pages" }).click();
  await expect(rows.filter({ hasText: "Guide" })).toHaveCount(0);
  await page.keyboard.press("3");
  await expect(page.getByRole("list", { name: "Signs of attempts" })).toContainText("failed");
  const attempts = (title: string) => rows.filter({ hasText: title }).getByRole("img");
  await expect(attempts("Break").first()).toHaveAccessibleName(/^Attempt 1: driver failed, /);
  await expect(attempts("Begin")).toHaveAccessibleName(/^Attempt 1: succeeded, /);
  await page.getByRole("button", { name: /^Begin/ }).click();
  await expect(page.getByRole("complementary", { name: "The chosen task" })).toContainText("Begin");
});

test("a graph is fitted to what the chosen task leaves of it, unless one has moved it", async ({
  browser,
  world,
}) => {
  const goal = await seedGraph(world.lab, 12, 6);
  const page = await world.open(browser);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${world.origin}/ui/o/default/goals/${goal}`);
  const tasks = page
    .getByRole("group", { name: "Graph of tasks" })
    .getByRole("button", { name: /^Migrate module/ });
  const allInSight = async () => {
    await expect(tasks).toHaveCount(12);
    for (const task of await tasks.all()) await expect(task).toBeInViewport({ ratio: 0.99 });
  };
  const peek = page.getByRole("complementary", { name: "The chosen task" });
  await allInSight();
  await tasks.first().click();
  await expect(peek).toBeVisible();
  await allInSight();

  const left = async () => (await tasks.first().boundingBox())?.x ?? 0;
  const fitted = await left();
  await tasks.first().hover();
  // One turn of the wheel is enough to choose a part of it.
  await page.mouse.wheel(120, 0);
  await expect.poll(left).not.toBe(fitted);
  const moved = await left();
  await page.keyboard.press("Escape");
  await expect(peek).toBeHidden();
  expect(await left()).toBe(moved);

  await page.getByRole("button", { name: "Fit View" }).click();
  await allInSight();
  await tasks.first().click();
  await expect(peek).toBeVisible();
  await allInSight();
});

test("a log is searched, wrapped, and gone through by its errors; a line has an address", async ({
  browser,
  world,
}) => {
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Read me",
    driver: script(`${noisy(400)}echo "last ${"and long ".repeat(60)}line"`),
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${goal}?tab=log`);
  const line = (n: number) => page.getByRole("button", { name: `Link to line ${n}`, exact: true });
  await page.getByRole("button", { name: "10 error lines" }).click();
  await expect(line(17)).toBeInViewport();
  for (let turn = 0; turn < 8; turn += 1) await page.keyboard.press("!");
  await expect(line(337)).toBeInViewport();
  await expect(line(17)).not.toBeInViewport();
  const word = page.getByLabel("Search the log");
  await page.keyboard.press("/");
  await expect(word).toBeFocused();
  await page.keyboard.type("unused variable");
  await expect(page.getByText("1 of 10", { exact: true })).toBeVisible();
  await expect(line(40)).toBeInViewport();
  await page.keyboard.press("Shift+Enter");
  await expect(page.getByText("10 of 10", { exact: true })).toBeVisible();
  await expect(line(400)).toBeInViewport();
  await page.keyboard.press("Escape");
  const last = page.locator("[data-line]", { hasText: "last and long" });
  const height = async () => (await last.boundingBox())?.height ?? 0;
  const lines = page.getByRole("region", { name: "Lines of the log" });
  await lines.focus();
  await page.keyboard.press("End");
  await expect.poll(height).toBe(20);
  await page.keyboard.press("w");
  await expect.poll(height).toBeGreaterThanOrEqual(60);
  await page.keyboard.press("w");
  await line(399).click();
  await expect(page).toHaveURL(/line=399/);
  await page.reload();
  await expect(line(399)).toBeInViewport();
});

test("a diff is read side by side and in one column, and so its address says", async ({ browser, world }) => {
  const { review } = await seedReview(world.lab, "both-ways");
  const page = await world.open(browser);
  await until("it waits for a review", async () => {
    const task = await world.api.get<{ waiting_for?: string }>(`/tasks/${review}`);
    return task.waiting_for === "review" || undefined;
  });
  await page.goto(`${world.origin}/ui/o/default/tasks/${review}?tab=changes&diff=split`);
  const changes = page.getByRole("region", { name: "Changes" });
  const place = async (text: string) => {
    const box = await changes.getByText(text, { exact: false }).first().boundingBox();
    return { x: Math.round(box?.x ?? 0), y: Math.round(box?.y ?? 0) };
  };
  const [before, after] = ["text.lines().filter_map", "text.lines().map(str::trim_end)"];
  await expect(changes.getByText("parse_all").first()).toBeVisible();
  // What was is on the left of what is.
  expect((await place(before)).y).toBe((await place(after)).y);
  expect((await place(before)).x).toBeLessThan((await place(after)).x);
  await page.keyboard.press("s");
  await expect(page).toHaveURL(/diff=unified/);
  await expect.poll(async () => (await place(before)).x - (await place(after)).x).toBe(0);
  expect((await place(before)).y).toBeLessThan((await place(after)).y);
  await page.reload();
  await expect(page.getByRole("button", { name: "Unified" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Fold docs/comments.md" }).click();
  await expect(page.getByText("is a comment.")).toHaveCount(0);
});

test("the train of a project shows what is being verified on its merge, until it is published", async ({
  browser,
  world,
}) => {
  const [met, go] = [join(world.lab.home, "met"), join(world.lab.home, "train-go")];
  // Each result passes alone at once; on the merge of both the check waits.
  const check = `[ -e one.txt ] && [ -e two.txt ] || exit 0; until [ -e '${go}' ]; do sleep 0.1; done`;
  await makeProject(world.lab, "on-rails", {
    "a.txt": "a\n",
    ".devlab/project.toml": `[[check]]\nname = "together"\nrun = "${check}"\n`,
  });
  const write = (name: string) =>
    script(
      `touch '${met}'-${name}; until [ -e '${met}-one' ] && [ -e '${met}-two' ]; do sleep 0.1; done; echo ${name} >${name}.txt`,
    );
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    project: "on-rails",
    review: false,
    title: "Two at once",
    tasks: ["one", "two"].map((key) => ({ key, title: `Write ${key}`, driver: write(key) })),
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/projects/on-rails?tab=train`);
  const train = page.getByRole("region", { name: "In the train" });
  await expect(train.getByRole("listitem").filter({ hasText: "being verified" }).first()).toContainText(
    /Write (one|two)/,
    { timeout: 40_000 },
  );
  await expect(train.getByRole("heading", { name: "into Two at once" })).toBeVisible();
  await train.getByRole("listitem").first().getByRole("link").click();
  await page.getByRole("link", { name: "Proof" }).click();
  await expect(page.getByRole("region", { name: "Its turn" })).toContainText(
    /1st of [12] into .*being verified/,
  );
  await page.goBack();
  await page.goBack();
  writeFileSync(go, "");
  await expect(train.getByText("The train is empty")).toBeVisible({ timeout: 40_000 });
  await page.goto(`${world.origin}/ui/o/default/goals/${goal}`);
  await expect(page.getByText("2 of 2 tasks done")).toBeVisible();
});

test("a token is made, used, and revoked", async ({ browser, world }) => {
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/admin/tokens`);
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Role").selectOption("operator");
  await dialog.getByLabel("What it is for").fill("Ada's laptop");
  await dialog.getByRole("button", { name: "Make it" }).click();
  await expect(dialog.getByText("shown this once")).toBeVisible();
  // Nothing but its own button closes it: the secret is not shown again.
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 5);
  await page.keyboard.press("Escape");
  await expect(dialog.getByText("shown this once")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Close" })).toHaveCount(0);
  const secret = (await dialog.locator("pre").textContent())?.trim() ?? "";
  await dialog.getByRole("button", { name: "I have kept it" }).click();
  const whoami = () =>
    client(world.lab, secret)
      .get<{ role: string }>("/whoami")
      .then((found) => found.role)
      .catch((error: Error) => error.message);
  expect(await whoami()).toBe("operator");
  const row = page
    .getByRole("region", { name: "Members" })
    .getByRole("listitem")
    .filter({ hasText: "Ada's laptop" });
  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(page.getByText("The token was revoked")).toBeVisible();
  await expect(row).toHaveCount(0);
  expect(await whoami()).toContain("401");
  await page.getByLabel("Show those that have ended").check();
  await expect(row).toContainText("revoked");
});

test("a task says who asked for it, and which revision of a plan made it", async ({ browser, world }) => {
  const { goal } = await world.api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    input: {
      file: {
        name: "origin.yaml",
        text: "title: Planned\ntasks:\n  - key: a\n    title: First\n    labels: [nobody]\n",
      },
    },
  });
  await world.api.post(`/tasks/${goal.id}/plans/1/approve`, { why: "", running: "finish" });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/goals/${goal.id}?view=list`);
  await page.getByRole("button", { name: "First", exact: true }).click();
  await page.getByRole("link", { name: "Open" }).click();
  const wanted = page.getByRole("region", { name: "What is wanted" });
  await expect(wanted).toContainText("origin.yaml");
  const child = page.url();
  await expect(wanted).toContainText(/Asked for by\s*admin tok_…/);
  await wanted.getByRole("link", { name: "Revision 1 of the plan" }).click();
  await expect(page.getByRole("heading", { name: "Revision 1" })).toBeVisible();
  // Who may not read the audit log reads this, too.
  const { secret } = await world.api.post<{ secret: string }>("/tokens", { role: "viewer", org: "default" });
  const reader = await world.open(browser, secret);
  await reader.goto(child);
  await expect(reader.getByRole("region", { name: "What is wanted" })).toContainText(
    /Asked for by\s*admin tok_…/,
  );
  // Without a plan it leads an admin to the audit log.
  const { id } = await world.api.post<{ id: string }>("/tasks", {
    org: "default",
    title: "Alone",
    draft: true,
  });
  await page.goto(`${world.origin}/ui/o/default/tasks/${id}`);
  await wanted.getByRole("link", { name: /^admin tok_…/ }).click();
  await expect(page.getByRole("table").getByRole("row").last()).toContainText("task.create");
});
