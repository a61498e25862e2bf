import { expect, test } from "../fixtures";
import { script } from "../seed";

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

test("ten tabs stay live, on one stream", async ({ browser, world }) => {
  test.setTimeout(120_000);
  const first = await world.open(browser);
  const context = first.context();
  const tabs = [first];
  for (let tab = 1; tab < 10; tab += 1) {
    const page = await context.newPage();
    await page.goto(`${world.origin}/ui/o/default/board?view=table&q=tabs`);
    tabs.push(page);
  }
  await first.goto(`${world.origin}/ui/o/default/board?view=table&q=tabs`);
  await world.api.post("/schedule", { org: "default", task: "For all tabs", labels: ["nobody"] });
  for (const page of tabs) await expect(page.getByText("For all tabs")).toBeVisible();
  await context.close();
});
