import type { PlanDetail, PlannedTask } from "../api/types";

/** How a plan file may look. */
export const PLAN_EXAMPLE = `title: Release 1.1
tasks:
  - key: comments
    title: Accept comments
  - key: docs
    title: Describe them
    depends_on: [comments]`;

/** A revision as the plan file that means the same: what only a revision knows is left out. */
export function planFile(
  plan: Pick<
    PlanDetail,
    "title" | "goal" | "driver" | "checks" | "labels" | "priority" | "review" | "paths" | "tasks"
  >,
) {
  return some({
    title: plan.title,
    goal: plan.goal === plan.title ? undefined : plan.goal,
    driver: plan.driver ?? undefined,
    checks: plan.checks,
    labels: plan.labels,
    priority: plan.priority || undefined,
    review: plan.review ?? undefined,
    paths: plan.paths,
    tasks: plan.tasks.map(fileTask),
  });
}

function fileTask(task: PlannedTask): object {
  return some({
    key: task.key,
    title: task.title,
    goal: task.goal === task.title ? undefined : task.goal,
    depends_on: task.depends_on,
    driver: task.driver ?? undefined,
    checks: task.checks,
    labels: task.labels,
    priority: task.priority || undefined,
    review: task.review || undefined,
    side_effects: task.side_effects || undefined,
    paths: task.paths,
    done: task.done || undefined,
    group: task.group ?? undefined,
    tasks: task.tasks?.map(fileTask),
    alternatives: task.alternatives?.map(({ title, driver, labels }) => ({
      ...some({ title: title ?? undefined, driver: driver ?? undefined }),
      ...(labels ? { labels } : {}),
    })),
  });
}

/** Without what is not there, and without empty lists. */
function some<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined && !(Array.isArray(one) && one.length === 0)),
  ) as Partial<T>;
}
