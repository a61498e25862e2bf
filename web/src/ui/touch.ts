/** What a finger needs, in pixels: the class `tap` gives it to what has no row of its own. */
const FINGER_PX = 44;

/** Height of a row that can be pressed: as dense as a mouse allows, and no lower than a finger needs. */
export function rowPx(dense: number): number {
  return matchMedia("(pointer: coarse)").matches ? Math.max(dense, FINGER_PX) : dense;
}
