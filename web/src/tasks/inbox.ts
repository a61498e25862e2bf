import { useQuery } from "@tanstack/react-query";
import { tasksIn } from "../api/queries";
import type { Task } from "../api/types";

/** Why something is in the inbox. */
export type Ask = "approve" | "choose" | "review" | "answer" | "look";

export interface InboxItem {
  task: Task;
  ask: Ask;
}

export const ASK_WORD: Record<Ask, string> = {
  approve: "Approve",
  choose: "Choose",
  review: "Review",
  answer: "Answer",
  look: "Look",
};

/** What a task asks of a person, if it asks anything. */
function askOf(task: Task): Ask | undefined {
  switch (task.state) {
    case "draft":
      return "approve";
    case "failed":
      return "look";
    case "waiting":
      switch (task.waiting_for) {
        case "approval":
          return task.choice === "alternative" ? "choose" : "approve";
        case "review":
          return "review";
        case "question":
        case "permission":
          return "answer";
        case "budget":
        case "attention":
        case null:
        case undefined:
          return "look";
      }
      return "look";
    case "blocked":
    case "ready":
    case "running":
    case "integrating":
    case "done":
    case "cancelled":
      return undefined;
  }
}

const ORDER: Record<Ask, number> = { answer: 0, review: 1, choose: 2, approve: 3, look: 4 };

/** What waits for a person: answers first, because an agent stands still for them; then the oldest. */
export function inboxOf(tasks: readonly Task[]): InboxItem[] {
  const items: InboxItem[] = [];
  const choices = new Set<string>();
  for (const task of tasks) {
    const ask = askOf(task);
    if (!ask || task.archived) continue;
    if (ask === "choose" && task.parent) {
      // One choice, however many there are to choose from.
      if (choices.has(task.parent)) continue;
      choices.add(task.parent);
    }
    items.push({ task, ask });
  }
  return items.sort(
    (a, b) =>
      ORDER[a.ask] - ORDER[b.ask] ||
      b.task.priority - a.task.priority ||
      (a.task.updated_at < b.task.updated_at ? -1 : 1),
  );
}

/** The page on which it is answered. */
export function placeOf(org: string, { task, ask }: InboxItem) {
  // A goal that waits for its plan's approval shows it.
  if (task.kind === "composite" && !task.parent && ask === "approve") {
    return { to: "/o/$org/goals/$goal" as const, params: { org, goal: task.id } };
  }
  return {
    to: "/o/$org/tasks/$task" as const,
    params: { org, task: task.id },
    search: ask === "review" ? { tab: "changes" as const } : {},
  };
}

/** States in which a task is in the inbox. */
export const INBOX_STATES = ["draft", "waiting", "failed"] as const;

/** What waits for a person, live. */
export function useInbox(org: string) {
  const query = useQuery(tasksIn(org, INBOX_STATES));
  return { query, items: query.data ? inboxOf(query.data.items) : [], more: query.data?.more ?? false };
}
