import type { Page, Route } from "@playwright/test";

/** What becomes of a call: it goes on to the server, waits until the test lets it, is cut, or is refused. */
type Answer = "pass" | "hold" | "cut" | number;

const TITLE: Record<number, string> = { 403: "Forbidden", 500: "Something broke", 503: "Not now" };

/** Stands between a page and the server, for the calls whose address fits the pattern. */
export class Fault {
  private answer: Answer = "pass";
  private held: Array<() => void> = [];
  /** Calls that have come, whatever became of them. */
  calls = 0;

  private constructor(
    private readonly page: Page,
    private readonly asked: string,
  ) {}

  static async on(page: Page, asked: string, answer: Answer = "pass"): Promise<Fault> {
    const fault = new Fault(page, asked);
    fault.answer = answer;
    await page.route(asked, fault.handle);
    return fault;
  }

  /** From now on; calls that were held back get this answer too. */
  set(answer: Answer): void {
    this.answer = answer;
    const held = this.held;
    this.held = [];
    for (const go of held) go();
  }

  async off(): Promise<void> {
    this.set("pass");
    await this.page.unroute(this.asked, this.handle);
  }

  private readonly handle = async (route: Route): Promise<void> => {
    this.calls += 1;
    while (this.answer === "hold") await new Promise<void>((resolve) => this.held.push(resolve));
    // A page that is left meanwhile wants no answer any more.
    await this.end(route, this.answer).catch(() => {});
  };

  private end(route: Route, answer: Exclude<Answer, "hold">): Promise<void> {
    if (answer === "pass") return route.continue();
    if (answer === "cut") return route.abort("connectionreset");
    const problem = {
      status: answer,
      code: "injected",
      title: TITLE[answer] ?? "Refused",
      detail: "The test says so.",
      help: "Wait for the test.",
      request_id: "req_test",
    };
    return route.fulfill({ status: answer, contentType: "application/problem+json", json: problem });
  }
}

/** Lets the page's own pauses pass, such as that before another try, until something is so. */
export async function hurry(page: Page, look: () => Promise<void>): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) {
    await page.clock.fastForward(2_000);
    try {
      return await look();
    } catch {
      // Not yet.
    }
  }
  await look();
}
