import { defineConfig } from "@playwright/test";

/** Debian's Chromium, or another one that CHROMIUM names. */
const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export default defineConfig({
  testDir: "e2e",
  outputDir: "dist/e2e",
  // Journeys share one lab, and the machine that measures.
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    launchOptions: { executablePath: chromium, args: ["--no-sandbox"] },
  },
});
