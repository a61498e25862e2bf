import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "../fixtures";
import { script } from "../seed";

const planOf = (title: string) =>
  `title: Write it down\ntasks:\n  - key: a\n    title: ${title}\n    labels: [nobody]\n`;

test("what is being written of a task stays when an agent takes it", async ({ browser, world }) => {
  const done = join(world.lab.home, "written-of");
  const { id } = await world.api.post<{ id: string }>("/tasks", {
    org: "default",
    title: "Be taken meanwhile",
    driver: script(`until [ -e '${done}' ]; do sleep 0.1; done`),
    draft: true,
  });
  const address = `${world.origin}/ui/o/default/tasks/${id}`;
  const planning = await world.open(browser);
  await planning.goto(address);
  await planning.getByRole("button", { name: "Plan", exact: true }).click();
  const plan = planning.getByRole("dialog").getByLabel("Plan", { exact: true });
  await plan.fill(planOf("First half"));
  const editing = await planning.context().newPage();
  await editing.goto(address);
  await editing.getByRole("button", { name: "Edit", exact: true }).click();
  const words = editing.getByRole("dialog").getByLabel("What is wanted");
  await words.fill("Said at length.");
  await world.api.post(`/tasks/${id}/activate`);
  for (const page of [planning, editing]) {
    await expect(page.locator("header").getByText("Running", { exact: true })).toBeVisible({
      timeout: 30_000,
    });
  }
  await expect(plan).toHaveValue(planOf("First half"));
  await expect(words).toHaveValue("Said at length.");
  // The server says why it is too late, and the text is still there to be taken along.
  await planning.getByRole("button", { name: "Propose" }).click();
  await expect(planning.getByRole("dialog").getByRole("alert")).toContainText("work on it has begun");
  await expect(plan).toHaveValue(planOf("First half"));
  await editing.getByRole("button", { name: "Save" }).click();
  await expect(editing.getByRole("dialog").getByRole("alert")).toBeVisible();
  await expect(words).toHaveValue("Said at length.");
  // Once it is closed, nothing leads there any more.
  await editing.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await expect(words).toHaveCount(0);
  await expect(editing.getByRole("button", { name: "Edit", exact: true })).toHaveCount(0);
  writeFileSync(done, "");
});

test("a revision that is being changed stays when it is approved, and when another one comes", async ({
  browser,
  world,
}) => {
  const input = (title: string) => ({ file: { name: "plan.yaml", text: planOf(title) } });
  const { goal } = await world.api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    input: input("Theirs"),
  });
  const page = await world.open(browser);
  // The address names no view: the plan is shown because it waits.
  await page.goto(`${world.origin}/ui/o/default/goals/${goal.id}`);
  await page.getByRole("button", { name: "Change", exact: true }).click();
  const text = page.getByRole("dialog").getByLabel("Plan", { exact: true });
  const mine = (await text.inputValue()).replace('"Theirs"', '"Mine"');
  await text.fill(mine);
  await world.api.post(`/tasks/${goal.id}/plans/1/approve`, { why: "", running: "finish" });
  await world.api.post(`/tasks/${goal.id}/plans`, { parent: 1, input: input("Of another one") });
  await expect(page.getByText("Revision 2", { exact: true }).first()).toBeVisible();
  await expect(text).toHaveValue(mine);
  await page.getByRole("button", { name: "Propose" }).click();
  await expect(page.getByRole("button", { name: /Revision 3/ })).toContainText("proposed");
  await expect(page.getByRole("region", { name: "What it changes" })).toContainText("Mine");
});

test("a decision that is being written stays when another revision comes", async ({ browser, world }) => {
  const input = (title: string) => ({ file: { name: "plan.yaml", text: planOf(title) } });
  const { goal } = await world.api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    input: input("Reject me"),
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/goals/${goal.id}`);
  await page.getByRole("button", { name: "Reject", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Reject this revision" });
  await dialog.getByLabel("Why").fill("Too little.");
  await world.api.post(`/tasks/${goal.id}/plans`, { input: input("Take me") });
  await expect(page.getByText("Revision 2", { exact: true }).first()).toBeVisible();
  await expect(dialog.getByLabel("Why")).toHaveValue("Too little.");
  await dialog.getByRole("button", { name: "Reject", exact: true }).click();
  await expect(page.getByRole("button", { name: /Revision 1/ })).toContainText("rejected");
  await expect(page.getByRole("heading", { name: "Revision 2", exact: true })).toBeVisible();
});
