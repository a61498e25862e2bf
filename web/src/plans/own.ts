import type { TaskDetail } from "../api/types";

/** Whether a task can still be given a plan of its own: a leaf that nobody has tried. */
export function isPlannable(
  task: Pick<TaskDetail, "kind" | "state" | "attempts" | "choice" | "waiting_for">,
) {
  if (task.kind !== "leaf" || task.choice || task.attempts > 0) return false;
  if (task.state === "waiting") return task.waiting_for === "approval";
  return task.state === "draft" || task.state === "blocked" || task.state === "ready";
}

/** Whether a task may have revisions of a plan of its own. */
export function mayHavePlan(task: Parameters<typeof isPlannable>[0]): boolean {
  return isPlannable(task) || (task.kind === "composite" && !task.choice);
}
