import { useQueryClient } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api } from "../api/client";
import { asProblem } from "../api/problem";
import { keys } from "../api/queries";
import type { TaskDetail } from "../api/types";
import { useLab } from "../shell/lab";
import { useShortcuts } from "../shell/shortcuts";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field, Input, Textarea } from "../ui/field";
import { tell } from "../ui/toast";
import { applyChanges } from "./collection";
import { scriptOf, withScript } from "./driver";

/** What may still be changed: words before work has started, the driver also before another try. */
function editable(task: TaskDetail): { words: boolean; driver: boolean } {
  const before = task.state === "draft" || task.state === "blocked" || task.state === "ready";
  const words = before && task.attempts === 0;
  return { words, driver: task.kind === "leaf" && (words || task.waiting_for === "attention") };
}

/** Changes a task before it is worked on. Its button is not shown when nothing can be changed. */
export function EditButton({ task }: { task: TaskDetail }) {
  const { readOnly } = useLab();
  const [open, setOpen] = useState(false);
  const may = editable(task);
  const shown = may.words || may.driver;
  useShortcuts(
    shown
      ? [{ keys: "i", label: "Edit the task", group: "Task", blocked: readOnly, run: () => setOpen(true) }]
      : [],
  );
  return (
    <>
      {shown && (
        <Button
          icon={<Pencil className="size-4" />}
          blocked={readOnly}
          title="Edit (i)"
          onClick={() => setOpen(true)}
        >
          Edit
        </Button>
      )}
      {open && <Edit task={task} onClose={() => setOpen(false)} />}
    </>
  );
}

function Edit({ task: now, onClose }: { task: TaskDetail; onClose: () => void }) {
  const { org } = useLab();
  const client = useQueryClient();
  // As it was when this was opened: what is written stays whatever happens to the task, and only what
  // was changed here is sent.
  const [task] = useState(now);
  const may = editable(task);
  const argv = task.driver?.command.argv;
  const [title, setTitle] = useState(task.title);
  const [goal, setGoal] = useState(task.goal);
  const [script, setScript] = useState(scriptOf(task));
  const [error, setError] = useState<{ field: string | undefined; text: string }>();
  const [busy, setBusy] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await api.PATCH("/v1/tasks/{id}", {
        params: { path: { id: task.id } },
        body: {
          ...(may.words && title !== task.title ? { title } : {}),
          ...(may.words && goal !== task.goal ? { goal } : {}),
          ...(may.driver && script.trim() && script !== scriptOf(task)
            ? { driver: withScript(task.driver, script) }
            : {}),
        },
      });
      tell("The task was changed");
      onClose();
      await Promise.all([
        client.invalidateQueries({ queryKey: keys.task(task.id) }),
        applyChanges(client, org, new Set([task.id])),
      ]);
    } catch (cause) {
      const problem = asProblem(cause);
      setError({ field: problem.field, text: `${problem.message} ${problem.help}` });
      setBusy(false);
    }
  };
  const of = (field: string) => (error?.field === field ? error.text : undefined);
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title="Edit the task"
      description={
        may.words
          ? undefined
          : "Work has begun, so that its words stay; the next try can be done another way."
      }
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="edit-task" busy={busy}>
            Save
          </Button>
        </>
      }
    >
      <form id="edit-task" onSubmit={(event) => void save(event)} className="flex flex-col gap-4" noValidate>
        {may.words && (
          <>
            <Field label="Title" error={of("title")}>
              {(control) => (
                <Input {...control} value={title} onChange={(event) => setTitle(event.target.value)} />
              )}
            </Field>
            <Field label="What is wanted" error={of("goal")}>
              {(control) => (
                <Textarea
                  {...control}
                  rows={6}
                  value={goal}
                  onChange={(event) => setGoal(event.target.value)}
                />
              )}
            </Field>
          </>
        )}
        {may.driver && (
          <Field
            label="Script"
            hint={
              argv && argv.length > 0
                ? `It runs ${argv.join(" ")} now; a script takes its place.`
                : "Run with sh in a checkout of the target."
            }
            error={of("driver")}
          >
            {(control) => (
              <Textarea
                {...control}
                rows={8}
                spellCheck={false}
                className="font-mono text-xs"
                value={script}
                onChange={(event) => setScript(event.target.value)}
              />
            )}
          </Field>
        )}
        {error && !["title", "goal", "driver"].includes(error.field ?? "") && (
          <p role="alert" className="text-red">
            {error.text}
          </p>
        )}
      </form>
    </Dialog>
  );
}
