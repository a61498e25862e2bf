import type { Page } from "@playwright/test";
import { expect, logIn, test, type World } from "../fixtures";
import { until } from "../lab";
import { script, seedReview } from "../seed";

interface Reviewed {
  attempts: number;
  waiting_for?: string;
  patch?: string;
  feedback: Array<{ message?: string }>;
}

/** The task, once so many attempts of it were made and it waits for a review. */
function waiting(world: World, id: string, attempts: number): Promise<Reviewed> {
  return until(`attempt ${attempts} waits for a review`, async () => {
    const task = await world.api.get<Reviewed>(`/tasks/${id}`);
    return task.attempts === attempts && task.waiting_for === "review" ? task : undefined;
  });
}

async function begin(page: Page, line: number, words: string): Promise<void> {
  const button = page.getByRole("button", { name: `Remark on line ${line}`, exact: true }).last();
  await button.focus();
  await button.press("Enter");
  const box = page.getByRole("textbox", { name: "Remark" }).last();
  await expect(box).toBeFocused();
  await box.fill(words);
}

test("a patch is reviewed: a line comment, changes, another attempt, a merge", async ({ browser, world }) => {
  test.setTimeout(120_000);
  const { review } = await seedReview(world.lab, "reviewed");
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${review}`);
  await page.getByRole("link", { name: "Review", exact: true }).click({ timeout: 30_000 });
  await expect(page.getByRole("heading", { name: "src/parser.rs" })).toBeVisible();
  // Lines of a program are in colours, those that were there and those that came.
  const changes = page.getByRole("region", { name: "Changes" });
  for (const [kind, word] of [
    [".hljs-keyword", "let"],
    [".hljs-comment", "// A comment says nothing."],
  ] as const) {
    const piece = changes.locator(kind, { hasText: word }).first();
    await expect(piece).toBeVisible();
    const colours = await piece.evaluate((one) =>
      [one, one.parentElement ?? one].map((of) => getComputedStyle(of).color),
    );
    expect(colours[0]).not.toBe(colours[1]);
  }
  await begin(page, 3, "Say which comments.");
  await page.getByRole("button", { name: "Add to the review" }).click();
  await expect(page.getByText("Not sent yet")).toBeVisible();
  await page.getByRole("button", { name: "Request changes" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Words").fill("Nearly there.");
  await dialog.getByRole("button", { name: "Request changes" }).click();
  const told = await waiting(world, review, 2);
  expect(told.feedback.at(-1)?.message).toMatch(/Nearly there\.\n\n\S+:3: Say which comments\./);
  await page.getByRole("button", { name: "Accept" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Accept" }).click();
  await expect(page.getByText("merged", { exact: true })).toBeVisible({ timeout: 30_000 });
});

/** Changes a file by more than a diff may have, before another one. */
const LARGE = `
yes "$(printf '%0999d' 0)" | head -n 9000 > a.txt
echo 'behind it' > b.txt
`;

test("a diff that is cut says what it does not show, and so does its verdict", async ({ browser, world }) => {
  test.setTimeout(120_000);
  await seedReview(world.lab, "cut");
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    project: "cut",
    task: "Write far too much",
    driver: script(LARGE),
  });
  await waiting(world, goal, 1);
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${goal}?tab=changes&diff=unified`);
  const words = "The diff is cut after 8.0 MiB: 1 of 2 files is shown";
  await expect(page.getByRole("alert")).toContainText(words, { timeout: 30_000 });
  await expect(page.getByRole("alert")).toContainText(`devlab task checkout ${goal}`);
  // What was counted with the patch, not what came of it.
  await expect(page.getByText(/^2 files/)).toBeVisible();
  await expect(page.getByText("+9001", { exact: true })).toBeVisible();
  await expect(page.getByRole("heading", { name: "a.txt" })).toBeVisible();
  await page.getByRole("button", { name: "Accept" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText(words);
  await dialog.getByRole("button", { name: "Back" }).click();
  await page.getByRole("button", { name: "Request changes" }).click();
  await expect(dialog).not.toContainText(words);
});

/** Writes a text that is longer than any screen, under a name with a space, and one that is another each time. */
const LONG = `
mkdir -p notes
i=0
while [ $i -lt 300 ]; do i=$((i+1)); echo "line $i"; done > 'notes/a long one.md'
date +%s%N > zz.md
`;

async function seedLong(world: World): Promise<string> {
  await seedReview(world.lab, "kept");
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    project: "kept",
    task: "Write it at length",
    driver: script(LONG),
  });
  await waiting(world, goal, 1);
  return goal;
}

test("what is written of a patch is kept: out of sight, in another tab, past the session, on another head", async ({
  browser,
  world,
}) => {
  test.setTimeout(120_000);
  const task = await seedLong(world);
  const address = `${world.origin}/ui/o/default/tasks/${task}?tab=changes&diff=unified`;
  const { secret } = await world.api.post<{ secret: string }>("/tokens", {
    role: "operator",
    org: "default",
  });
  const page = await world.open(browser, secret);
  await page.goto(address);
  const remark = page.getByRole("textbox", { name: "Remark" });
  // On another line, and far out of sight.
  await begin(page, 2, "Half a sentence");
  await page.keyboard.press("Escape");
  await expect(remark).not.toBeFocused();
  await expect(remark).toHaveValue("Half a sentence");
  await begin(page, 4, "On the path with spaces.");
  await page.getByRole("button", { name: "Add to the review" }).last().click();
  await expect(remark).toHaveValue("Half a sentence");
  const files = page.getByRole("navigation", { name: "Files one by one" });
  await files.getByRole("button", { name: "Next file" }).click();
  await expect(remark).toHaveCount(0);
  await expect(page.getByText("File 2 of 2")).toBeVisible();
  await page.setViewportSize({ width: 360, height: 780 });
  await files.getByRole("combobox", { name: "File" }).selectOption({ index: 0 });
  await expect(remark).toHaveValue("Half a sentence");
  await page.setViewportSize({ width: 1440, height: 900 });
  // The tab is closed; the session ends.
  const second = await page.context().newPage();
  await second.goto(address);
  await expect(second.getByText("1 remark not sent")).toBeVisible();
  await page.close();
  await second.getByRole("button", { name: "Log out" }).click();
  await logIn(second, world.origin, secret);
  await second.goto(address);
  await expect(second.getByText("1 remark not sent")).toBeVisible();
  await expect(second.getByRole("textbox", { name: "Remark" })).toHaveValue("Half a sentence");
  // Somebody else sends it back while the verdict is written.
  await second.getByRole("button", { name: "Request changes" }).click();
  const dialog = second.getByRole("dialog");
  await dialog.getByLabel("Words").fill("Nearly there.");
  const { patch } = await world.api.get<Reviewed>(`/tasks/${task}`);
  await world.api.post(`/patches/${patch}/comments`, { body: "Anew.", verdict: "reject" });
  await waiting(world, task, 2);
  await expect(dialog.getByText("Another version has come")).toBeVisible();
  await expect(dialog.getByLabel("Words")).toHaveValue("Nearly there.");
  const send = dialog.getByRole("button", { name: "Request changes" });
  await expect(send).toHaveAttribute("aria-disabled", "true");
  await dialog.getByRole("button", { name: "Back" }).click();
  await expect(second.getByText("The change is another version now.")).toBeVisible();
  await second.getByText("2 remarks of yours on an earlier head are kept").click();
  await expect(second.getByText("notes/a long one.md:4")).toBeVisible();
  await second.getByRole("button", { name: "I see it" }).click();
  await expect(second.getByText("The change is another version now.")).toHaveCount(0);
  await second.getByRole("button", { name: "Request changes" }).click();
  await expect(dialog.getByLabel("Words")).toHaveValue("Nearly there.");
  await expect(dialog.getByText("1 remark begun")).toBeVisible();
  await send.click();
  const told = await waiting(world, task, 3);
  expect(told.feedback.at(-1)?.message).toBe(
    "Nearly there.\n\nnotes/a long one.md:4: On the path with spaces.",
  );
  // What was sent stands at its line, though the name has spaces.
  await expect(second.getByText("On the path with spaces.")).toBeVisible();
  await expect(second.getByText("not sent", { exact: false })).toHaveCount(0);
});
