import type { State, Task } from "../api/types";

/** A dependency: `to` waits for `from`. */
export interface Edge {
  from: string;
  to: string;
}

/** What a graph is drawn from; a plan that is not scheduled yet has it too. */
export interface GraphNode {
  id: string;
  title: string;
  parent: string | undefined;
  kind: "leaf" | "composite";
  state: State;
}

/** Two tasks that will touch the same paths. */
export interface Meeting {
  first: string;
  second: string;
  paths: readonly string[];
}

/** How many others each task meets. */
export function meetingsOf(meetings: readonly Meeting[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { first, second } of meetings) {
    for (const id of [first, second]) found.set(id, (found.get(id) ?? 0) + 1);
  }
  return found;
}

/** Tasks below a goal, as nodes, in the order in which they were made: where nothing else says where one stands, that does. */
export function nodesOf(tasks: readonly Task[], goal: string): GraphNode[] {
  return tasks
    .filter((task) => task.id !== goal)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((task) => ({
      id: task.id,
      title: task.title,
      parent: task.parent && task.parent !== goal ? task.parent : undefined,
      kind: task.kind,
      state: task.state,
    }));
}

function over(state: State): boolean {
  return state === "done" || state === "cancelled";
}

/**
 * The nodes of the longest chain of work that is left: what decides when the
 * goal can be done. Edges join children of one parent, so each parent has its
 * own chain; a composite counts as one step of its parent's.
 */
export function criticalPath(nodes: readonly GraphNode[], edges: readonly Edge[]): Set<string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const before = new Map<string, string[]>();
  for (const { from, to } of edges) before.set(to, [...(before.get(to) ?? []), from]);
  const length = new Map<string, number>();
  const previous = new Map<string, string | undefined>();
  for (const start of nodes) {
    // A stack instead of recursion: a chain can have thousands of tasks.
    const stack = [start.id];
    while (stack.length > 0) {
      const id = stack.at(-1) ?? "";
      if (length.has(id)) {
        stack.pop();
        continue;
      }
      const missing = (before.get(id) ?? []).filter((one) => byId.has(one) && !length.has(one));
      if (missing.length > 0 && stack.length <= nodes.length) {
        stack.push(...missing);
        continue;
      }
      stack.pop();
      let best: string | undefined;
      for (const one of before.get(id) ?? []) {
        if ((length.get(one) ?? 0) > (best ? (length.get(best) ?? 0) : 0)) best = one;
      }
      const node = byId.get(id);
      const own = node && !over(node.state) ? 1 : 0;
      length.set(id, own + (best ? (length.get(best) ?? 0) : 0));
      previous.set(id, best);
    }
  }
  const chain = new Set<string>();
  for (const parent of new Set(nodes.map((node) => node.parent))) {
    const own = nodes.filter((node) => node.parent === parent && !over(node.state));
    let at = own.reduce<string | undefined>(
      (best, node) => ((length.get(node.id) ?? 0) > (best ? (length.get(best) ?? 0) : 0) ? node.id : best),
      undefined,
    );
    // A chain of one says nothing.
    if (!at || (length.get(at) ?? 0) < 2) continue;
    for (; at; at = previous.get(at)) {
      const node = byId.get(at);
      if (node && !over(node.state)) chain.add(at);
    }
  }
  return chain;
}

export interface Item {
  node: GraphNode;
  depth: number;
  /** Descendants that are leaves. */
  leaves: number;
  done: number;
}

/** Nodes in an order in which one can read them: children under their parent, dependencies first. */
export function outline(
  nodes: readonly GraphNode[],
  edges: readonly Edge[],
  folded: ReadonlySet<string>,
): Item[] {
  const children = new Map<string | undefined, GraphNode[]>();
  for (const node of nodes) children.set(node.parent, [...(children.get(node.parent) ?? []), node]);
  const rank = ranks(nodes, edges);
  for (const own of children.values()) {
    own.sort((a, b) => (rank.get(a.id) ?? 0) - (rank.get(b.id) ?? 0) || (a.id < b.id ? -1 : 1));
  }
  const items: Item[] = [];
  const walk = (
    parent: string | undefined,
    depth: number,
    shown: boolean,
  ): { leaves: number; done: number } => {
    const sum = { leaves: 0, done: 0 };
    for (const node of children.get(parent) ?? []) {
      const item: Item = { node, depth, leaves: 0, done: 0 };
      if (shown) items.push(item);
      const below =
        node.kind === "leaf"
          ? { leaves: 1, done: over(node.state) ? 1 : 0 }
          : walk(node.id, depth + 1, shown && !folded.has(node.id));
      item.leaves = below.leaves;
      item.done = below.done;
      sum.leaves += below.leaves;
      sum.done += below.done;
    }
    return sum;
  };
  walk(undefined, 0, true);
  return items;
}

/** How many steps come before a node. */
function ranks(nodes: readonly GraphNode[], edges: readonly Edge[]): Map<string, number> {
  const after = new Map<string, string[]>();
  const open = new Map<string, number>(nodes.map((node) => [node.id, 0]));
  for (const { from, to } of edges) {
    if (!open.has(from) || !open.has(to)) continue;
    after.set(from, [...(after.get(from) ?? []), to]);
    open.set(to, (open.get(to) ?? 0) + 1);
  }
  const rank = new Map<string, number>();
  let level = nodes.filter((node) => open.get(node.id) === 0).map((node) => node.id);
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const id of level) {
      rank.set(id, depth);
      for (const to of after.get(id) ?? []) {
        const left = (open.get(to) ?? 0) - 1;
        open.set(to, left);
        if (left === 0) next.push(to);
      }
    }
    level = next;
  }
  return rank;
}

/** The keys of a circle, if the dependencies close one. */
export function circleOf(keys: readonly string[], edges: readonly Edge[]): string[] | undefined {
  const nodes = keys.map(
    (id): GraphNode => ({ id, title: id, parent: undefined, kind: "leaf", state: "draft" }),
  );
  const rank = ranks(nodes, edges);
  const left = keys.filter((key) => !rank.has(key));
  return left.length > 0 ? left : undefined;
}
