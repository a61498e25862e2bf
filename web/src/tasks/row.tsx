import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Task } from "../api/types";
import { StateIcon, stateWords } from "../ui/state";
import { Ago } from "../ui/time";

/** Where a task's own page is: a goal with children has its graph. */
export function TaskLink({
  org,
  task,
  children,
  className,
  card = false,
}: {
  org: string;
  task: Pick<Task, "id" | "kind" | "parent" | "title">;
  children?: ReactNode;
  className?: string;
  /** It stands for a card, among which arrows move the focus. */
  card?: boolean;
}) {
  const words = children ?? task.title;
  const more = card ? { "data-card": task.id } : {};
  return task.kind === "composite" && !task.parent ? (
    <Link to="/o/$org/goals/$goal" params={{ org, goal: task.id }} className={className} {...more}>
      {words}
    </Link>
  ) : (
    <Link to="/o/$org/tasks/$task" params={{ org, task: task.id }} className={className} {...more}>
      {words}
    </Link>
  );
}

/** A line of a short list. */
export function TaskRow({ org, task, note }: { org: string; task: Task; note?: ReactNode }) {
  return (
    <TaskLink
      org={org}
      task={task}
      className="tap focus-inset flex min-h-9 items-center gap-2.5 px-4 py-1.5 transition-colors hover:bg-hover"
    >
      <span title={stateWords(task)}>
        <StateIcon state={task.state} />
        <span className="sr-only">{stateWords(task)}:</span>
      </span>
      <span className="min-w-0 flex-1 truncate">{task.title}</span>
      <span className="shrink-0 text-xs text-ink-3">{note ?? <Ago at={task.updated_at} />}</span>
    </TaskLink>
  );
}
