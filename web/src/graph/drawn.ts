import { type Node as FlowNode, Position } from "@xyflow/react";
import { cx } from "../ui/cx";
import { type Box, bracket, type Layout, type Point } from "./layout";
import type { Edge, GraphNode, Item, Meeting } from "./model";

export interface Data extends Record<string, unknown> {
  node: GraphNode;
  critical: boolean;
  selected: boolean;
  folded: boolean;
  leaves: number;
  done: number;
  /** How many others touch the same. */
  meets: number;
  onSelect: ((id: string) => void) | undefined;
  onFold: (id: string) => void;
}

export type DrawnNode = FlowNode<Data>;

interface Plan {
  nodes: readonly GraphNode[];
  placed: Layout;
  critical: ReadonlySet<string>;
  counts: ReadonlyMap<string, Item>;
  meets: ReadonlyMap<string, number>;
  selected: string | undefined;
  onSelect: ((id: string) => void) | undefined;
  onFold: (id: string) => void;
}

/** A line on the way that the layout found for it: around nodes, not through them. */
export interface Line {
  id: string;
  way: readonly Point[];
  className: string;
  /** Its `z-index`. */
  z: number;
}

/** Above every node, however deep it is. */
const ABOVE_ALL = 100;

/** A composite that is lower than this is drawn as one task. */
const OPEN_PX = 60;

/**
 * What has a size and places where edges could begin and end is not measured. A node without them is put
 * into the page for that, also one that nobody sees: hundreds of them, each time that the plan is laid out.
 */
function measured({ width, height }: Box): Partial<DrawnNode> {
  const y = height / 2;
  return {
    width,
    height,
    measured: { width, height },
    handles: [
      { type: "target", position: Position.Left, x: 0, y },
      { type: "source", position: Position.Right, x: width, y },
    ],
  };
}

function byParentOf(nodes: readonly GraphNode[]): Map<string | undefined, GraphNode[]> {
  const found = new Map<string | undefined, GraphNode[]>();
  for (const node of nodes) {
    const own = found.get(node.parent);
    if (own) own.push(node);
    else found.set(node.parent, [node]);
  }
  return found;
}

/** What is in sight of a plan: parents before their children. */
export function drawnNodes({ nodes, placed, critical, counts, meets, ...plan }: Plan): DrawnNode[] {
  const byParent = byParentOf(nodes);
  const found: DrawnNode[] = [];
  const place = (parent: string | undefined) => {
    for (const node of byParent.get(parent) ?? []) {
      const box = placed.boxes.get(node.id);
      if (!box) continue;
      const open = node.kind === "composite" && !placed.folded.has(node.id) && box.height > OPEN_PX;
      found.push({
        id: node.id,
        type: open ? "group_" : "task",
        position: { x: box.x, y: box.y },
        ...measured(box),
        ...(parent ? { parentId: parent } : {}),
        data: {
          node,
          critical: critical.has(node.id),
          selected: plan.selected === node.id,
          folded: !open,
          leaves: counts.get(node.id)?.leaves ?? 0,
          done: counts.get(node.id)?.done ?? 0,
          meets: meets.get(node.id) ?? 0,
          onSelect: plan.onSelect,
          onFold: plan.onFold,
        },
      });
      if (open) place(node.id);
    }
  };
  place(undefined);
  return found;
}

function sameData(a: Data, b: Data): boolean {
  return Object.keys(a).every((name) =>
    name === "node"
      ? a.node.title === b.node.title && a.node.state === b.node.state && a.node.kind === b.node.kind
      : a[name] === b[name],
  );
}

function sameNode(a: DrawnNode, b: DrawnNode): boolean {
  return (
    a.type === b.type &&
    a.parentId === b.parentId &&
    a.position.x === b.position.x &&
    a.position.y === b.position.y &&
    a.width === b.width &&
    a.height === b.height
  );
}

/** Keeps what has not changed as it was, so that it is not drawn again. */
export function steady(before: readonly DrawnNode[], next: readonly DrawnNode[]): DrawnNode[] {
  const known = new Map(before.map((node) => [node.id, node]));
  return next.map((node) => {
    const old = known.get(node.id);
    if (!old || !sameData(old.data, node.data)) return node;
    return sameNode(old, node) ? old : { ...node, data: old.data };
  });
}

/**
 * Dependencies among what is in sight, the critical ones last: above the others. A node stands as high as
 * it is deep, as React Flow has it; lines are above the group that they are in, and below what they join.
 */
export function drawnEdges(
  nodes: readonly GraphNode[],
  edges: readonly Edge[],
  shown: ReadonlySet<string>,
  critical: ReadonlySet<string>,
  placed: Layout,
): Line[] {
  const states = new Map(nodes.map((node) => [node.id, node.state]));
  const parents = new Map(nodes.map((node) => [node.id, node.parent]));
  const depthOf = (id: string): number => {
    const parent = parents.get(id);
    return parent === undefined ? 0 : 1 + depthOf(parent);
  };
  const isHot = ({ from, to }: Edge) => critical.has(from) && critical.has(to);
  const among = edges.filter(({ from, to }) => shown.has(from) && shown.has(to));
  return [...among.filter((edge) => !isHot(edge)), ...among.filter(isHot)].map((edge) => {
    const { from, to } = edge;
    const dead = states.get(from) === "failed" || states.get(from) === "cancelled";
    return {
      id: `${from}>${to}`,
      way: placed.ways.get(`${from}>${to}`) ?? [],
      className: cx(
        "way",
        isHot(edge) && "way-hot",
        dead && "way-dead",
        states.get(from) === "done" && "way-done",
      ),
      z: depthOf(from) - 1,
    };
  });
}

/** Brackets between what will touch the same. */
export function drawnMeetings(
  nodes: readonly GraphNode[],
  meetings: readonly Meeting[],
  shown: ReadonlySet<string>,
  placed: Layout,
): Line[] {
  const parents = new Map(nodes.map((node) => [node.id, node.parent]));
  const at = (id: string): Box | undefined => {
    const box = placed.boxes.get(id);
    const parent = parents.get(id);
    const outer = parent && at(parent);
    return box && outer ? { ...box, x: box.x + outer.x, y: box.y + outer.y } : box;
  };
  return meetings.flatMap(({ first, second }): Line[] => {
    const [a, b] = [at(first), at(second)];
    if (!a || !b || !shown.has(first) || !shown.has(second)) return [];
    return [{ id: `${first}~${second}`, way: bracket(a, b), className: "way way-meets", z: ABOVE_ALL }];
  });
}
