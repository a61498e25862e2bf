import type { TaskDetail } from "../api/types";

/** The script that does a task, if one does. */
export function scriptOf(task: Pick<TaskDetail, "driver">): string {
  return task.driver?.command.script?.trim() ?? "";
}

/** The driver with another script: its time limit and its variables stay as they are. */
export function withScript(driver: TaskDetail["driver"], script: string) {
  const { argv: _, ...kept } = driver?.command ?? {};
  return { command: { ...kept, script } };
}
