import { useQuery } from "@tanstack/react-query";
import { type Head, taskCounts } from "../api/queries";
import type { State, Task } from "../api/types";
import { count } from "../text/words";

/**
 * How many tasks are in these states, of which a list has the newest: its length where it has all of
 * them, and what the server counts where it is cut. `undefined` as long as that is not known.
 */
export function useTotal(
  org: string,
  states: readonly State[],
  list: Head<Task> | undefined,
): number | undefined {
  const counts = useQuery({ ...taskCounts(org), enabled: list?.more === true }).data;
  if (!list?.more) return list?.items.length;
  return counts && states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
}

/** `3 tasks`; of a cut list `1,234 tasks`, or `500 tasks or more` while nobody has counted them. */
export function totalWords(list: Head<Task>, total: number | undefined): string {
  return total === undefined ? `${count(list.items.length, "task")} or more` : count(total, "task");
}

/** What a cut list has of everything: `the newest 500 of 1,234`. */
export function newestWords(list: Head<Task>, total: number | undefined): string {
  const newest = `the newest ${list.items.length.toLocaleString()}`;
  return total === undefined ? newest : `${newest} of ${total.toLocaleString()}`;
}
