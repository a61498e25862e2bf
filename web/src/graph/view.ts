import type { Viewport } from "@xyflow/react";

/** How far a press may slip and still be a click, in pixels: React Flow's own. */
const SLIP_PX = 1;

/** What is asked of an event: that a person has caused it, and how. What the program moves has none. */
type Cause = Pick<Event, "type"> | null;

/**
 * Whether somebody looks at a part of a graph that they have chosen, by what React Flow tells of its view.
 * A press begins a move, even where it only chooses a task: it counts once the view has gone with it.
 */
export class ViewWatch {
  hasMoved = false;
  private from: Viewport | undefined;

  readonly begin = (cause: Cause, at: Viewport): void => {
    this.from = at;
    // The first step of a wheel has no more events than this one, and has moved the view by then.
    if (cause?.type === "wheel") this.hasMoved = true;
  };

  readonly go = (cause: Cause, to: Viewport): void => {
    if (cause && !isNear(this.from, to)) this.hasMoved = true;
  };

  /** It was moved by a button. */
  readonly moved = (): void => {
    this.hasMoved = true;
  };

  /** All of it is in sight again. */
  readonly fitted = (): void => {
    this.hasMoved = false;
  };
}

function isNear(from: Viewport | undefined, to: Viewport): boolean {
  return from?.zoom === to.zoom && Math.hypot(to.x - from.x, to.y - from.y) <= SLIP_PX;
}
