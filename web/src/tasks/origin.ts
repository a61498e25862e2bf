import type { AuditEntry, PlanRevision, Task } from "../api/types";
import { millis } from "../text/time";

/** The revision that made a task: both carry the time of the approval. */
export function revisionOf(
  task: Pick<Task, "id" | "created_at">,
  revisions: readonly PlanRevision[],
): PlanRevision | undefined {
  const made = millis(task.created_at);
  return revisions.find(
    (one) =>
      one.task !== task.id && one.decision && one.state !== "rejected" && millis(one.decision.at) === made,
  );
}

/** Who asked for a task, of those who did something when it was made: to it, or to what it is a part of. */
export function askedBy(
  task: Pick<Task, "id" | "goal_id" | "parent">,
  entries: readonly AuditEntry[],
): string | undefined {
  const own = new Set([task.id, task.goal_id, task.parent]);
  return entries.find((one) => own.has(one.target))?.actor;
}
