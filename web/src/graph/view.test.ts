import { expect, test } from "vitest";
import { ViewWatch } from "./view";

const at = (x: number, y = 0, zoom = 1) => ({ x, y, zoom });
const by = (type: string) => ({ type });

test("a press that chooses a task is no move of the view, and nor is what the program does", () => {
  const view = new ViewWatch();
  view.begin(by("mousedown"), at(10));
  expect(view.hasMoved).toBe(false);
  // The hand slips, by as much as a click may.
  view.go(by("mousemove"), at(11));
  expect(view.hasMoved).toBe(false);
  view.begin(null, at(11));
  view.go(null, at(400, 300, 0.5));
  expect(view.hasMoved).toBe(false);
});

test("a drag, a turn of the wheel, two fingers and a button move it, until it is fitted", () => {
  const moves: Record<string, (view: ViewWatch) => void> = {
    drag: (view) => {
      view.begin(by("mousedown"), at(10));
      view.go(by("mousemove"), at(11));
      view.go(by("mousemove"), at(14));
    },
    wheel: (view) => view.begin(by("wheel"), at(10)),
    pinch: (view) => {
      view.begin(by("touchstart"), at(10));
      view.go(by("touchmove"), at(10, 0, 1.2));
    },
    button: (view) => view.moved(),
  };
  for (const [what, move] of Object.entries(moves)) {
    const view = new ViewWatch();
    move(view);
    expect(view.hasMoved, what).toBe(true);
    view.fitted();
    expect(view.hasMoved, what).toBe(false);
  }
});
