import { mkdirSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Browser, Page } from "@playwright/test";
import { test as base, expect, type World } from "./fixtures";
import { until } from "./lab";
import { seedSmall } from "./seed";
import { seedStates } from "./states";
import { tooSmall } from "./touch";

/** Every page is drawn here, for a person to look at. */
const SHOTS = join(import.meta.dirname, "../dist/screenshots");

export const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { name: "phone", colorScheme: "light", viewport: { width: 360, height: 780 } },
] as const;
type Look = (typeof LOOKS)[number];

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
export type Seeded = Awaited<ReturnType<typeof seed>>;

async function seed(world: World) {
  const seeded = await seedSmall(world.lab);
  const states = await seedStates(world);
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
      const { items } = await world.api.get<{ items: Array<{ kind: string }> }>(
        "/tasks?state=running,integrating&limit=20",
      );
      const review = await world.api.get<{ waiting_for?: string }>(`/tasks/${seeded.review}`);
      return items.every((one) => one.kind === "composite") && review.waiting_for === "review"
        ? true
        : undefined;
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
  return { ...seeded, ...states, planned: planned.goal.id, project: items[0]?.id ?? "" };
}

export const test = base.extend<object, { seeded: Seeded }>({
  seeded: [async ({ world }, use) => use(await seed(world)), { scope: "worker", timeout: 180_000 }],
});

/** Opens pages one after the other, judges each, and draws it. What is wrong everywhere is told once. */
export class Judge {
  private readonly wrong = new Map<string, string>();
  /** What the console may say: what a test brings about. */
  private allowed = /status of 40[134]/;

  private constructor(
    readonly page: Page,
    readonly look: Look,
  ) {}

  static async open(browser: Browser, look: Look): Promise<Judge> {
    mkdirSync(SHOTS, { recursive: true });
    const context = await browser.newContext({
      viewport: look.viewport,
      colorScheme: look.colorScheme,
      reducedMotion: "reduce",
      hasTouch: look.name === "phone",
    });
    context.setDefaultTimeout(20_000);
    const judge = new Judge(await context.newPage(), look);
    judge.page.on("pageerror", (error) => judge.complain(String(error)));
    judge.page.on("console", (message) => {
      const text = message.text();
      if (message.type() === "error" && !judge.allowed.test(text)) judge.complain(text);
    });
    return judge;
  }

  /** Lets the console say this, from now on. */
  allow(what: RegExp): void {
    this.allowed = new RegExp(`${this.allowed.source}|${what.source}`);
  }

  private complain(what: string, where: string = this.page.url()): void {
    if (!this.wrong.has(what)) this.wrong.set(what, `${this.look.name} ${where}: ${what}`);
  }

  /** What is on the screen now. */
  async draw(name: string): Promise<void> {
    const { page, look } = this;
    for (const one of await violations(page)) this.complain(one, name);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wide > 0) this.complain(`${name} is ${wide} px wider than the screen`);
    await page.screenshot({ path: join(SHOTS, `${name}-${look.name}.png`) });
    if (look.name !== "phone") return;
    for (const one of await tooSmall(page)) this.complain(one, name);
  }

  async visit(name: string, url: string, ready: string): Promise<void> {
    const { page } = this;
    await page.goto(url);
    await page.getByText(ready).locator("visible=true").first().waitFor({ timeout: 20_000 });
    await this.calm();
    await this.draw(name);
  }

  /** Waits until everything that is shown is there. */
  async calm(): Promise<void> {
    await this.page.waitForLoadState("networkidle", { timeout: 500 }).catch(() => {});
    await this.page.waitForFunction(() => document.querySelector("[role=status] .skeleton") === null);
  }

  async close(): Promise<void> {
    await this.page.context().close();
    expect([...this.wrong.values()].join("\n\n")).toBe("");
  }
}
