import type { Attempt } from "../api/types";
import { millis } from "../text/time";

/** Narrowest bar: as wide as its sign, in pixels. */
const BAR_PX = 14;
/** Room between two bars that would stand on each other, in pixels. */
const GAP_PX = 1;
/** So many bars before one can push it on; with more, what is in the middle is covered. */
const PUSHED_MAX = 24;

export interface BarPlace {
  left: string;
  right: string;
}

const percent = (part: number) => `${Math.round(part * 10_000) / 100}%`;

/**
 * Where the bars of a task's attempts stand on a line of time, first one first. Each is as wide as its
 * sign at least, and begins after the one before it, so that a failure of a moment is not covered by
 * the attempt that came next.
 */
export function barPlaces(
  attempts: readonly Pick<Attempt, "created_at" | "ended_at">[],
  from: number,
  to: number,
  now: number,
): BarPlace[] {
  const part = (time: number) => Math.min(1, Math.max(0, (time - from) / (to - from)));
  const begins = attempts.map((attempt) => part(millis(attempt.created_at)));
  const step = BAR_PX + GAP_PX;
  return attempts.map((attempt, at) => {
    const own = begins.slice(Math.max(0, at - PUSHED_MAX), at + 1).reverse();
    const pushed = own.map((begin, back) =>
      back === 0 ? percent(begin) : `calc(${percent(begin)} + ${back * step}px)`,
    );
    // Those that come after it have room at the end.
    const room = Math.min(PUSHED_MAX, attempts.length - 1 - at) * step;
    const end = attempt.ended_at ? millis(attempt.ended_at) : now;
    return {
      left: `min(calc(100% - ${room + BAR_PX}px), max(${pushed.join(", ")}))`,
      right: `max(${room}px, ${percent(1 - part(end))})`,
    };
  });
}
