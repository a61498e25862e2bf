import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../fixtures";
import { makeProject, until } from "../lab";
import { script } from "../seed";

test("a goal runs to its end before one's eyes", async ({ browser, world }) => {
  const page = await world.open(browser);
  // The work waits until it is watched.
  const watched = join(world.lab.home, "watched");
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    title: "Watch me",
    driver: script(`until [ -e '${watched}' ]; do sleep 0.1; done; echo ok`),
    tasks: [
      { key: "a", title: "First" },
      { key: "b", title: "Second", depends_on: ["a"] },
    ],
  });
  await page.goto(`${world.origin}/ui/o/default/goals/${goal}`);
  await expect(page.getByText("0 of 2 tasks done")).toBeVisible();
  writeFileSync(watched, "");
  await expect(page.getByText("2 of 2 tasks done")).toBeVisible();
  await expect(page.locator("header").getByText("Done", { exact: true })).toBeVisible();
});

test("a parked task is approved by keyboard, and runs", async ({ browser, world }) => {
  const page = await world.open(browser);
  const draft = await world.api.post<{ id: string }>("/tasks", {
    org: "default",
    title: "Approve me",
    driver: script("true"),
    draft: true,
  });
  const next = await world.api.post<{ id: string }>("/tasks", {
    org: "default",
    title: "Stay parked",
    driver: script("true"),
    draft: true,
  });
  const row = page.getByRole("button", { name: /Approve me/ });
  await expect(row).toBeVisible();
  await expect(page.getByRole("button", { name: /^Stay parked/ })).toBeVisible();
  // Nothing is drawn as chosen yet, so that no key acts.
  await page.keyboard.press("a");
  await expect(page.getByText("Choose one first, with j or k.")).toBeVisible();
  expect((await world.api.get<{ state: string }>(`/tasks/${draft.id}`)).state).toBe("draft");
  await stepTo(page, row);
  // A key that is held down answers for one, though the next is chosen by then.
  for (let repeats = 0; repeats < 5; repeats += 1) await page.keyboard.down("a");
  await page.keyboard.up("a");
  await expect(row).toBeHidden();
  await until("it is done", async () => {
    const task = await world.api.get<{ state: string }>(`/tasks/${draft.id}`);
    return task.state === "done" ? true : undefined;
  });
  await expect(page.getByRole("button", { name: /^Stay parked/ })).toBeFocused();
  expect((await world.api.get<{ state: string }>(`/tasks/${next.id}`)).state).toBe("draft");
});

/** Steps through the inbox by keyboard until this row has the focus. */
async function stepTo(page: Page, row: Locator): Promise<void> {
  for (let steps = 0; steps < 40; steps += 1) {
    await page.keyboard.press("j");
    if (await row.evaluate((one) => one === document.activeElement)) return;
  }
  await expect(row).toBeFocused();
}

test("a task that failed is given another script, and tried again", async ({ browser, world }) => {
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Mend my script",
    driver: script("echo 'fatal: wrong' >&2; exit 3"),
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${goal}`);
  await expect(page.getByText("Needs attention")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("The driver failed: exit code 3").first()).toBeVisible();
  await page.keyboard.press("i");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Script")).toBeFocused();
  await dialog.getByLabel("Script").fill("echo right");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole("button", { name: "Retry" }).click();
  await expect(page.locator("header").getByText("Done", { exact: true })).toBeVisible();
});

test("a question of a driver is answered, and its task goes on", async ({ browser, world }) => {
  const ask = `printf '{"text":"Tabs or spaces?","choices":["tabs","spaces"]}' >"$DEVLAB_QUESTION"; exit 75`;
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Indent",
    driver: script(
      `[ -e "$DEVLAB_CONTEXT/answers.json" ] || { ${ask}; }; grep -q '"text": "spaces"' "$DEVLAB_CONTEXT/answers.json"`,
    ),
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${goal}`);
  await expect(page.getByText("Tabs or spaces?", { exact: true })).toBeVisible({ timeout: 30_000 });
  await page.getByRole("button", { name: "spaces" }).click();
  await expect(page.locator("header").getByText("Done", { exact: true })).toBeVisible();
});

test("of several ways to do a task one is taken", async ({ browser, world }) => {
  await makeProject(world.lab, "ways", { "a.txt": "a\n" });
  const alternative = (title: string, text: string) => ({ title, driver: script(text) });
  const task = await world.api.post<{ id: string }>("/tasks", {
    org: "default",
    project: "ways",
    review: false,
    title: "Write it in the best way",
    alternatives: [
      alternative("Short", "echo short >b.txt"),
      alternative("Long", "seq 40 >b.txt"),
      alternative("Broken", "exit 3"),
    ],
  });
  const page = await world.open(browser);
  const waiting = page.getByRole("button", { name: /of 3: (Short|Long)/ });
  await expect(waiting).toBeVisible({ timeout: 30_000 });
  await page.goto(`${world.origin}/ui/o/default/goals/${task.id}`);
  const panel = page.getByRole("region", { name: "Take one of them" });
  const long = panel.getByRole("listitem").filter({ hasText: "Long" });
  await expect(panel.getByText("2 results passed the checks")).toBeVisible({ timeout: 30_000 });
  await expect(long.getByText("+40")).toBeVisible();
  await long.getByRole("button", { name: "Take this one" }).click();
  const taken = page.getByRole("region", { name: "One of several ways was taken" });
  await expect(taken.getByRole("listitem").filter({ hasText: "Long" }).getByText("Taken")).toBeVisible();
  await expect(page.locator("header").getByText("Done", { exact: true })).toBeVisible({ timeout: 30_000 });
});

test("tasks that touch the same are shown before they are merged", async ({ browser, world }) => {
  await makeProject(world.lab, "meets", { "a.txt": "a\n" });
  const seen = join(world.lab.home, "meeting-seen");
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    project: "meets",
    review: false,
    title: "Meet each other",
    driver: script(`until [ -e '${seen}' ]; do sleep 0.1; done`),
    tasks: [
      { key: "parser", title: "Write the parser", paths: ["src/"] },
      { key: "lexer", title: "Write the lexer", paths: ["src/lexer.rs"] },
      { key: "docs", title: "Describe both", paths: ["docs/"], depends_on: ["parser"] },
    ],
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/goals/${goal}`);
  const graph = page.getByRole("group", { name: "Graph of tasks" });
  const parser = graph.getByRole("button", { name: /Write the parser.*touches the same as 1 other task/ });
  await expect(parser).toBeVisible({ timeout: 30_000 });
  // What waits for the parser, and what it meets.
  await expect(graph.locator(".way")).toHaveCount(2);
  await expect(graph.locator(".way-meets")).toHaveCount(1);
  await parser.click();
  const peek = page.getByRole("complementary", { name: "The chosen task" });
  await expect(peek.getByText("Touches the same as")).toBeVisible();
  await expect(peek.getByText("src/lexer.rs")).toBeVisible();
  await page.keyboard.press("2");
  await expect(page.getByText("meets 1")).toHaveCount(2);
  writeFileSync(seen, "");
  await expect(page.locator("header").getByText("Done", { exact: true })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("meets 1")).toHaveCount(0);
});

test("new work is previewed, started, and done", async ({ browser, world }) => {
  const page = await world.open(browser);
  await page.keyboard.press("c");
  await page.getByRole("button", { name: "Graph" }).click();
  await page.getByLabel("Goal", { exact: true }).fill("Two steps");
  await page.getByLabel("Title of task 1").fill("One");
  await page.getByLabel("Title of task 2").fill("Two");
  await page.getByLabel("Task 1 waits for").fill("second");
  await page.getByRole("button", { name: "Preview" }).first().click();
  await expect(page.getByText("These wait for each other")).toBeVisible();
  await page.getByLabel("Task 1 waits for").fill("");
  await page.getByLabel("Script", { exact: true }).fill("echo done");
  await page.getByRole("button", { name: "Preview" }).first().click();
  await expect(page.getByText("nothing has started yet")).toBeVisible();
  await expect(
    page.getByRole("group", { name: "Graph of tasks" }).getByText("Two", { exact: true }),
  ).toBeVisible();
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.getByText("2 of 2 tasks done")).toBeVisible();
});

test("a goal that a policy keeps until it is approved is approved on its page and in the inbox", async ({
  browser,
  world,
}) => {
  const { api } = world;
  await api.post("/orgs", { name: "careful" });
  await api.put("/orgs/careful/policy", { policy: { approvals: { plan: true } } });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/careful/new?mode=graph`);
  await page.getByLabel("Goal", { exact: true }).fill("Ask first");
  await page.getByLabel("Title of task 1").fill("One");
  await page.getByLabel("Title of task 2").fill("Two");
  await page.getByRole("button", { name: "Preview" }).first().click();
  // What policy makes of it is said before it is sent.
  await expect(page.getByText("You approve it before anything of it starts")).toBeVisible();
  await page.getByRole("button", { name: "Keep as a draft" }).click();
  await expect(page.locator("header").getByText("Draft", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Approve", exact: true }).click();
  await expect(page.locator("header").getByText("Draft", { exact: true })).toBeHidden();
  await expect(page.getByRole("button", { name: "Approve", exact: true })).toBeHidden();

  const { goal } = await api.post<{ goal: string }>("/schedule", {
    org: "careful",
    title: "Ask once more",
    tasks: [{ key: "a", title: "First", labels: ["nobody"] }],
  });
  await page.goto(`${world.origin}/ui/o/careful`);
  const row = page.getByRole("button", { name: /^Ask once more/ });
  await expect(row).toBeVisible();
  await stepTo(page, row);
  await page.keyboard.press("a");
  await expect(row).toBeHidden();
  expect((await api.get<{ state: string }>(`/tasks/${goal}`)).state).not.toBe("draft");
});

test("a plan is approved, and another revision is compared and rejected", async ({ browser, world }) => {
  const file = (tasks: string) => ({
    file: { name: "plan.yaml", text: `title: Planned release\ntasks:\n${tasks}` },
  });
  const { goal } = await world.api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    why: "The old one is too slow.",
    input: file(
      "  - key: build\n    title: Build it\n    labels: [nobody]\n  - key: ship\n    title: Ship it\n    labels: [nobody]\n    depends_on: [build]\n",
    ),
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/goals/${goal.id}`);
  await expect(page.getByText("The old one is too slow.")).toBeVisible();
  await expect(page.getByRole("group", { name: "Graph of tasks" }).getByText("Ship it")).toBeVisible();
  await page.getByRole("button", { name: "Approve", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("0 of 2 tasks done")).toBeVisible();
  await world.api.post(`/tasks/${goal.id}/plans`, {
    parent: 1,
    input: file(
      "  - key: build\n    title: Build it\n    labels: [nobody]\n  - key: check\n    title: Check it\n    labels: [nobody]\n    depends_on: [build]\n",
    ),
  });
  await page.getByRole("button", { name: "Plan: to decide" }).click();
  await page.getByRole("button", { name: /Revision 2/ }).click();
  const changes = page.getByRole("region", { name: "What it changes" });
  await expect(changes.getByRole("listitem").filter({ hasText: "Check it" })).toContainText("added");
  await expect(changes.getByRole("listitem").filter({ hasText: "Ship it" })).toContainText("removed");
  await page.getByRole("button", { name: "Reject" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  await expect(page.getByRole("button", { name: /Revision 2/ })).toContainText("rejected");
});

test("a project shows how its work is judged", async ({ browser, world }) => {
  await makeProject(world.lab, "judged", {
    ".devlab/project.toml": '[[check]]\nname = "unit tests"\nrun = "make test"\n',
    "a.txt": "a\n",
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/projects/judged`);
  await expect(page.getByText("unit tests")).toBeVisible();
  await expect(page.getByText("make test")).toBeVisible();
});

test("a planner's plan is shown, changed as a text, and carried out", async ({ browser, world }) => {
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/new?mode=plan`);
  const plan = page.getByLabel("Plan", { exact: true });
  await plan.fill("title: Typed plan\ntasks:\n  - key: a\n    titel: One\n");
  await page.getByRole("button", { name: "Show the plan" }).first().click();
  await expect(page.getByRole("alert").getByRole("listitem").first()).toContainText("titel");
  // What was typed is kept while one looks elsewhere.
  await page.goto(`${world.origin}/ui/o/default/board`);
  await page.goto(`${world.origin}/ui/o/default/new?mode=plan`);
  await expect(plan).toHaveValue(/titel: One/);
  await plan.fill(
    "title: Typed plan\ndriver: { command: { script: 'true' } }\ntasks:\n  - key: a\n    title: One\n",
  );
  await page.getByRole("button", { name: "Show the plan" }).first().click();
  await expect(page.getByText("It waits for an approval.")).toBeVisible();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  const text = page.getByRole("dialog").getByLabel("Plan", { exact: true });
  await text.fill((await text.inputValue()).replace('"One"', '"Only one"'));
  await page.getByRole("button", { name: "Propose" }).click();
  await expect(page.getByRole("button", { name: /Revision 2/ })).toContainText("proposed");
  await expect(page.getByRole("region", { name: "What it changes" })).toContainText("Only one");
  await page.getByRole("button", { name: "Approve", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("1 of 1 task done")).toBeVisible();
});

test("a draft is given a plan of its own, and done by its tasks", async ({ browser, world }) => {
  const draft = await world.api.post<{ id: string }>("/tasks", {
    org: "default",
    title: "Plan me",
    driver: script("true"),
    draft: true,
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${draft.id}`);
  await page.getByRole("button", { name: "Plan", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog
    .getByLabel("Plan", { exact: true })
    .fill("title: Plan me\ntasks:\n  - key: a\n    title: First half\n    labels: [nobody]\n");
  await dialog.getByRole("button", { name: "Propose" }).click();
  await expect(page.getByRole("button", { name: /Revision 1/ })).toContainText("proposed");
  await expect(page.getByRole("region", { name: "What it changes" })).toContainText("First half");
  await page.getByRole("button", { name: "Approve", exact: true }).last().click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await until("it is a composite", async () => {
    const task = await world.api.get<{ kind: string }>(`/tasks/${draft.id}`);
    return task.kind === "composite" ? true : undefined;
  });
});
