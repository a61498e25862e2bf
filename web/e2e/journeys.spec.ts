import { request } from "node:http";
import { expect, logIn, test } from "./fixtures";
import { client, makeProject, until } from "./lab";
import { seedSmall } from "./seed";

const script = (text: string) => ({ command: { script: text } });

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

test("a goal runs to its end before one's eyes", async ({ browser, world }) => {
  const page = await world.open(browser);
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    title: "Watch me",
    driver: script("sleep 1; echo ok"),
    tasks: [
      { key: "a", title: "First" },
      { key: "b", title: "Second", depends_on: ["a"] },
    ],
  });
  await page.goto(`${world.origin}/ui/o/default/goals/${goal}`);
  await expect(page.getByText("0 of 2 tasks done")).toBeVisible();
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
  const row = page.getByRole("button", { name: /Approve me/ });
  await expect(row).toBeVisible();
  await page.keyboard.press("j");
  await expect(row).toBeFocused();
  await page.keyboard.press("a");
  await expect(row).toBeHidden();
  await until("it is done", async () => {
    const task = await world.api.get<{ state: string }>(`/tasks/${draft.id}`);
    return task.state === "done" ? true : undefined;
  });
});

test("a log that is read while it grows has no gap and no double after a crash of the server", async ({
  browser,
  world,
}) => {
  const lines = 240;
  const page = await world.open(browser);
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Count",
    driver: script(`i=1; while [ $i -le ${lines} ]; do echo "line $i."; i=$((i+1)); sleep 0.05; done`),
  });
  await page.goto(`${world.origin}/ui/o/default/tasks/${goal}?tab=log`);
  await expect(page.getByText(/^line \d+\.$/).first()).toBeVisible();
  await world.lab.kill();
  await expect(page.getByText("The lab does not answer.")).toBeVisible();
  await world.lab.start();
  await expect(page.getByText("The lab does not answer.")).toBeHidden({ timeout: 30_000 });
  await expect(page.getByText(`line ${lines}.`, { exact: true })).toBeVisible({ timeout: 40_000 });
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download the log" }).click();
  const stream = await (await download).createReadStream();
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  const counted = [...text.matchAll(/^line (\d+)\.$/gm)].map((found) => Number(found[1]));
  expect(counted).toEqual(Array.from({ length: lines }, (_, at) => at + 1));
});

test("a patch is reviewed: a line comment, changes, another attempt, a merge", async ({ browser, world }) => {
  test.setTimeout(120_000);
  const seeded = await seedSmall(world.lab);
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${seeded.review}`);
  await page.getByRole("link", { name: "Review", exact: true }).click({ timeout: 30_000 });
  await expect(page.getByRole("heading", { name: "src/parser.rs" })).toBeVisible();
  const line = page.getByRole("button", { name: "Remark on line 3", exact: true }).last();
  await line.focus();
  await line.press("Enter");
  await page.getByRole("textbox", { name: "Remark" }).fill("Say which comments.");
  await page.getByRole("button", { name: "Add to the review" }).click();
  await expect(page.getByText("Not sent yet")).toBeVisible();
  await page.getByRole("button", { name: "Request changes" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Words").fill("Nearly there.");
  await dialog.getByRole("button", { name: "Request changes" }).click();
  await until("the second attempt waits for a review", async () => {
    const task = await world.api.get<{ attempts: number; waiting_for?: string }>(`/tasks/${seeded.review}`);
    return task.attempts === 2 && task.waiting_for === "review" ? true : undefined;
  });
  const told = await world.api.get<{ feedback: Array<{ message?: string }> }>(`/tasks/${seeded.review}`);
  expect(told.feedback.at(-1)?.message).toMatch(/Nearly there\.\n\n\S+:3: Say which comments\./);
  await page.getByRole("button", { name: "Accept" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Accept" }).click();
  await expect(page.getByText("merged", { exact: true })).toBeVisible({ timeout: 30_000 });
});

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

test("the board is driven by keyboard only", async ({ browser, world }) => {
  const page = await world.open(browser);
  await world.api.post("/schedule", { org: "default", task: "Cancel me by keyboard", labels: ["nobody"] });
  await page.keyboard.press("g");
  await page.keyboard.press("b");
  await expect(page.getByRole("heading", { name: "Board" })).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type("by keyboard");
  await expect(page).toHaveURL(/q=by(\+|%20)keyboard/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("v");
  await expect(page.getByRole("grid", { name: "Tasks" })).toBeVisible();
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  const bar = page.getByRole("toolbar", { name: "Selected tasks" });
  await expect(bar.getByText("1 task selected")).toBeVisible();
  const cancel = bar.getByRole("button", { name: "Cancel" });
  for (
    let tabs = 0;
    tabs < 40 && !(await cancel.evaluate((one) => one === document.activeElement));
    tabs += 1
  ) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  const sure = page.getByRole("dialog").getByRole("button", { name: "Cancel" });
  for (let tabs = 0; tabs < 6 && !(await sure.evaluate((one) => one === document.activeElement)); tabs += 1) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await expect(page.getByRole("grid").getByText("Cancelled")).toBeVisible();
});

test("the palette finds a task and goes to it", async ({ browser, world }) => {
  const page = await world.open(browser);
  await world.api.post("/schedule", { org: "default", task: "Zebra crossing", labels: ["nobody"] });
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("zebra");
  await expect(page.getByRole("option", { name: /Zebra crossing/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Zebra crossing" })).toBeVisible();
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

test("ten tabs stay live, on one stream", async ({ browser, world }) => {
  test.setTimeout(120_000);
  const first = await world.open(browser);
  const context = first.context();
  const tabs = [first];
  for (let tab = 1; tab < 10; tab += 1) {
    const page = await context.newPage();
    await page.goto(`${world.origin}/ui/o/default/board?view=table&q=tabs`);
    tabs.push(page);
  }
  await first.goto(`${world.origin}/ui/o/default/board?view=table&q=tabs`);
  await world.api.post("/schedule", { org: "default", task: "For all tabs", labels: ["nobody"] });
  for (const page of tabs) await expect(page.getByText("For all tabs")).toBeVisible();
  await context.close();
});

test("the cookie alone opens nothing: a server on another port that received it is refused", async ({
  page,
  context,
  world,
}) => {
  await logIn(page, world.origin, world.lab.token);
  const cookies = await context.cookies(`${world.origin}/api/session`);
  const session = cookies.find((cookie) => cookie.name === "devlab_session");
  expect(session).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  const replay = (path: string) =>
    new Promise<number>((resolve, reject) => {
      const sent = request(
        `${world.origin}${path}`,
        { headers: { Cookie: `devlab_session=${session?.value}` } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        },
      );
      sent.on("error", reject);
      sent.end();
    });
  for (const path of ["/api/session", "/api/v1/tasks", "/api/events"]) expect(await replay(path)).toBe(401);
  const readable = await page.evaluate(() => document.cookie);
  expect(readable).not.toContain("devlab_session");
});

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
