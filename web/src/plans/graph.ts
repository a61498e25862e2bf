import type { Edge, GraphNode } from "../graph/model";

/** What a graph needs of a task that is planned or asked for. */
interface Wanted {
  key: string;
  title: string;
  tasks?: readonly Wanted[] | undefined;
  depends_on?: readonly string[] | undefined;
  done?: boolean | undefined;
}

/** A plan as a graph. Keys of nested tasks are joined with `/`; what was done before is done. */
export function graphOf(tasks: readonly Wanted[]): { nodes: GraphNode[]; edges: Edge[] } {
  const nodes: GraphNode[] = [];
  const edges: Edge[] = [];
  const walk = (list: readonly Wanted[], parent: string | undefined) => {
    for (const task of list) {
      const id = parent ? `${parent}/${task.key}` : task.key;
      const below = task.tasks ?? [];
      nodes.push({
        id,
        title: task.title,
        parent,
        kind: below.length > 0 ? "composite" : "leaf",
        state: task.done ? "done" : "draft",
      });
      for (const key of task.depends_on ?? [])
        edges.push({ from: parent ? `${parent}/${key}` : key, to: id });
      walk(below, id);
    }
  };
  walk(tasks, undefined);
  return { nodes, edges };
}
