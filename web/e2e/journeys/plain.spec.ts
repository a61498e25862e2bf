import { expect, logIn, test } from "../fixtures";
import { ANOTHER_NAME } from "../lab";

test.use({
  launchOptions: {
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", `--host-resolver-rules=MAP ${ANOTHER_NAME} 127.0.0.1`],
  },
});

test("over plain http from another machine work is started, and what cannot be copied says why", async ({
  browser,
  world,
}) => {
  const page = await (await browser.newContext()).newPage();
  const origin = world.origin.replace("127.0.0.1", ANOTHER_NAME);
  await logIn(page, origin, world.lab.token);
  expect(
    await page.evaluate(() => [isSecureContext, "randomUUID" in crypto, "clipboard" in navigator]),
  ).toEqual([false, false, false]);
  await page.goto(`${origin}/ui/o/default/new?mode=task`);
  await page.getByLabel("What is wanted").fill("Say hello over plain http");
  await page.getByRole("button", { name: "Preview" }).first().click();
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.getByRole("region", { name: "What is wanted" })).toContainText(
    "Say hello over plain http",
  );
  const copy = page.getByRole("button", { name: "Copy the id" });
  await expect(copy).toHaveAttribute("aria-disabled", "true");
  await expect(copy).toHaveAttribute("title", /over https only/);
});
