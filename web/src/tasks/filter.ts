import { STATES, type State, type Task } from "../api/types";
import type { BoardSearch } from "../search";

/** The tasks that a board's address asks for, in its order. Pure, so that typing stays fluid. */
export function filterTasks(tasks: readonly Task[], search: BoardSearch): Task[] {
  const states = search.states ? new Set(search.states.split(",")) : undefined;
  const words = search.q?.toLowerCase().split(/\s+/).filter(Boolean) ?? [];
  const found = tasks.filter((task) => {
    if (states && !states.has(task.state)) return false;
    if (search.project && task.project !== search.project) return false;
    if (search.kind === "goals" && task.parent) return false;
    if (search.kind === "leaves" && task.kind !== "leaf") return false;
    if (words.length === 0) return true;
    const title = task.title.toLowerCase();
    return words.every((word) => title.includes(word) || task.id === word);
  });
  switch (search.sort) {
    case "updated":
      return found.sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));
    case "priority":
      return found.sort((a, b) => b.priority - a.priority || b.path - a.path);
    case "title":
      return found.sort((a, b) => a.title.localeCompare(b.title));
    case "newest":
    case undefined:
      return found;
  }
}

/** Tasks that belong together, under one name. */
export interface Group {
  key: string;
  label: string;
  tasks: Task[];
}

export type GroupBy = "state" | "goal" | "project";

/** Tasks in groups, each in the order they came; groups by their first task, states by a task's life. */
export function groupTasks(
  tasks: readonly Task[],
  by: GroupBy,
  labels: { state: (state: State) => string; goal: (id: string) => string; project: (id: string) => string },
): Group[] {
  const groups = new Map<string, Group>();
  for (const task of tasks) {
    const key = by === "state" ? task.state : by === "goal" ? task.goal_id : (task.project ?? "");
    let group = groups.get(key);
    if (!group) {
      const label =
        by === "state"
          ? labels.state(task.state)
          : by === "goal"
            ? labels.goal(key)
            : key
              ? labels.project(key)
              : "Without a project";
      group = { key, label, tasks: [] };
      groups.set(key, group);
    }
    group.tasks.push(task);
  }
  const all = [...groups.values()];
  if (by !== "state") return all;
  const place = (group: Group) => STATES.indexOf(group.key as State);
  return all.sort((a, b) => place(a) - place(b));
}

/** A task in a list: itself, and where it was when it was last seen there. */
export interface Place {
  id: string | undefined;
  at: number;
}

/** Where it is now; where it was, if it is gone. What arrives before it moves it on. */
export function whereIs(place: Place, tasks: readonly Task[]): number {
  if (place.id !== undefined && tasks[place.at]?.id === place.id) return place.at;
  const found = place.id === undefined ? -1 : tasks.findIndex((task) => task.id === place.id);
  return found >= 0 ? found : Math.max(0, Math.min(place.at, tasks.length - 1));
}

/** States that always have a column, so that a board does not jump when one fills. */
const ALWAYS: readonly State[] = ["blocked", "ready", "running", "integrating", "waiting", "done"];

export interface Column {
  state: State;
  tasks: Task[];
}

/** Tasks by state, in the order of a task's life. */
export function columnsOf(tasks: readonly Task[], wanted: string | undefined): Column[] {
  const only = wanted ? new Set(wanted.split(",")) : undefined;
  const by = new Map<State, Task[]>(STATES.map((state) => [state, []]));
  for (const task of tasks) by.get(task.state)?.push(task);
  return [...by]
    .map(([state, own]) => ({ state, tasks: own }))
    .filter(({ state, tasks: own }) => (only ? only.has(state) : own.length > 0 || ALWAYS.includes(state)));
}
