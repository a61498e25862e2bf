import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { Fault } from "../fault";
import { expect, test, type World } from "../fixtures";
import { until } from "../lab";
import { script, seedPictures } from "../seed";

/** A task that writes a line, waits until it is told to end, and writes another one. */
async function seedWaiting({ api, lab }: World, name: string): Promise<{ task: string; end: () => void }> {
  const told = join(lab.home, `end-${name}`);
  const { goal } = await api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: name,
    driver: script(`echo "begins here."; until [ -e '${told}' ]; do sleep 0.1; done; echo "ends here."`),
  });
  await until("it writes", async () => {
    const { items } = await api.get<{ items: Array<{ log_bytes: number }> }>(`/tasks/${goal}/attempts`);
    return (items[0]?.log_bytes ?? 0) > 0 || undefined;
  });
  return { task: goal, end: () => writeFileSync(told, "") };
}

const said = (page: Page, words: string) =>
  page.getByRole("region", { name: "Notifications" }).getByText(words);

async function textOf(page: Page, button: string): Promise<string> {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: button }).click();
  let text = "";
  for await (const chunk of await (await download).createReadStream()) text += String(chunk);
  return text;
}

test("a log says why it is not read, beside the lines that are there, and reads on by itself", async ({
  browser,
  world,
}) => {
  const page = await world.open(browser);
  const { task, end } = await seedWaiting(world, "Wait for a cut");
  const url = `${world.origin}/ui/o/default/tasks/${task}?tab=log`;
  const log = page.getByRole("region", { name: "Log", exact: true });
  const trouble = log.getByRole("alert");
  const first = log.getByText("begins here.");

  // Refused: nothing but a person tries again.
  const read = await Fault.on(page, "**/logs?*", 403);
  await page.goto(url);
  await expect(trouble).toContainText("You may not see this");
  read.set("pass");
  await trouble.getByRole("button", { name: "Try again" }).click();
  await expect(first).toBeVisible();
  await expect(trouble).toBeHidden();

  // Slow, and then cut: it is tried again by itself.
  read.set("hold");
  await page.reload();
  await expect(log.getByText("Opening")).toBeVisible();
  read.set("cut");
  await expect(trouble).toContainText("The connection was cut. It is tried again by itself.");
  read.set(500);
  await expect(trouble).toContainText("The server answered with 500.");
  await read.off();
  await expect(first).toBeVisible();
  await expect(trouble).toBeHidden();

  // The lines stay when what follows does not come.
  const stream = await Fault.on(page, "**/logs/stream?*", 503);
  await page.reload();
  await expect(trouble).toContainText("The log is not read on. The server answered with 503.");
  await expect(first).toBeVisible();
  stream.set(403);
  await trouble.getByRole("button", { name: "Try again" }).click();
  await expect(trouble).toContainText("Your token's role does not allow it.");

  // A download that breaks off says so, and is no file.
  let files = 0;
  page.on("download", () => {
    files += 1;
  });
  const whole = await Fault.on(page, "**/logs?*", "cut");
  await page.getByRole("button", { name: "Download the log" }).click();
  await expect(said(page, "The log could not be downloaded")).toBeVisible();
  await expect(said(page, "The connection broke off before the end. No file was saved.")).toBeVisible();
  expect(files).toBe(0);
  await whole.off();
  expect(await textOf(page, "Download the log")).toBe("begins here.\n");

  await stream.off();
  await trouble.getByRole("button", { name: "Try again" }).click();
  await expect(trouble).toBeHidden();
  end();
  await expect(log.getByText("ends here.")).toBeVisible();
});

test("a log that grows without a pause is searched for words and errors while it grows", async ({
  browser,
  world,
}) => {
  const told = join(world.lab.home, "end-growing");
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Grow",
    driver: script(
      `i=0; until [ -e '${told}' ]; do i=$((i+1)); echo "step $i"; [ $i = 20 ] && echo "error: step $i"; sleep 0.1; done`,
    ),
  });
  const page = await world.open(browser);
  // Nothing is said of errors before there is anything to look through, however long that takes.
  const read = await Fault.on(page, "**/logs?*", "hold");
  await page.goto(`${world.origin}/ui/o/default/tasks/${goal}?tab=log`);
  const log = page.getByRole("region", { name: "Log", exact: true });
  await expect(log.getByRole("button", { name: "Looking for errors" })).toBeVisible();
  await read.off();
  await expect(log.getByRole("button", { name: "1 error line" })).toBeVisible();
  await page.getByLabel("Search the log").fill("step");
  const found = log.getByText(/^1 of \d+$/);
  await expect(found).toBeVisible();
  const before = await found.textContent();
  await expect(found).not.toHaveText(before ?? "");
  await expect(log.getByText(/ lines, .*, live$/)).toBeVisible();
  // On a telephone too it says whether it goes on.
  await page.setViewportSize({ width: 360, height: 720 });
  await expect(log.getByText(/ lines, .*, live$/)).toBeVisible();
  writeFileSync(told, "");
  await expect(log.getByText(/ lines, [^,]*$/)).toBeVisible();
});

test("logs that are opened in background tabs leave the connections to the tab that is read", async ({
  browser,
  world,
}) => {
  const page = await world.open(browser);
  const { task, end } = await seedWaiting(world, "Wait in the background");
  const context = page.context();
  let last = page;
  for (let tab = 0; tab < 6; tab += 1) {
    const next = await context.newPage();
    // The browser of a test shows every page.
    await next.addInitScript(() =>
      Object.defineProperty(document, "hidden", { configurable: true, value: true }),
    );
    await next.goto(`${world.origin}/ui/o/default/tasks/${task}?tab=log`);
    await expect(next.getByText("begins here.")).toBeVisible();
    last = next;
  }
  await page.goto(`${world.origin}/ui/o/default/board?view=table&q=background`);
  await expect(page.getByText("Wait in the background")).toBeVisible();
  end();
  await last.evaluate(() => {
    Reflect.deleteProperty(document, "hidden");
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await expect(last.getByText("ends here.")).toBeVisible();
});

test("a download that is cut off is no file: an artifact's, and the audit log's", async ({
  browser,
  world,
}) => {
  const task = await seedPictures(world.lab);
  await until("it has left its files", async () => {
    const found = await world.api.get<{ state: string }>(`/tasks/${task}`);
    return found.state === "done" || undefined;
  });
  const page = await world.open(browser);
  let files = 0;
  page.on("download", () => {
    files += 1;
  });
  await page.goto(`${world.origin}/ui/o/default/tasks/${task}?tab=artifacts`);
  const button = page.getByRole("button", { name: "Download shots/report.md" });
  await expect(button).toBeVisible();
  // It is shorter than its size, though nothing in the answer says so.
  await page.route("**/api/v1/artifacts/*", (route) => route.fulfill({ status: 200, body: "# Rep" }));
  await button.click();
  await expect(said(page, "report.md could not be downloaded")).toBeVisible();
  await page.unrouteAll();
  expect(await textOf(page, "Download shots/report.md")).toContain("2 pictures, no errors.");

  await page.goto(`${world.origin}/ui/o/default/admin/audit?q=token`);
  await expect(page.getByRole("table")).toBeVisible();
  // The second page of the log does not come.
  await page.route("**/api/v1/audit?*limit=500*", async (route) => {
    if (route.request().url().includes("cursor=")) return route.abort();
    const answer = await route.fetch();
    return route.fulfill({ response: answer, json: { ...(await answer.json()), next: "more" } });
  });
  await page.getByRole("button", { name: "Export" }).click();
  await expect(said(page, "The log was not exported")).toBeVisible();
  expect(files).toBe(1);
});
