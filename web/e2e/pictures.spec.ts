import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect, logIn, test } from "./fixtures";
import { type Lab, startLab } from "./lab";
import { type Shown, seedShown } from "./show";

/** Where the documents look for them. */
const IMAGES = join(import.meta.dirname, "../../docs/images");
const WIDTH = 1280;
const HEIGHT = 800;
/** Of WebP: text stays sharp, and a picture stays below 100 KB. */
const QUALITY = 82;

/** Playwright writes PNG and JPEG only; the browser itself can do better. */
async function draw(page: Page, name: string): Promise<void> {
  await page.waitForLoadState("networkidle", { timeout: 1_000 }).catch(() => {});
  await page.waitForFunction(() => document.querySelector("[role=status] .skeleton") === null);
  const browser = await page.context().newCDPSession(page);
  const { data } = await browser.send("Page.captureScreenshot", { format: "webp", quality: QUALITY });
  writeFileSync(join(IMAGES, `${name}.webp`), Buffer.from(data, "base64"));
}

/** Every picture: its name, its address, and what says that it is there. */
function pictures(shown: Shown): Array<[name: string, path: string, ready: string]> {
  return [
    ["overview", "", "Running now"],
    ["board", "/board", "Accept comments"],
    ["goal", `/goals/${shown.goal}?view=graph`, "Write the changelog"],
    ["plan", `/goals/${shown.planned}?view=plan`, "What it changes"],
    ["log", `/tasks/${shown.live}?tab=log`, "Compiling"],
    ["review", `/tasks/${shown.review}?tab=changes`, "parse_all"],
    ["proof", `/tasks/${shown.review}?tab=proof`, "no tabs"],
  ];
}

test("the pictures of the documents are drawn", async ({ browser }) => {
  test.setTimeout(300_000);
  mkdirSync(IMAGES, { recursive: true });
  const lab: Lab = await startLab(3);
  try {
    const shown = await seedShown(lab);
    for (const theme of ["light", "dark"] as const) {
      const context = await browser.newContext({
        viewport: { width: WIDTH, height: HEIGHT },
        colorScheme: theme,
        reducedMotion: "reduce",
      });
      const page = await context.newPage();
      await logIn(page, lab.dashboard, lab.token);
      for (const [name, path, ready] of pictures(shown)) {
        if (theme === "dark" && name !== "overview") continue;
        await page.goto(`${lab.dashboard}/ui/o/default${path}`);
        await expect(page.getByText(ready).locator("visible=true").first()).toBeVisible();
        await draw(page, theme === "dark" ? `${name}-dark` : name);
      }
      await context.close();
    }
  } finally {
    await lab.stop();
  }
});
