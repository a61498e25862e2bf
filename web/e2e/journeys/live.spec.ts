import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { Door } from "../door";
import { test as base, expect, logIn } from "../fixtures";
import { until } from "../lab";
import { script } from "../seed";

const test = base.extend<{ before: { door: Door; origin: string } }>({
  before: async ({ world }, use) => {
    const before = await Door.before(world.origin);
    await use(before);
    before.door.takeAway();
  },
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

test("ten tabs stay live, on one stream", async ({ context, page, world, before: { door, origin } }) => {
  test.setTimeout(120_000);
  const board = `${origin}/ui/o/default/board?view=table&q=tabs`;
  await logIn(page, origin, world.lab.token);
  const tabs = [page];
  for (let tab = 1; tab < 10; tab += 1) {
    const next = await context.newPage();
    await next.goto(board);
    tabs.push(next);
  }
  await page.goto(board);
  await world.api.post("/schedule", { org: "default", task: "For all tabs", labels: ["nobody"] });
  for (const one of tabs) await expect(one.getByText("For all tabs")).toBeVisible();
  expect(door.streams, "whatever the tabs ask for, one stream serves them").toEqual([
    "/api/events?org=default",
  ]);
});

test("what happens while the server is down and while the way to it is cut is shown without loading again", async ({
  context,
  page: board,
  world,
  before: { door, origin },
}) => {
  test.setTimeout(120_000);
  const go = join(world.lab.home, "outage-go");
  const { goal, tasks } = await world.api.post<{ goal: string; tasks: Record<string, string> }>("/schedule", {
    org: "default",
    title: "Outage",
    tasks: [
      {
        key: "work",
        title: "Outage: work on alone",
        driver: script(`while [ ! -e '${go}' ]; do sleep 0.1; done`),
      },
      { key: "drop", title: "Outage: drop it", labels: ["nobody"] },
    ],
  });
  await logIn(board, origin, world.lab.token);
  await board.goto(`${origin}/ui/o/default/board?view=table&q=outage`);
  const goalPage = await context.newPage();
  await goalPage.goto(`${origin}/ui/o/default/goals/${goal}?view=list`);
  const pages = [
    { page: board, row: (title: string) => board.getByRole("row").filter({ hasText: title }) },
    { page: goalPage, row: (title: string) => goalPage.getByRole("listitem").filter({ hasText: title }) },
  ];
  for (const { page, row } of pages) {
    await expect(row("work on alone")).toContainText("Running");
    await page.evaluate(() => Object.assign(window, { isSame: true }));
  }

  // The stream has a place to go on from once something has come by.
  await world.api.post("/schedule", { org: "default", task: "Outage: seen before", labels: ["nobody"] });
  await expect(board.getByRole("row").filter({ hasText: "seen before" })).toBeVisible();

  await world.lab.kill();
  for (const { page } of pages) await expect(page.getByText("The lab does not answer.")).toBeVisible();
  writeFileSync(go, "");
  door.shut();
  await world.lab.start();
  await world.api.post(`/tasks/${tasks["drop"]}/cancel`);
  await world.api.post("/schedule", { org: "default", task: "Outage: born meanwhile", labels: ["nobody"] });
  await until("the work that went on alone is done", async () => {
    const { state } = await world.api.get<{ state: string }>(`/tasks/${tasks["work"]}`);
    return state === "done" || undefined;
  });
  door.open();
  for (const { page, row } of pages) {
    await expect(row("work on alone")).toContainText("Done", { timeout: 30_000 });
    await expect(row("drop it")).toContainText("Cancelled");
    await expect(page.getByText("The lab does not answer.")).toBeHidden();
    expect(await page.evaluate(() => "isSame" in window)).toBe(true);
  }
  await expect(board.getByRole("row").filter({ hasText: "born meanwhile" })).toBeVisible();
  expect(door.streams.at(-1), "the stream has gone on where it was").toMatch(/&after=\d+$/);
});

test("a page whose events are refused says so, and is live once they are not", async ({
  page,
  world,
  before: { door, origin },
}) => {
  door.refuseStreams(404);
  await logIn(page, origin, world.lab.token);
  const banner = page.getByRole("status").filter({ hasText: "This page is not live." });
  await expect(banner).toContainText("(404)");
  await page.goto(`${origin}/ui/o/default/board?view=table&q=unheard`);
  await expect(banner).toBeVisible();
  await expect(page.getByText(/^No task/)).toBeVisible();
  await world.api.post("/schedule", { org: "default", task: "Unheard of", labels: ["nobody"] });
  door.refuseStreams(undefined);
  await banner.getByRole("button", { name: "Try now" }).click();
  await expect(page.getByText("Unheard of")).toBeVisible();
  await expect(banner).toBeHidden();
});

/** Makes a page keep what it lets the browser say, refuse to, and be hidden, as a test wants it. */
function actor() {
  const told: Notification[] = [];
  const act = { told, isHidden: false, refuses: false };
  Object.assign(window, { act });
  Object.defineProperty(document, "hidden", { get: () => act.isHidden });
  window.Notification = new Proxy(Notification, {
    construct: (kind, words: [string, NotificationOptions]) => {
      if (act.refuses) throw new TypeError("Illegal constructor");
      const notice = new kind(...words);
      told.push(notice);
      return notice;
    },
  });
}

type Acting = Window & { act: { told: Notification[]; isHidden: boolean; refuses: boolean } };

const hide = (page: Page) =>
  page.evaluate(() => {
    (window as unknown as Acting).act.isHidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
  });
const told = (page: Page) =>
  page.evaluate(() => (window as unknown as Acting).act.told.map((notice) => notice.title));

test("the browser tells what begins to wait when no tab is seen, and leads to where it is answered", async ({
  context,
  page,
  world,
}) => {
  await context.grantPermissions(["notifications"], { origin: world.origin });
  await context.addInitScript(actor);
  await logIn(page, world.origin, world.lab.token);
  const draft = (title: string) =>
    world.api.post("/tasks", { org: "default", title, driver: script("true"), draft: true });
  const listed = (title: string) =>
    expect(page.getByRole("button", { name: new RegExp(`^${title}`) })).toBeVisible();
  await page.getByRole("button", { name: "Notify me when something begins to wait" }).click();
  await expect(page.getByRole("button", { name: "Browser notifications are on" })).toBeVisible();
  await draft("Seen anyway");
  await listed("Seen anyway");

  await hide(page);
  const { goal } = await world.api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    why: "It is wanted.",
    input: {
      file: {
        name: "plan.yaml",
        text: "title: Wait for a word\ntasks:\n  - key: a\n    title: Begin\n    labels: [nobody]\n",
      },
    },
  });
  await expect.poll(() => told(page)).toContain("Approve: Wait for a word");
  await page.evaluate(() => {
    const { told } = (window as unknown as Acting).act;
    told.find(({ title }) => title.endsWith("Wait for a word"))?.dispatchEvent(new Event("click"));
  });
  await expect(page).toHaveURL(new RegExp(`/goals/${goal.id}`));

  await page.goBack();
  const seen = await context.newPage();
  await seen.goto(`${world.origin}/ui/o/default`);
  await expect(seen.getByRole("button", { name: /^Seen anyway/ })).toBeVisible();
  await seen.keyboard.press("g");
  await seen.keyboard.press("b");
  await expect(seen.getByRole("heading", { name: "Board" })).toBeVisible();
  await draft("Told by the tab that is seen");
  const inPage = seen.getByRole("dialog").getByText("Approve: Told by the tab that is seen");
  await expect(inPage).toBeVisible();
  await listed("Told by the tab that is seen");
  expect(await told(page)).not.toContain("Approve: Told by the tab that is seen");

  await hide(seen);
  await draft("Told by the browser again");
  await expect.poll(() => told(page)).toContain("Approve: Told by the browser again");

  // Browsers of telephones have notices, and refuse to make one.
  await page.evaluate(() => Object.assign((window as unknown as Acting).act, { refuses: true }));
  await draft("Told by nobody");
  await listed("Told by nobody");
  await expect.poll(() => page.evaluate(() => localStorage.getItem("devlab.notices"))).toBeNull();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
});
