import { X } from "lucide-react";
import { useRef, useState } from "react";
import type { Task } from "../api/types";
import { useLab } from "../shell/lab";
import { useShortcuts } from "../shell/shortcuts";
import { count } from "../text/words";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ACTION, ACTIONS, type Action, blockedFor, useAct } from "./actions";

/** The keys of a task's own page; `x` selects here. */
const KEY: Record<Action, string> = { activate: "a", retry: "r", cancel: "X", archive: "e" };

/** What can be done to the selected tasks at once. What cannot be undone is asked for. */
export function BulkBar({
  org,
  tasks,
  onDone,
  onClear,
}: {
  org: string;
  tasks: readonly Task[];
  /** It was done to these: they are selected no more. */
  onDone: (ids: readonly string[]) => void;
  onClear: () => void;
}) {
  const { readOnly } = useLab();
  const act = useAct(org);
  const [asks, setAsks] = useState<Action | null>(null);
  const [busy, setBusy] = useState<Action | null>(null);
  const suited = (action: Action) => tasks.filter((task) => !blockedFor(action, task));
  const run = async (action: Action) => {
    setAsks(null);
    setBusy(action);
    await act(action, suited(action));
    setBusy(null);
    // What was selected while it ran stays so.
    onDone(tasks.map((task) => task.id));
  };
  const begin = (action: Action) => (ACTION[action].danger ? setAsks(action) : void run(action));
  const blocked = (action: Action) =>
    readOnly ||
    (suited(action).length === 0 && "None of these can be.") ||
    (busy !== null && "It is at work.");
  const bar = useRef<HTMLDivElement>(null);
  useShortcuts([
    ...ACTIONS.map((action) => ({
      keys: KEY[action],
      label: `${ACTION[action].label} the selected`,
      group: "Board",
      blocked: blocked(action),
      run: () => begin(action),
    })),
    {
      keys: ".",
      label: "To the actions for the selected",
      group: "Board",
      motion: true,
      run: () => bar.current?.querySelector("button")?.focus(),
    },
  ]);
  return (
    <div
      ref={bar}
      role="toolbar"
      aria-label="Selected tasks"
      // Over the list, and below it on a telephone, whose screen it would fill.
      className="enter fixed bottom-4 left-1/2 z-30 flex max-w-[calc(100vw-16px)] -translate-x-1/2 flex-wrap items-center gap-1.5 rounded-lg bg-raised p-1.5 pl-3 shadow-pop max-sm:static max-sm:max-w-none max-sm:translate-x-0 max-sm:rounded-none"
    >
      <span className="tnum mr-1 text-sm font-medium">{count(tasks.length, "task")} selected</span>
      {ACTIONS.map((action) => {
        const fits = suited(action).length;
        return (
          <Button
            key={action}
            size="sm"
            look={ACTION[action].danger ? "danger" : "plain"}
            icon={ACTION[action].icon}
            busy={busy === action}
            blocked={busy !== action && blocked(action)}
            title={`${ACTION[action].label} (${KEY[action]})`}
            onClick={() => begin(action)}
          >
            {ACTION[action].label}
            {fits > 0 && fits < tasks.length && ` ${fits}`}
          </Button>
        );
      })}
      <Button
        size="sm"
        look="quiet"
        icon={<X className="size-3.5" />}
        label="Clear the selection (Escape)"
        onClick={onClear}
      />
      {asks && (
        <Confirm action={asks} tasks={suited(asks)} onYes={() => void run(asks)} onNo={() => setAsks(null)} />
      )}
    </div>
  );
}

const NAMED = 5;

/** Asks before something that ends work. */
export function Confirm({
  action,
  tasks,
  onYes,
  onNo,
}: {
  action: Action;
  tasks: readonly Task[];
  onYes: () => void;
  onNo: () => void;
}) {
  return (
    <Dialog
      open
      onClose={onNo}
      title={`${ACTION[action].label} ${tasks.length === 1 ? "this task" : count(tasks.length, "task")}?`}
      footer={
        <>
          <Button onClick={onNo}>Keep</Button>
          <Button look="danger" onClick={onYes}>
            {ACTION[action].label}
          </Button>
        </>
      }
    >
      <p className="text-ink-2">
        Work on it stops, and what depends on it does not start. What an agent has pushed is kept.
      </p>
      <ul className="mt-2 list-disc pl-5">
        {tasks.slice(0, NAMED).map((task) => (
          <li key={task.id}>{task.title}</li>
        ))}
        {tasks.length > NAMED && <li>and {tasks.length - NAMED} more</li>}
      </ul>
    </Dialog>
  );
}
