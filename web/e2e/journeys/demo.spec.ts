import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { binary, ended, until } from "../lab";

/** How long the demo's goal may take, beside another lab on the machine. */
const GOAL_MS = 120_000;

test("the demo is watched from its first line to its merge, by the link that it prints", async ({ page }) => {
  test.setTimeout(GOAL_MS + 60_000);
  const folder = mkdtempSync(join(tmpdir(), "devlab-e2e-demo-"));
  const env = { PATH: process.env["PATH"], HOME: folder, TMPDIR: folder };
  const demo = spawn(binary(), ["demo"], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  demo.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  try {
    const link = await until("the link", async () => /log in once: (\S+)/.exec(said)?.[1]);
    const origin = new URL(link).origin;
    expect(said).toContain(`Watch it at ${origin}/ui`);
    await page.goto(link);
    await page.waitForURL("**/ui/o/**");
    await page.goto(`${origin}/ui/o/default/board`);
    const goal = page.getByRole("link", { name: "Release tally 1.1" }).first();
    await goal.click();
    await expect(page.getByText(/^\d+ of 11 tasks done$/)).toBeVisible();
    await expect(page.getByText("11 of 11 tasks done")).toBeVisible({ timeout: GOAL_MS });
    await expect(page.locator("header").getByText("Done", { exact: true })).toBeVisible({ timeout: 30_000 });
    await page.goto(`${origin}/ui/o/default`);
    await expect(page.getByText("Release tally 1.1").first()).toBeVisible();
    demo.kill("SIGINT");
    await ended(demo);
    expect(demo.exitCode).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    demo.kill("SIGKILL");
    await ended(demo);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
