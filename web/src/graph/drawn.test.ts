import { expect, test } from "vitest";
import type { State } from "../api/types";
import { drawnEdges, drawnMeetings, drawnNodes, steady } from "./drawn";
import type { Layout } from "./layout";
import type { GraphNode } from "./model";
import { nodeWords } from "./words";

const node = (id: string, parent?: string, state: State = "ready", kind: GraphNode["kind"] = "leaf") => ({
  id,
  title: id,
  parent,
  kind,
  state,
});

const NODES = [
  node("group", undefined, "blocked", "composite"),
  node("in", "group"),
  node("other", undefined, "blocked", "composite"),
  node("out"),
];

/** Two groups, one below the other, and a task beside them. */
function placedWith(...open: string[]): Layout {
  const height = (id: string) => (open.includes(id) ? 200 : 52);
  const box = (x: number, y: number, high = 52) => ({ x, y, width: 208, height: high });
  const boxes = new Map([
    ["group", box(0, 0, height("group"))],
    ["in", box(16, 48)],
    ["other", box(0, height("group") + 14)],
    ["out", box(300, 0)],
  ]);
  return { boxes, ways: new Map(), folded: new Set(["group", "other"].filter((id) => !open.includes(id))) };
}

const onFold = () => {};
const draw = (placed: Layout, nodes: readonly GraphNode[] = NODES) =>
  drawnNodes({
    nodes,
    placed,
    critical: new Set(["in"]),
    counts: new Map(),
    meets: new Map(),
    selected: undefined,
    onSelect: undefined,
    onFold,
  });

test("a node says where it is and how large, so that nobody has to measure it", () => {
  const drawn = draw(placedWith("group"));
  expect(drawn.map(({ id, type, parentId }) => [id, type, parentId])).toEqual([
    ["group", "group_", undefined],
    ["in", "task", "group"],
    ["other", "task", undefined],
    ["out", "task", undefined],
  ]);
  for (const { width, height, measured, handles } of drawn) {
    expect(measured).toEqual({ width, height });
    expect(handles?.map(({ type, x, y }) => [type, x, y])).toEqual([
      ["target", 0, (height ?? 0) / 2],
      ["source", width, (height ?? 0) / 2],
    ]);
  }
});

test("when a group unfolds, what does not move is not drawn again", () => {
  const before = draw(placedWith());
  const after = steady(before, draw(placedWith("group")));
  const was = new Map(before.map((one) => [one.id, one]));
  const [group, within, other, out] = after;
  expect(out).toBe(was.get("out"));
  // One that only moves has the same to say.
  expect(other).not.toBe(was.get("other"));
  expect(other?.data).toBe(was.get("other")?.data);
  expect(group?.data).toMatchObject({ folded: false });
  expect(within?.data).toMatchObject({ critical: true });
});

test("a task that changes its state is drawn again, alone", () => {
  const before = draw(placedWith("group"));
  const changed = NODES.map((one) => (one.id === "in" ? node("in", "group", "done") : { ...one }));
  const after = steady(before, draw(placedWith("group"), changed));
  expect(after.map((one, at) => one === before[at])).toEqual([true, false, true, true]);
});

test("what a node shows by colour and form, it says", () => {
  expect(nodeWords({ node: node("a"), critical: false, meets: 0 })).toBe("Ready");
  expect(nodeWords({ node: node("a", undefined, "failed"), critical: true, meets: 2 })).toBe(
    "Failed, on the critical path, touches the same as 2 other tasks",
  );
});

const places = (...ids: string[]) => ({
  boxes: new Map(ids.map((id, at) => [id, { x: 0, y: at * 100, width: 50, height: 20 }])),
  ways: new Map([["a>b", [{ x: 1, y: 2 }]]]),
  folded: new Set<string>(),
});

test("lines join what is in sight, critical ones last, and say what became of where they begin", () => {
  const nodes = [
    node("a", undefined, "done"),
    node("b", undefined, "failed"),
    node("c"),
    node("g"),
    node("d", "g"),
    node("e", "g"),
  ];
  const shown = new Set(["a", "b", "c", "d", "e"]);
  const all = ["ab", "bc", "cg", "de"].map(([from = "", to = ""]) => ({ from, to }));
  const lines = drawnEdges(nodes, all, shown, new Set(["a", "b"]), places());
  expect(lines).toEqual([
    { id: "b>c", way: [], className: "way way-dead", z: -1 },
    { id: "d>e", way: [], className: "way", z: 0 },
    { id: "a>b", way: [{ x: 1, y: 2 }], className: "way way-hot way-done", z: -1 },
  ]);
});

test("a bracket joins two that meet if both are in sight, where their groups stand, and above all", () => {
  const nodes = [node("g"), node("a", "g"), node("b")];
  const meet = [{ first: "a", second: "b", paths: ["x"] }];
  const at = places("g", "a", "b");
  const [line, ...more] = drawnMeetings(nodes, meet, new Set(["a", "b"]), at);
  expect(more).toEqual([]);
  expect(line).toMatchObject({ id: "a~b", className: "way way-meets", z: 100 });
  // A place in a group counts from its corner.
  expect(line?.way[0]).toEqual({ x: 50, y: 115 });
  expect(drawnMeetings(nodes, meet, new Set(["b"]), at)).toEqual([]);
});
