import type { Locator, Page } from "@playwright/test";
import { Fault, hurry } from "../fault";
import { test as base, expect, type World } from "../fixtures";
import { until } from "../lab";
import { script, seedReview } from "../seed";

/** Something that a page reads from the server, and where it shows it. */
type Part = [
  what: string,
  /** Page, below the org. */
  at: string,
  /** Its calls, below the interface. */
  asks: string,
  /** Seen when all is well. */
  well: string | RegExp,
  /** Name of the region that it fills; without one it is the page. */
  region?: string,
];

interface Seeded {
  review: string;
  goal: string;
}

const TITLE = "Accept comments in settings";

/** Everything that says itself, in its own place, that it could not be read. */
const PARTS: Record<string, (seeded: Seeded) => Part[]> = {
  "overview and board": () => [
    ["running tasks", "", "tasks?*state=running*", "Hold the line", "Running now"],
    ["done tasks", "", "tasks?*state=done*", "Median time to done", "Throughput"],
    ["merges", "", "tasks?*state=done*", "No merges yet", "Merged lately"],
    ["inbox", "", "tasks?*state=draft*", TITLE, "Waiting for you"],
    ["board", "/board?view=table", "tasks?*", TITLE],
  ],
  goal: ({ goal }) => [
    ["goal", `/goals/${goal}`, `tasks/${goal}`, "Draw the line"],
    ["its tasks", `/goals/${goal}`, "tasks?*goal=*", "Draw the line"],
    ["dependencies", `/goals/${goal}?view=graph`, "tasks/*/edges*", "Draw the line"],
    ["plans", `/goals/${goal}?view=plan`, "tasks/*/plans", "Revision 1"],
    ["one plan", `/goals/${goal}?view=plan`, "tasks/*/plans/1", "Draw the line"],
  ],
  task: ({ review }) => [
    ["task", `/tasks/${review}`, `tasks/${review}`, "What is wanted"],
    ["attempts", `/tasks/${review}`, "tasks/*/attempts*", "Attempt 1", "Attempts"],
    ["attempts for the log", `/tasks/${review}?tab=log`, "tasks/*/attempts*", /reading/],
    ["patch", `/tasks/${review}?tab=changes`, "patches/*", "parse_all"],
    ["diff", `/tasks/${review}?tab=changes`, "patches/*/diff", "parse_all"],
    ["receipts", `/tasks/${review}?tab=proof`, "tasks/*/receipts*", "no tabs", "Receipts"],
    ["train", `/tasks/${review}?tab=proof`, "tasks/*/candidates*", /into|Not in the train/, "Train"],
    ["artifacts", `/tasks/${review}?tab=artifacts`, "tasks/*/artifacts", "No artifacts"],
  ],
  "agents and projects": () => [
    ["agents", "/agents", "agents?*", "agent-1", "Agents"],
    ["clusters", "/agents", "clusters*", "local", "Clusters"],
    ["projects", "/projects", "projects?*", "failing"],
    ["project", "/projects/failing", "projects?*", "How work is judged"],
    ["settings", "/projects/failing", "projects/*/settings", "no tabs"],
    ["folder", "/projects/failing?tab=files", "projects/*/tree?*", "src"],
    ["file", "/projects/failing?tab=files&path=src/parser.rs&file=true", "projects/*/blob?*", "Parses one"],
    ["patches", "/projects/failing?tab=patches", "patches?*", TITLE, "Patches"],
    ["train", "/projects/failing?tab=train", "projects/*/train", "The train is empty", "In the train"],
  ],
  administration: () => [
    ["policy", "/admin/policy", "orgs/*/policy", "What is in force"],
    ["tokens", "/admin/tokens", "tokens?*", "they claim tasks"],
    ["audit log", "/admin/audit", "audit?*", "token.create"],
  ],
};

async function seed({ lab, api }: World): Promise<Seeded> {
  const { review } = await seedReview(lab, "failing");
  const { goal } = await api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    why: "It is held.",
    input: {
      file: {
        name: "plan.yaml",
        text: "title: Hold the line\ntasks:\n  - key: draw\n    title: Draw the line\n    labels: [nobody]\n",
      },
    },
  });
  await api.post(`/tasks/${goal.id}/plans/1/approve`, { why: "Go.", running: "finish" });
  await api.post("/schedule", { org: "default", task: "Be done", driver: script("true") });
  await until("the result waits for its review", async () => {
    const found = await api.get<{ waiting_for?: string }>(`/tasks/${review}`);
    return found.waiting_for === "review" || undefined;
  });
  return { review, goal: goal.id };
}

const test = base.extend<object, { seeded: Seeded }>({
  seeded: [async ({ world }, use) => use(await seed(world)), { scope: "worker", timeout: 60_000 }],
});

/** Every way in which a part of a page can fail, and that it is well again afterwards. */
async function tryPart(page: Page, org: string, [, at, asks, well, region]: Part): Promise<void> {
  const place: Locator = region ? page.getByRole("region", { name: region }) : page.getByRole("main");
  const alert = place.getByRole("alert").first();
  const again = alert.getByRole("button", { name: "Try again" });
  const fault = await Fault.on(page, `**/api/v1/${asks}`, "hold");

  await page.goto(org + at);
  const loading = place.getByRole("status").filter({ hasText: "Loading" }).first();
  await expect(loading, "what has not come yet is loading").toBeVisible();
  await expect(place.getByRole("alert")).toHaveCount(0);

  fault.set(403);
  await expect(alert, "a refusal says that one may not").toContainText("You may not see this");
  await expect(again, "to ask again helps nobody").toBeHidden();

  // Whoever comes back later asks again.
  fault.set(500);
  await leaveAndReturn(page, at);
  await hurry(page, () => expect(alert).toContainText("Something broke", { timeout: 100 }));
  await expect(alert).toContainText("request req_test");

  fault.set("pass");
  await again.click();
  await expect(place.getByText(well).locator("visible=true").first()).toBeVisible();
  await expect(place.getByRole("alert"), "what failed is forgotten").toHaveCount(0);
  await fault.off();
}

/** Goes to another page, and back. */
async function leaveAndReturn(page: Page, at: string): Promise<void> {
  const other = at === "/agents" ? "Policy" : "Agents";
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: other }).click();
  await page.getByRole("heading", { name: other, level: 1 }).waitFor();
  await page.goBack();
}

for (const [name, parts] of Object.entries(PARTS)) {
  test(`each part says when it is refused, fails or is slow, and recovers: ${name}`, async ({
    browser,
    world,
    seeded,
  }) => {
    test.setTimeout(120_000);
    const page = await world.open(browser);
    await page.clock.install();
    for (const part of parts(seeded)) {
      await test.step(part[0], () => tryPart(page, `${world.origin}/ui/o/default`, part));
    }
    await page.context().close();
  });
}

test("what is beside a page's subject is told by a banner, and so is what got old", async ({
  browser,
  world,
  seeded,
}) => {
  test.setTimeout(120_000);
  const page = await world.open(browser);
  const org = `${world.origin}/ui/o/default`;
  await page.clock.install();
  const banner = page.getByRole("status").filter({ hasText: "Some of this page could not be read." });
  const asides = [
    ["/new", "projects?*"],
    ["", "agents?*"],
    [`/goals/${seeded.goal}?view=list`, "tasks/*/edges*"],
    [`/goals/${seeded.goal}?view=graph`, "tasks/*/conflicts"],
  ] as const;
  for (const [at, asks] of asides) {
    const fault = await Fault.on(page, `**/api/v1/${asks}`, 500);
    await page.goto(org + at);
    await hurry(page, () => expect(banner).toContainText("The test says so.", { timeout: 250 }));
    await fault.off();
    await banner.getByRole("button", { name: "Try again" }).click();
    await expect(banner).toBeHidden();
  }
  // What is there stays, and is said to be old.
  await page.goto(`${org}/agents`);
  await expect(page.getByText("agent-1")).toBeVisible();
  const fault = await Fault.on(page, "**/api/v1/agents?*", 500);
  await hurry(page, () => expect(banner).toBeVisible({ timeout: 250 }));
  await expect(page.getByText("agent-1")).toBeVisible();
  await fault.off();
  await banner.getByRole("button", { name: "Try again" }).click();
  await expect(banner).toBeHidden();
});

test("a page whose session or code does not come says so, and comes when one tries again", async ({
  browser,
  world,
}) => {
  const page = await world.open(browser);
  const session = await Fault.on(page, "**/api/session", 500);
  await page.goto(`${world.origin}/ui/o/default/projects`);
  await expect(page.getByRole("alert")).toContainText("Something broke");
  await session.off();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Projects", level: 1 })).toBeVisible();

  const code = await Fault.on(page, "**/assets/audit-*.js", 503);
  await page.goto(`${world.origin}/ui/o/default/admin/audit`);
  // The router loads the page once more before it gives up.
  await expect(page.getByRole("alert")).toContainText("This page did not load", { timeout: 30_000 });
  await expect(page.locator("main")).toHaveCount(1);
  await code.off();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Audit log" })).toBeVisible();
});

test("a log-in that fails says why, and can be tried again", async ({ page, world }) => {
  const fault = await Fault.on(page, "**/api/session", "hold");
  await page.goto(`${world.origin}/ui/login`);
  await page.getByLabel("Token").fill(world.lab.token);
  const button = page.getByRole("button", { name: "Log in" });
  await button.click();
  await expect(button).toHaveAttribute("aria-busy", "true");
  fault.set(500);
  await expect(page.getByText("The test says so.")).toBeVisible();
  fault.set("cut");
  await button.click();
  await expect(page.getByText("Is devlab running?")).toBeVisible();
  fault.set("pass");
  await button.click();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
});
