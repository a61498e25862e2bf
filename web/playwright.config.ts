import { defineConfig } from "@playwright/test";

/** Debian's Chromium, or another one that CHROMIUM names. */
const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export default defineConfig({
  testDir: "e2e",
  outputDir: "dist/e2e",
  // Each worker has a lab of its own, which its tests share.
  workers: 2,
  projects: [
    { name: "journeys", testMatch: "journeys/*.spec.ts", fullyParallel: true },
    { name: "pages", testMatch: ["pages.spec.ts", "states.spec.ts"], fullyParallel: true },
    // What is measured has the machine for itself: it is run on its own.
    { name: "budgets", testMatch: "budgets.spec.ts", workers: 1 },
    // Writes the pictures of the documents: run it when a page looks different.
    { name: "pictures", testMatch: "pictures.spec.ts", workers: 1 },
  ],
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1440, height: 900 },
    // A recording of everything, for whoever looks for a cause: it takes nearly as long again.
    trace: process.env["E2E_TRACE"] ? "retain-on-failure" : "off",
    screenshot: "only-on-failure",
    launchOptions: { executablePath: chromium, args: ["--no-sandbox"] },
  },
});
