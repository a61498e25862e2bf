import { expect, test } from "vitest";
import type { TrainPlace } from "../api/types";
import { absentWords, byTarget, placeWords } from "./train";

const place = (task: string, target: string, at: number, of: number): TrainPlace => ({
  task,
  title: task,
  state: "integrating",
  target,
  place: at,
  of,
  updated_at: "2026-01-01T00:00:00Z",
});

test("each branch has a train of its own, in its order", () => {
  const places = [place("a", "goal", 1, 1), place("b", "main", 1, 2), place("c", "main", 2, 2)];
  const found = byTarget(places).map(([target, of]) => [target, of.map((one) => one.task)]);
  expect(found).toEqual([
    ["goal", ["a"]],
    ["main", ["b", "c"]],
  ]);
});

test("a place is said in words", () => {
  const words = [1, 2, 3, 4, 11, 22, 1_000].map((at) => placeWords(place("a", "main", at, at)));
  expect(words).toEqual([
    "1st of 1 into main",
    "2nd of 2 into main",
    "3rd of 3 into main",
    "4th of 4 into main",
    "11th of 11 into main",
    "22nd of 22 into main",
    "1000th of 1000 or more into main",
  ]);
});

test("a composite is named by its title, not by its branch", () => {
  const own = { ...place("a", "devlab/task-1", 1, 2), composite: "task-1", composite_title: "Sign in" };
  expect(placeWords(own)).toBe("1st of 2 into Sign in");
});

test("a result that is not listed may be behind those that are, where the list is cut", () => {
  expect(absentWords(499)).toBe("It is on its way into the train.");
  expect(absentWords(500)).toContain("behind the first 500 results");
});
