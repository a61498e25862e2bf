import ELK, { type ElkNode } from "elkjs/lib/elk-api";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import type { Edge, GraphNode } from "./model";

export const NODE = { width: 208, height: 52 };
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

/** Places of nodes, relative to their parents. Computed in a worker. */
export async function layout(
  nodes: readonly GraphNode[],
  edges: readonly Edge[],
  folded: ReadonlySet<string>,
): Promise<Map<string, Box>> {
  elk ??= make();
  const options = {
    "elk.algorithm": "layered",
    "elk.direction": "RIGHT",
    "elk.layered.spacing.nodeNodeBetweenLayers": "44",
    "elk.spacing.nodeNode": "14",
    "elk.layered.thoroughness": nodes.length > MANY ? "1" : "7",
    "elk.layered.nodePlacement.strategy": nodes.length > MANY ? "SIMPLE" : "NETWORK_SIMPLEX",
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
        : { id: node.id, ...NODE };
    });
  const between = (parent: string | undefined) =>
    edges
      .filter(({ from, to }) => parentOf.has(from) && parentOf.get(from) === parent && parentOf.get(to) === parent)
      .map(({ from, to }) => ({ id: `${from}>${to}`, sources: [from], targets: [to] }));
  const placed = await elk.layout({
    id: "root",
    layoutOptions: { ...options, "elk.padding": "[top=24,left=24,bottom=24,right=24]" },
    children: inner(undefined),
    edges: between(undefined),
  });
  const boxes = new Map<string, Box>();
  const collect = (node: ElkNode) => {
    for (const child of node.children ?? []) {
      boxes.set(child.id, {
        x: child.x ?? 0,
        y: child.y ?? 0,
        width: child.width ?? NODE.width,
        height: child.height ?? NODE.height,
      });
      collect(child);
    }
  };
  collect(placed);
  return boxes;
}
