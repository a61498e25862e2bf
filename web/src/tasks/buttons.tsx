import { GitPullRequest } from "lucide-react";
import { useState } from "react";
import type { TaskDetail } from "../api/types";
import { useLab } from "../shell/lab";
import { useShortcuts } from "../shell/shortcuts";
import { Button, ButtonLink } from "../ui/button";
import { ACTION, ACTIONS, type Action, blockedFor, useAct } from "./actions";
import { Confirm } from "./bulk-bar";

const KEY: Record<Action, string> = { activate: "a", retry: "r", cancel: "x", archive: "e" };

/** What can be done to a task now; what cannot is not shown, and its key says why. */
export function TaskButtons({
  task,
  reviewing = false,
  keyless = false,
}: {
  task: TaskDetail;
  reviewing?: boolean;
  /** The keys are another task's now. */
  keyless?: boolean;
}) {
  const { org, readOnly } = useLab();
  const act = useAct(org);
  const [asks, setAsks] = useState<Action | null>(null);
  const [busy, setBusy] = useState<Action | null>(null);
  const run = async (action: Action) => {
    setAsks(null);
    setBusy(action);
    await act(action, [task]);
    setBusy(null);
  };
  const begin = (action: Action) => {
    if (ACTION[action].danger) setAsks(action);
    else void run(action);
  };
  const stop = readOnly || (busy !== null && "It is at work.");
  const shown = ACTIONS.filter((action) => !blockedFor(action, task));
  useShortcuts(
    keyless
      ? []
      : ACTIONS.map((action) => ({
          keys: KEY[action],
          label: ACTION[action].label,
          group: "Task",
          blocked: stop || blockedFor(action, task),
          run: () => begin(action),
        })),
  );
  return (
    <>
      {task.waiting_for === "review" && !reviewing && (
        <ButtonLink
          look="primary"
          icon={<GitPullRequest className="size-4" />}
          to="/o/$org/tasks/$task"
          params={{ org, task: task.id }}
          search={{ tab: "changes" }}
        >
          Review
        </ButtonLink>
      )}
      {shown.map((action) => (
        <Button
          key={action}
          look={action === "activate" ? "primary" : ACTION[action].danger ? "danger" : "plain"}
          icon={ACTION[action].icon}
          busy={busy === action}
          blocked={busy !== action && stop}
          title={keyless ? undefined : `${ACTION[action].label} (${KEY[action]})`}
          onClick={() => begin(action)}
        >
          {ACTION[action].label}
        </Button>
      ))}
      {asks && (
        <Confirm action={asks} tasks={[task]} onYes={() => void run(asks)} onNo={() => setAsks(null)} />
      )}
    </>
  );
}
