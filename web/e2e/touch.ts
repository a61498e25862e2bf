import type { Page } from "@playwright/test";

/** What a finger needs, in CSS pixels; a point more or less is rounding. */
const FINGER_PX = 43;

const PRESSED =
  "a[href], button, summary, select, textarea, input, [role=button], [role=tab], [role=option], [role=checkbox]";

/**
 * What needs no 44 px: a picture that is zoomed by two fingers, whose tasks the list has too; and lines of
 * a log, of which a bar with buttons for the one above and below appears when one is marked.
 */
const EXEMPT = ".react-flow__viewport *, [data-line] > button";

/**
 * What can be pressed, but only on less than 44 × 44 px. It is tried, point by point from the middle
 * outward, so that what reaches further than it looks counts, and what is covered by something else does not.
 * Links in a sentence are as high as their line.
 */
export async function tooSmall(page: Page): Promise<string[]> {
  return page.evaluate(
    ({ pressed, exempt, least }) => {
      const inSentence = (one: Element) => {
        if (one.tagName !== "A") return false;
        if (one.closest(".markdown")) return true;
        const words = (of: Element | null) => (of?.textContent ?? "").trim().length;
        return words(one.closest("p")) > words(one) + 3;
      };
      // What only a screen reader is shown is cut to nothing.
      const forReaders = (one: Element) => getComputedStyle(one).clipPath === "inset(50%)";
      const measure = (one: Element): [width: number, height: number] => {
        one.scrollIntoView({ block: "center", inline: "center" });
        const parts = [one, ...((one as HTMLInputElement).labels ?? [])];
        const box = one.getBoundingClientRect();
        const x = box.x + box.width / 2;
        const y = box.y + box.height / 2;
        const hits = (dx: number, dy: number) => {
          const there = document.elementFromPoint(x + dx, y + dy);
          return there !== null && parts.some((part) => part.contains(there));
        };
        const reach = (dx: number, dy: number) => {
          let steps = 0;
          while (steps < 60 && hits(dx * (steps + 1), dy * (steps + 1))) steps += 1;
          return steps;
        };
        if (!hits(0, 0)) {
          // A sheet at the side lies over it, and is closed first.
          return document.elementFromPoint(x, y)?.closest("aside") ? [least, least] : [0, 0];
        }
        return [reach(-1, 0) + 1 + reach(1, 0), reach(0, -1) + 1 + reach(0, 1)];
      };
      const over = [...document.querySelectorAll("[role=dialog]")].at(-1);
      const found: string[] = [];
      for (const one of (over ?? document).querySelectorAll(pressed)) {
        if (!one.checkVisibility({ visibilityProperty: true }) || forReaders(one)) continue;
        if (one.matches(exempt) || one.matches(":disabled") || inSentence(one)) continue;
        const [width, height] = measure(one);
        // Lists draw what is scrolled into sight anew.
        if (!one.isConnected || (width >= least && height >= least)) continue;
        const name = one.getAttribute("aria-label") ?? one.textContent?.trim() ?? "";
        found.push(`${one.tagName.toLowerCase()} “${name.slice(0, 60)}” is pressed on ${width}×${height} px`);
      }
      return found;
    },
    { pressed: PRESSED, exempt: EXEMPT, least: FINGER_PX },
  );
}
