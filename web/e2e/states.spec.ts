import type { Page } from "@playwright/test";
import { logIn } from "./fixtures";
import { Judge, LOOKS, type Seeded, test } from "./judge";

/** What is open over a page or in it, by the name of its picture. */
type State = [name: string, path: string, open: (page: Page) => Promise<unknown>];

const press = (page: Page, name: string | RegExp) =>
  page
    .getByRole("button", { name, exact: typeof name === "string" })
    .first()
    .click();
const seen = (text: string) => (page: Page) => page.getByText(text).locator("visible=true").first().waitFor();
/** Presses a button that opens a dialog. */
const asks = (name: string | RegExp) => async (page: Page) => {
  await press(page, name);
  await page.getByRole("dialog").waitFor();
};

function statesOf(seeded: Seeded): State[] {
  const review = `/tasks/${seeded.review}?tab=changes`;
  const plan = `/goals/${seeded.replanned}?view=plan&plan=2`;
  return [
    ["task-edit", `/tasks/${seeded.draft}`, asks("Edit")],
    ["task-confirm", `/tasks/${seeded.draft}`, asks("Cancel")],
    ["task-of-plan", `/tasks/${seeded.ofPlan}`, seen("Revision 1 of the plan")],
    ["task-question", `/tasks/${seeded.asked}`, seen("CC0")],
    ["task-choice", `/goals/${seeded.choice}`, seen("Take one of them")],
    ["task-artifact-text", `/tasks/${seeded.pictured}?tab=artifacts`, showReport],
    ["log-marked", `/tasks/${seeded.noisy}?tab=log&line=17`, searchLog],
    ["goal-peek", `/goals/${seeded.goal}?view=graph&task=${seeded.goal}`, seen("Write the changelog")],
    ["goal-not-planned", `/goals/${seeded.goal}?view=plan`, seen("This goal was not planned")],
    ["plan-differences", plan, seen("What it changes")],
    ["plan-change", plan, asks("Change")],
    ["plan-approve", plan, asks("Approve")],
    ["review-remark", `${review}&diff=split`, remark],
    ["review-remark-unified", `${review}&diff=unified`, remark],
    ["review-accept", review, asks("Accept")],
    ["review-reject", review, asks("Request changes")],
    ["review-talk", review, asks(/^Discussion/)],
    ["board-selected", "/board?view=table", select],
    ["board-confirm", "/board?view=table", cancelSelected],
    ["inbox-confirm", "", callOff],
    ["new-work-faults", "/new?mode=graph", async (page) => press(page, "Preview")],
    ["new-work-preview", "/new?mode=graph", preview],
    ["token-new", "/admin/tokens", asks("New token")],
    ["token-revoke", "/admin/tokens", asks("Revoke")],
    ["palette-verb", "", palette],
  ];
}

async function showReport(page: Page): Promise<void> {
  await press(page, "Show shots/report.md");
  await seen("2 pictures, no errors.")(page);
}

async function searchLog(page: Page): Promise<void> {
  await page.getByLabel("Search the log").fill("mismatched");
  await seen("1 of 30")(page);
}

async function remark(page: Page): Promise<void> {
  const line = page.getByRole("button", { name: "Remark on line 3", exact: true }).last();
  await line.focus();
  await line.press("Enter");
  await page.getByRole("textbox", { name: "Remark" }).fill("Say which comments.");
}

async function select(page: Page): Promise<void> {
  await page.getByLabel("Select Rename the crate to settings-parser").check();
  await page.getByRole("toolbar", { name: "Selected tasks" }).waitFor();
}

async function cancelSelected(page: Page): Promise<void> {
  await select(page);
  await page.getByRole("toolbar", { name: "Selected tasks" }).getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").waitFor();
}

async function callOff(page: Page): Promise<void> {
  const list = page.getByRole("region", { name: "Waiting for you" });
  await list.getByRole("button", { name: /^Rename the crate/ }).focus();
  await page.keyboard.press("x");
  await page.getByRole("dialog").waitFor();
}

async function preview(page: Page): Promise<void> {
  await page.getByLabel("Goal", { exact: true }).fill("Two steps");
  await page.getByLabel("Title of task 1").fill("One");
  await page.getByLabel("Title of task 2").fill("Two");
  await press(page, "Preview");
  await seen("nothing has started yet")(page);
  await page.getByText("The same for a script").click();
}

async function palette(page: Page): Promise<void> {
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").getByRole("combobox").fill("cancel rename");
  await page.getByRole("option", { name: /Cancel “Rename the crate/ }).waitFor();
}

/** Pages that a viewer may not see, or may not change. */
function deniedTo(seeded: Seeded): Array<[name: string, path: string, ready: string]> {
  return [
    ["viewer-tokens", "/admin/tokens", "You may not see this"],
    ["viewer-audit", "/admin/audit", "You may not see this"],
    ["viewer-new-work", "/new", "You may not see this"],
    ["viewer-policy", "/admin/policy", "What is in force"],
    ["viewer-task", `/tasks/${seeded.asked}`, "CC0"],
    ["viewer-review", `/tasks/${seeded.review}?tab=changes`, "parse_all"],
    ["viewer-plan", `/goals/${seeded.replanned}?view=plan&plan=2`, "What it changes"],
    ["viewer-overview", "", "Waiting for you"],
  ];
}

for (const look of LOOKS) {
  test(`what opens over a page or in it is right for assistive technology and fingers: ${look.name}`, async ({
    browser,
    world,
    seeded,
  }) => {
    test.setTimeout(600_000);
    const judge = await Judge.open(browser, look);
    const { page } = judge;
    const at = (path: string) => `${world.origin}/ui/o/default${path}`;
    await logIn(page, world.origin, world.lab.token);
    for (const [name, path, open] of statesOf(seeded)) {
      await page.goto(at(path));
      await page.locator("#main h1").waitFor();
      await judge.calm();
      await open(page);
      await judge.draw(name);
    }
    if (look.name === "phone") {
      await page.goto(at(""));
      await asks("Menu")(page);
      await judge.draw("menu");
    }
    // What cannot be read says so, with a way to try again.
    judge.allow(/status of 409/);
    const refusal = {
      code: "conflict",
      title: "The plans cannot be read",
      status: 409,
      detail: "",
      help: "Try again.",
    };
    await page.route("**/v1/tasks/*/plans", (route) => route.fulfill({ status: 409, json: refusal }));
    await judge.visit("plan-failed", at(`/goals/${seeded.replanned}?view=plan`), "Try again");
    await judge.close();
  });

  test(`pages that one may not see or change are right for assistive technology and fingers: ${look.name}`, async ({
    browser,
    world,
    seeded,
  }) => {
    test.setTimeout(200_000);
    const judge = await Judge.open(browser, look);
    await logIn(judge.page, world.origin, seeded.viewer);
    for (const [name, path, ready] of deniedTo(seeded)) {
      await judge.visit(name, `${world.origin}/ui/o/default${path}`, ready);
    }
    await judge.close();
  });
}
