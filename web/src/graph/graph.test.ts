import { expect, test } from "vitest";
import type { State, Task } from "../api/types";
import { bracket, pathOf } from "./layout";
import { circleOf, criticalPath, type Edge, type GraphNode, meetingsOf, nodesOf, outline } from "./model";

const node = (
  id: string,
  state: State = "blocked",
  parent?: string,
  kind: GraphNode["kind"] = "leaf",
): GraphNode => ({
  id,
  title: id,
  parent,
  kind,
  state,
});
const edges = (...pairs: string[]): Edge[] =>
  pairs.map((pair) => {
    const [from = "", to = ""] = pair.split(">");
    return { from, to };
  });
const NONE = new Set<string>();

test("the critical path is the longest chain of what is left", () => {
  const nodes = [node("a", "done"), node("b"), node("c"), node("d"), node("x"), node("y")];
  expect([...criticalPath(nodes, edges("a>b", "b>c", "c>d", "x>d"))].sort()).toEqual(["b", "c", "d"]);
  expect(criticalPath([node("x"), node("y")], []).size).toBe(0);
});

test("a chain of thousands does not overflow", () => {
  const nodes = Array.from({ length: 5_000 }, (_, at) => node(`n${at}`));
  const chain = nodes.slice(1).map((one, at) => ({ from: `n${at}`, to: one.id }));
  expect(criticalPath(nodes.toReversed(), chain).size).toBe(5_000);
});

test("the outline has children below their parents and dependencies first", () => {
  const nodes = [
    node("z"),
    node("g", "running", undefined, "composite"),
    node("g2", "done", "g"),
    node("g1", "done", "g"),
  ];
  const items = outline(nodes, edges("g>z", "g1>g2"), NONE);
  expect(items.map((item) => [item.node.id, item.depth])).toEqual([
    ["g", 0],
    ["g1", 1],
    ["g2", 1],
    ["z", 0],
  ]);
  expect(items[0]).toMatchObject({ leaves: 2, done: 2 });
  const folded = outline(nodes, [], new Set(["g"])).map((item) => item.node.id);
  expect(folded).toEqual(["g", "z"]);
});

test("a circle is found, and a graph without one is let be", () => {
  expect(circleOf(["a", "b", "c"], edges("a>b", "b>c", "c>b"))).toEqual(["b", "c"]);
  expect(circleOf(["a", "b"], edges("a>b"))).toBeUndefined();
});

test("a way has round corners that do not reach past the middle", () => {
  const path = pathOf([
    { x: 0, y: 0 },
    { x: 10, y: 0 },
    { x: 10, y: 4 },
    { x: 40, y: 4 },
  ]);
  expect(path).toBe("M0,0L5,0Q10,0 10,2L10,2Q10,4 18,4L40,4");
});

test("two that meet are joined beside what stands between them", () => {
  const box = (x: number, y: number) => ({ x, y, width: 100, height: 50 });
  expect(bracket(box(0, 0), box(0, 200))).toEqual([
    { x: 100, y: 37.5 },
    { x: 116, y: 37.5 },
    { x: 116, y: 212.5 },
    { x: 100, y: 212.5 },
  ]);
  expect(bracket(box(300, 10), box(0, 0))[1]).toEqual({ x: 350, y: 68 });
  expect(bracket(box(300, 200), box(0, 0))).toEqual([
    { x: 100, y: 25 },
    { x: 300, y: 225 },
  ]);
});

test("each of two that meet knows of the other", () => {
  const met = meetingsOf([
    { first: "a", second: "b", paths: ["x"] },
    { first: "a", second: "c", paths: ["y"] },
  ]);
  expect([...met]).toEqual([
    ["a", 2],
    ["b", 1],
    ["c", 1],
  ]);
});

test("nodes are in the order in which their tasks were made, whatever order they come in", () => {
  const task = (id: string, parent: string) =>
    ({ id, parent, title: id, kind: "leaf", state: "ready" }) as unknown as Task;
  const nodes = nodesOf([task("c", "a"), task("goal", "x"), task("a", "goal"), task("b", "goal")], "goal");
  expect(nodes.map(({ id, parent }) => [id, parent])).toEqual([
    ["a", undefined],
    ["b", undefined],
    ["c", "a"],
  ]);
});
