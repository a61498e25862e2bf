import ELK, { type ElkNode } from "elkjs/lib/elk-api";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import type { Edge, GraphNode } from "./model";

const NODE = { width: 208, height: 52 };
const HEAD_PX = 40;
/** From this many nodes on, a quick placement is worth more than a fine one. */
const MANY = 150;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

let elk: ReturnType<typeof make> | undefined;

function make() {
  return new ELK({ workerFactory: () => new Worker(workerUrl) });
}

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  /** Places of nodes, relative to their parents. */
  boxes: Map<string, Box>;
  /** Ways of edges by `from>to`, from the graph's corner. */
  ways: Map<string, Point[]>;
  /** What was folded when the places were found. */
  folded: ReadonlySet<string>;
}

/** Places of nodes and ways of edges. Computed in a worker. */
export async function layout(
  nodes: readonly GraphNode[],
  edges: readonly Edge[],
  folded: ReadonlySet<string>,
  /** From top to bottom, for a screen that is higher than wide. */
  down = false,
): Promise<Layout> {
  elk ??= make();
  // What is narrower than its layer stays where it was when something beside it is unfolded.
  const alignment = { "elk.alignment": down ? "TOP" : "LEFT" };
  const options = {
    ...alignment,
    "elk.algorithm": "layered",
    "elk.direction": down ? "DOWN" : "RIGHT",
    "elk.layered.spacing.nodeNodeBetweenLayers": "44",
    "elk.spacing.nodeNode": "14",
    "elk.layered.thoroughness": nodes.length > MANY ? "1" : "7",
    "elk.layered.nodePlacement.strategy": nodes.length > MANY ? "SIMPLE" : "NETWORK_SIMPLEX",
    "elk.separateConnectedComponents": String(nodes.length <= MANY),
    "elk.padding": `[top=${HEAD_PX + 8},left=16,bottom=16,right=16]`,
  };
  const byParent = new Map<string | undefined, GraphNode[]>();
  const parentOf = new Map(nodes.map((node) => [node.id, node.parent]));
  for (const node of nodes) byParent.set(node.parent, [...(byParent.get(node.parent) ?? []), node]);
  const inner = (parent: string | undefined): ElkNode[] =>
    (byParent.get(parent) ?? []).map((node) => {
      const open = node.kind === "composite" && !folded.has(node.id) && byParent.has(node.id);
      return open
        ? { id: node.id, layoutOptions: options, children: inner(node.id), edges: between(node.id) }
        : { id: node.id, layoutOptions: alignment, ...NODE };
    });
  const between = (parent: string | undefined) =>
    edges
      .filter(
        ({ from, to }) => parentOf.has(from) && parentOf.get(from) === parent && parentOf.get(to) === parent,
      )
      .map(({ from, to }) => ({ id: `${from}>${to}`, sources: [from], targets: [to] }));
  const placed = await elk.layout({
    id: "root",
    layoutOptions: { ...options, "elk.padding": "[top=24,left=24,bottom=24,right=24]" },
    children: inner(undefined),
    edges: between(undefined),
  });
  const boxes = new Map<string, Box>();
  const ways = new Map<string, Point[]>();
  const collect = (node: ElkNode, left: number, top: number) => {
    for (const edge of node.edges ?? []) {
      const way = (edge.sections ?? []).flatMap((part) => [
        part.startPoint,
        ...(part.bendPoints ?? []),
        part.endPoint,
      ]);
      ways.set(
        edge.id,
        way.map((point) => ({ x: point.x + left, y: point.y + top })),
      );
    }
    for (const child of node.children ?? []) {
      const { x = 0, y = 0, width = NODE.width, height = NODE.height } = child;
      // In whole pixels, as a browser measures it.
      boxes.set(child.id, { x, y, width: Math.round(width), height: Math.round(height) });
      collect(child, left + x, top + y);
    }
  };
  collect(placed, 0, 0);
  return { boxes, ways, folded };
}

/** How far a bracket stands off what it joins: less than there is between two layers. */
const BRACKET_PX = 16;

/**
 * The way between two boxes that stand in no order: a bracket beside them if
 * one is above the other, one below them if they stand side by side, and a
 * line otherwise.
 */
export function bracket(a: Box, b: Box): Point[] {
  const right = (box: Box, part = 0.5) => ({ x: box.x + box.width, y: box.y + box.height * part });
  const below = (box: Box) => ({ x: box.x + box.width / 2, y: box.y + box.height });
  if (a.x < b.x + b.width && b.x < a.x + a.width) {
    const x = Math.max(right(a).x, right(b).x) + BRACKET_PX;
    // Edges begin in the middle of a side: this leaves them alone.
    const [above, under] = a.y < b.y ? [right(a, 0.75), right(b, 0.25)] : [right(b, 0.75), right(a, 0.25)];
    return [above, { x, y: above.y }, { x, y: under.y }, under];
  }
  if (a.y < b.y + b.height && b.y < a.y + a.height) {
    const y = Math.max(below(a).y, below(b).y) + BRACKET_PX / 2;
    return [below(a), { x: below(a).x, y }, { x: below(b).x, y }, below(b)];
  }
  const [left, far] = a.x < b.x ? [a, b] : [b, a];
  return [right(left), { x: far.x, y: far.y + far.height / 2 }];
}

/** Rounding of an edge's corners, in pixels. */
const CORNER = 8;

/** A way with round corners, as a path of SVG. */
export function pathOf(way: readonly Point[]): string {
  const [first, ...rest] = way;
  if (!first) return "";
  let path = `M${first.x},${first.y}`;
  let before = first;
  rest.forEach((point, at) => {
    const next = rest[at + 1];
    if (!next) {
      path += `L${point.x},${point.y}`;
      return;
    }
    const into = towards(point, before);
    const out = towards(point, next);
    path += `L${into.x},${into.y}Q${point.x},${point.y} ${out.x},${out.y}`;
    before = point;
  });
  return path;
}

/** The point a corner's rounding away from `from`, but not past the middle. */
function towards(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = length === 0 ? 0 : Math.min(CORNER, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
