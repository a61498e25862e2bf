import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { Archive, CircleCheck, CircleX, RotateCcw } from "lucide-react";
import type { ReactNode } from "react";
import { api } from "../api/client";
import { keys } from "../api/queries";
import type { State, Task } from "../api/types";
import { count } from "../text/words";
import { tell, tellProblem } from "../ui/toast";
import { applyChanges } from "./collection";

export const ACTIONS = ["activate", "retry", "cancel", "archive"] as const;
export type Action = (typeof ACTIONS)[number];

interface Words {
  label: string;
  done: string;
  icon: ReactNode;
  danger: boolean;
  /** States in which the server takes it: the table of `state::transition`. */
  from: readonly State[];
}

export const ACTION: Record<Action, Words> = {
  activate: {
    label: "Approve",
    done: "approved",
    icon: <CircleCheck className="size-4" />,
    danger: false,
    from: ["draft"],
  },
  retry: {
    label: "Retry",
    done: "will be tried again",
    icon: <RotateCcw className="size-4" />,
    danger: false,
    from: ["waiting", "failed", "cancelled"],
  },
  cancel: {
    label: "Cancel",
    done: "cancelled",
    icon: <CircleX className="size-4" />,
    danger: true,
    from: ["draft", "blocked", "ready", "running", "integrating", "waiting"],
  },
  archive: {
    label: "Archive",
    done: "archived",
    icon: <Archive className="size-4" />,
    danger: false,
    from: ["done", "failed", "cancelled"],
  },
};

/** Why an action cannot be done to a task, or `false`. */
export function blockedFor(
  action: Action,
  task: Pick<Task, "state" | "waiting_for" | "archived" | "kind" | "choice" | "open_children">,
): string | false {
  if (action === "activate" && task.state === "waiting" && task.waiting_for === "approval") {
    return task.choice === "alternative" ? "Take it, or another one, among the alternatives." : false;
  }
  // A goal that is done by a plan begins with the approval of a revision, and has no tasks before. One
  // that was scheduled with its tasks, or with alternatives, begins as any draft: `plan::refuse_unplanned`.
  const isPlanned = task.kind === "composite" && task.open_children === 0;
  if (action === "activate" && task.state === "draft" && isPlanned) return "Approve its plan.";
  if (action === "archive" && task.archived) return "It is archived already.";
  if (action === "retry" && task.state === "waiting" && task.waiting_for !== "attention") {
    return "It waits for an answer, not for another try.";
  }
  if (ACTION[action].from.includes(task.state)) return false;
  return `Not while it is ${task.state}.`;
}

/** States in which there are tasks to which an action can be done. */
export function statesFor(action: Action): readonly State[] {
  const { from } = ACTION[action];
  // Also a start or a publication waits for an approval.
  return action === "activate" ? [...from, "waiting"] : from;
}

async function send(action: Action, id: string): Promise<void> {
  const params = { path: { id } };
  switch (action) {
    case "activate":
      await api.POST("/v1/tasks/{id}/activate", { params });
      break;
    case "retry":
      await api.POST("/v1/tasks/{id}/retry", { params });
      break;
    case "cancel":
      await api.POST("/v1/tasks/{id}/cancel", { params });
      break;
    case "archive":
      await api.POST("/v1/tasks/{id}/archive", { params });
      break;
  }
}

/** Requests at one time: a browser opens six connections, and streams hold some of them. */
const ABREAST = 3;

/** Does something to some tasks and says what came of it. */
async function act(client: QueryClient, org: string, action: Action, tasks: readonly Task[]): Promise<void> {
  const left = [...tasks];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let task = left.shift(); task; task = left.shift()) {
      try {
        await send(action, task.id);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, worker));
  const done = tasks.length - failures.length;
  if (done > 0) {
    tell(
      tasks.length === 1
        ? `“${tasks[0]?.title}” ${ACTION[action].done}`
        : `${count(done, "task")} ${ACTION[action].done}`,
    );
  }
  if (failures.length > 0) {
    tellProblem(
      tasks.length === 1
        ? `${ACTION[action].label} was refused`
        : `${ACTION[action].label} was refused for ${count(failures.length, "task")}`,
      failures[0],
    );
  }
  // The event stream tells the same; this is for the reader's own eyes, at once.
  await Promise.all([
    client.invalidateQueries({ queryKey: keys.tasks(org) }),
    applyChanges(client, org, new Set(tasks.map((task) => task.id))),
    ...tasks.slice(0, 20).map((task) => client.invalidateQueries({ queryKey: keys.task(task.id) })),
  ]);
}

export function useAct(org: string) {
  const client = useQueryClient();
  return (action: Action, tasks: readonly Task[]) => act(client, org, action, tasks);
}
