import type { Task } from "../api/types";

const HOUR = 3_600_000;
/** Most bars of a chart. */
const BARS_MAX = 48;
/** Widths of a bar, in milliseconds, from which the narrowest that fits is taken. */
const WIDTHS = [60_000, 5 * 60_000, 15 * 60_000, HOUR, 3 * HOUR, 6 * HOUR, 24 * HOUR, 7 * 24 * HOUR];

export interface Series {
  /** Beginning of each interval, in seconds, as charts want it. */
  times: number[];
  /** Tasks that were finished in it. */
  finished: number[];
  /** Median seconds from the making of a leaf to its end; `null` where none was finished. */
  median: Array<number | null>;
  width: number;
}

/** Counts finished tasks in intervals that are as wide as their number needs. */
export function seriesOf(tasks: readonly Task[], now: number): Series {
  const ends = tasks.map((task) => Date.parse(task.updated_at));
  const first = ends.reduce((least, end) => Math.min(least, end), now);
  const width = WIDTHS.find((one) => (now - first) / one <= BARS_MAX) ?? 7 * 24 * HOUR;
  const start = Math.floor(first / width);
  const bars = Math.max(8, Math.floor(now / width) - start + 1);
  const from = Math.floor(now / width) - bars + 1;
  const lasted: number[][] = Array.from({ length: bars }, () => []);
  const finished: number[] = Array.from({ length: bars }, () => 0);
  tasks.forEach((task, index) => {
    const end = ends[index] ?? now;
    const bar = Math.floor(end / width) - from;
    if (finished[bar] !== undefined) finished[bar] += 1;
    // A composite lasts as long as all that is in it.
    if (task.kind === "leaf") lasted[bar]?.push((end - Date.parse(task.created_at)) / 1000);
  });
  return {
    times: lasted.map((_, index) => ((from + index) * width) / 1000),
    finished,
    median: lasted.map(medianOf),
    width,
  };
}

function medianOf(values: number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
