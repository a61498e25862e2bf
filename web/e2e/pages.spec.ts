import { mkdirSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Browser, Page } from "@playwright/test";
import { test as base, expect, logIn, type World } from "./fixtures";
import { until } from "./lab";
import { seedCrowd, seedSmall } from "./seed";

/** Every page is drawn here, for a person to look at. */
const SHOTS = join(import.meta.dirname, "../dist/screenshots");

const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { name: "phone", colorScheme: "light", viewport: { width: 360, height: 780 } },
] as const;

/** Every page with its state, by the name of its picture. */
function pagesOf(seeded: Seeded): Array<[name: string, path: string, ready: string]> {
  const org = "/o/default";
  const review = `${org}/tasks/${seeded.review}`;
  const goal = `${org}/goals/${seeded.goal}`;
  return [
    ["overview", org, "Waiting for you"],
    ["board-columns", `${org}/board`, "Accept comments"],
    ["board-table", `${org}/board?view=table`, "Accept comments"],
    ["board-groups", `${org}/board?view=table&group=goal`, "A faster parser"],
    ["goal-graph", `${goal}?view=graph`, "Write the changelog"],
    ["goal-list", `${goal}?view=list&task=${seeded.goal}`, "Write the changelog"],
    ["goal-timeline", `${goal}?view=timeline`, "Parse dates"],
    ["goal-plan", `${org}/goals/${seeded.planned}?view=plan`, "What it changes"],
    ["task", review, "What is wanted"],
    ["task-log", `${org}/tasks/${seeded.noisy}?tab=log`, "Compiling"],
    ["task-changes", `${review}?tab=changes`, "parse_all"],
    ["task-proof", `${review}?tab=proof`, "no tabs"],
    ["task-artifacts", `${org}/tasks/${seeded.pictured}?tab=artifacts`, "shots/before.png"],
    ["task-draft", `${org}/tasks/${seeded.draft}`, "Approve"],
    ["agents", `${org}/agents`, "agent-1"],
    ["projects", `${org}/projects`, "settings"],
    ["project", `${org}/projects/settings`, "How work is judged"],
    ["project-files", `${org}/projects/settings?tab=files`, "README.md"],
    ["project-file", `${org}/projects/settings?tab=files&path=src/parser.rs&file=true`, "Parses one line"],
    ["project-patches", `${org}/projects/settings?tab=patches`, "Accept comments"],
    ["project-train", `${org}/projects/settings?tab=train`, "In the train"],
    ["new-work", `${org}/new?mode=graph`, "Checks besides"],
    ["new-work-planner", `${org}/new?mode=plan`, "Why it is wanted"],
    ["policy", `${org}/admin/policy`, "What is in force"],
    ["policy-project", `${org}/admin/policy?project=${seeded.project}`, "What is in force"],
    ["policy-goal", `${org}/admin/policy?goal=${seeded.goal}`, "What is in force"],
    ["policy-form", `${org}/admin/policy?edit=form`, "Set the policy"],
    ["policy-document", `${org}/admin/policy?edit=document`, "Set the policy"],
    ["tokens", `${org}/admin/tokens`, "New token"],
    ["audit", `${org}/admin/audit`, "token.create"],
    ["not-found", "/nowhere", "leads nowhere"],
    ["no-such-task", `${org}/tasks/task_01jd3v6p5x8e9rk2m4n6q8t0vw`, "no such thing"],
  ];
}

async function violations(page: Page): Promise<string[]> {
  const found = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  return found.violations.map(
    (one) =>
      `${one.id}: ${one.help}\n  ${one.nodes
        .slice(0, 4)
        .map((node) => node.html.slice(0, 240))
        .join("\n  ")}`,
  );
}

/** What the pages of a lab show; made once for each. */
type Seeded = Awaited<ReturnType<typeof seed>>;

async function seed(world: World) {
  const seeded = await seedSmall(world.lab);
  const planned = await world.api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    why: "The old parser is too slow.",
    input: {
      file: {
        name: "plan.yaml",
        text: "title: A faster parser\ntasks:\n  - key: measure\n    title: Measure the old one\n  - key: write\n    title: Write the new one\n    depends_on: [measure]\n",
      },
    },
  });
  await until(
    "work has come to rest",
    async () => {
      const { items } = await world.api.get<{ items: unknown[] }>("/tasks?state=running,integrating&limit=5");
      const review = await world.api.get<{ waiting_for?: string }>(`/tasks/${seeded.review}`);
      return items.length <= 1 && review.waiting_for === "review" ? true : undefined;
    },
    60_000,
  );
  await world.api.put("/orgs/default/policy", {
    why: "The cluster has two cards.",
    policy: {
      approvals: { tasks: [["prod"], ["db", "migrate"]], publication: false },
      retries: { check: { most: 2 } },
      concurrency: { total: 40, labels: { gpu: 2 } },
    },
  });
  const { items } = await world.api.get<{ items: Array<{ id: string }> }>("/projects?org=default");
  return { ...seeded, planned: planned.goal.id, project: items[0]?.id ?? "" };
}

const test = base.extend<object, { seeded: Seeded }>({
  seeded: [async ({ world }, use) => use(await seed(world)), { scope: "worker", timeout: 120_000 }],
});

/** Opens pages one after the other, judges each, and draws it. What is wrong everywhere is told once. */
class Judge {
  private readonly wrong = new Map<string, string>();

  private constructor(
    readonly page: Page,
    private readonly look: (typeof LOOKS)[number],
  ) {}

  static async open(browser: Browser, look: (typeof LOOKS)[number]): Promise<Judge> {
    mkdirSync(SHOTS, { recursive: true });
    const context = await browser.newContext({
      viewport: look.viewport,
      colorScheme: look.colorScheme,
      reducedMotion: "reduce",
      hasTouch: look.name === "phone",
    });
    const judge = new Judge(await context.newPage(), look);
    judge.page.on("pageerror", (error) => judge.complain(String(error)));
    judge.page.on("console", (message) => {
      const text = message.text();
      if (message.type() === "error" && !/status of 40[134]/.test(text)) judge.complain(text);
    });
    return judge;
  }

  private complain(what: string): void {
    if (!this.wrong.has(what)) this.wrong.set(what, `${this.look.name} ${this.page.url()}: ${what}`);
  }

  /** What is on the screen now. */
  async draw(name: string): Promise<void> {
    const { page, look } = this;
    // The telephone has the same elements and colours.
    if (look.name !== "phone") for (const one of await violations(page)) this.complain(one);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wide > 0) this.complain(`${name} is ${wide} px wider than the screen`);
    await page.screenshot({ path: join(SHOTS, `${name}-${look.name}.png`) });
  }

  async visit(name: string, url: string, ready: string): Promise<void> {
    const { page } = this;
    await page.goto(url);
    await page.getByText(ready).locator("visible=true").first().waitFor({ timeout: 20_000 });
    await page.waitForLoadState("networkidle", { timeout: 500 }).catch(() => {});
    await page.waitForFunction(() => document.querySelector("[role=status] .skeleton") === null);
    await this.draw(name);
  }

  async close(): Promise<void> {
    await this.page.context().close();
    expect([...this.wrong.values()].join("\n\n")).toBe("");
  }
}

for (const look of LOOKS) {
  test(`every page is right for assistive technology, keeps the policy, fits its width, and is drawn: ${look.name}`, async ({
    browser,
    world,
    seeded,
  }) => {
    test.setTimeout(300_000);
    const judge = await Judge.open(browser, look);
    const { page } = judge;
    await judge.visit("login", `${world.origin}/ui/login`, "Token");
    await logIn(page, world.origin, world.lab.token);
    for (const [name, path, ready] of pagesOf(seeded)) {
      await judge.visit(name, `${world.origin}/ui${path}`, ready);
    }
    await page.goto(`${world.origin}/ui/o/default`);
    await page.getByRole("heading", { name: "Waiting for you" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").waitFor();
    await judge.draw("palette");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await judge.draw("shortcuts");
    await judge.close();
  });
}

/** Pages of an org that has nothing yet. */
const BARE: Array<[name: string, path: string, ready: string]> = [
  ["bare-overview", "", "Nothing runs"],
  ["bare-board", "/board", "No tasks yet"],
  ["bare-agents", "/agents", "No agents yet"],
  ["bare-projects", "/projects", "No projects yet"],
  ["bare-policy", "/admin/policy", "Nothing: the defaults hold"],
  ["bare-tokens", "/admin/tokens", "Nobody has a token"],
  ["bare-audit", "/admin/audit", "Nothing was done yet"],
];

test("pages say what to do where there is nothing, and hold where there is much", async ({
  browser,
  world,
}) => {
  test.setTimeout(400_000);
  await world.api.post("/orgs", { name: "bare" });
  const { graph, long } = await seedCrowd(world.lab, "crowd");
  const crowd: typeof BARE = [
    ["crowd-overview", "", "Waiting for you"],
    ["crowd-board-columns", "/board", "Draft"],
    ["crowd-board-table", "/board?view=table", "Migrate module"],
    ["crowd-board-groups", "/board?view=table&group=goal", "Migrate 300 modules"],
    ["crowd-goal-graph", `/goals/${graph}?view=graph`, "Migrate module 0 "],
    ["crowd-goal-list", `/goals/${graph}?view=list`, "Migrate module 0 "],
    ["crowd-task", `/tasks/${long}`, "What is wanted"],
    ["crowd-projects", "/projects", "service-1"],
    [
      "crowd-project",
      "/projects/configuration-of-the-deployment-pipeline-and-its-handbook?tab=files",
      "Handbook",
    ],
    ["crowd-tokens", "/admin/tokens", "Person 1"],
    ["crowd-audit", "/admin/audit", "schedule"],
    ["crowd-new-work", "/new?mode=task", "What is wanted"],
  ];
  for (const look of LOOKS) {
    const judge = await Judge.open(browser, look);
    await logIn(judge.page, world.origin, world.lab.token);
    for (const [name, path, ready] of BARE) {
      await judge.visit(name, `${world.origin}/ui/o/bare${path}`, ready);
    }
    for (const [name, path, ready] of crowd) {
      await judge.visit(name, `${world.origin}/ui/o/crowd${path}`, ready);
    }
    await judge.close();
  }
});
