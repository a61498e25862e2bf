import { expect, test } from "../fixtures";
import { until } from "../lab";
import { seedReview } from "../seed";

test("a patch is reviewed: a line comment, changes, another attempt, a merge", async ({ browser, world }) => {
  test.setTimeout(120_000);
  const { review } = await seedReview(world.lab, "reviewed");
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${review}`);
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
    const task = await world.api.get<{ attempts: number; waiting_for?: string }>(`/tasks/${review}`);
    return task.attempts === 2 && task.waiting_for === "review" ? true : undefined;
  });
  const told = await world.api.get<{ feedback: Array<{ message?: string }> }>(`/tasks/${review}`);
  expect(told.feedback.at(-1)?.message).toMatch(/Nearly there\.\n\n\S+:3: Say which comments\./);
  await page.getByRole("button", { name: "Accept" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Accept" }).click();
  await expect(page.getByText("merged", { exact: true })).toBeVisible({ timeout: 30_000 });
});
