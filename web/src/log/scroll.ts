/**
 * Where lines are on the screen for a place of the scroll bar.
 *
 * One rule serves lines of one height and wrapped ones, short logs and those
 * that are taller than a browser allows: at the fraction t of the bar, the
 * place t × lines of the log is at the height t × view. For lines of one
 * height that is exactly what ordinary scrolling does.
 */

/** Tallest element that every browser can scroll, in pixels (Firefox: 17.8 million). */
const HEIGHT_MAX = 15_000_000;
const OVERSCAN = 10;

export interface Place {
  /** Height of what is scrolled, in pixels. */
  height: number;
  /** Lines to draw: from this one, up to but without that one. */
  first: number;
  end: number;
  /** Line that is held in its place, and which part of it. */
  anchor: number;
  part: number;
  /** Where that part is, in pixels from the top of the view. */
  at: number;
}

export function placeOf(lines: number, rowPx: number, viewPx: number, scrollPx: number): Place {
  const height = Math.max(viewPx, Math.min(HEIGHT_MAX, lines * rowPx));
  const room = height - viewPx;
  const t = room > 0 ? Math.min(1, Math.max(0, scrollPx / room)) : 0;
  const spot = t * lines;
  const at = t * viewPx;
  const first = Math.max(0, Math.floor(spot - at / rowPx) - OVERSCAN);
  const end = Math.min(lines, Math.ceil(spot + (viewPx - at) / rowPx) + OVERSCAN);
  const anchor = Math.min(Math.max(0, lines - 1), Math.floor(spot));
  return { height, first, end, anchor, part: spot - anchor, at };
}

/** Place of the bar at which a line is in sight. */
export function scrollTo(line: number, lines: number, rowPx: number, viewPx: number): number {
  const room = Math.max(viewPx, Math.min(HEIGHT_MAX, lines * rowPx)) - viewPx;
  return lines === 0 ? 0 : ((line + 0.5) / lines) * room;
}
