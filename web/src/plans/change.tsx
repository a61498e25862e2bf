import { useQueryClient } from "@tanstack/react-query";
import { GitBranch } from "lucide-react";
import { useState } from "react";
import { api, body } from "../api/client";
import { once } from "../api/once";
import { asProblem, type Problem } from "../api/problem";
import { keys } from "../api/queries";
import type { PlanDetail } from "../api/types";
import { useLab } from "../shell/lab";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field, Input, Textarea } from "../ui/field";
import { tell } from "../ui/toast";
import { PLAN_EXAMPLE, planFile } from "./file";
import { Problems } from "./problems";

/** Another revision, made from this one as a text; it is shown and compared before anybody approves it. */
export function ChangePlan({
  task,
  plan,
  current,
  onMade,
  onClose,
}: {
  task: string;
  plan: PlanDetail;
  /** The revision that is carried out now. */
  current: number | undefined;
  onMade: (number: number) => void;
  onClose: () => void;
}) {
  return (
    <Editor
      task={task}
      title={`Change revision ${plan.number}`}
      description="It becomes another revision, which is compared with the one it takes the place of before it is approved."
      begun={JSON.stringify(planFile(plan), null, 2)}
      current={current}
      onMade={onMade}
      onClose={onClose}
    />
  );
}

/**
 * A first revision for a task that has none: it becomes a composite once the plan is approved. What is
 * being written stays when it cannot be planned any more: the server says why, beside the text.
 */
export function PlanTask({
  task,
  may,
  onMade,
}: {
  task: string;
  /** Whether it can be planned now. */
  may: boolean;
  onMade: (number: number) => void;
}) {
  const { readOnly } = useLab();
  const [open, setOpen] = useState(false);
  return (
    <>
      {may && (
        <Button icon={<GitBranch className="size-4" />} blocked={readOnly} onClick={() => setOpen(true)}>
          Plan
        </Button>
      )}
      {open && (
        <Editor
          task={task}
          title="Plan this task"
          description="It is done by the tasks of the plan once that is approved. Nothing of it starts before."
          onMade={onMade}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}

function Editor({
  task,
  title,
  description,
  begun = "",
  current,
  onMade,
  onClose,
}: {
  task: string;
  title: string;
  description: string;
  /** The text that is changed, if there is one. */
  begun?: string;
  current?: number | undefined;
  onMade: (number: number) => void;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [text, setText] = useState(begun);
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Problem>();
  const send = async () => {
    if (busy) return;
    setBusy(true);
    setRefusal(undefined);
    const asked = {
      input: { file: { name: "plan.yaml", text } },
      why,
      ...(current === undefined ? {} : { parent: current }),
    };
    const params = { path: { id: task } };
    try {
      const made = await once(`/v1/tasks/${task}/plans`, asked, (headers) =>
        body(api.POST("/v1/tasks/{id}/plans", { params, headers, body: asked })),
      );
      await client.invalidateQueries({ queryKey: keys.plans(task) });
      tell(`Revision ${made.number} is proposed`);
      onClose();
      onMade(made.number);
    } catch (error) {
      setRefusal(asProblem(error));
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={title}
      description={description}
      footer={
        <>
          <Button onClick={onClose}>Back</Button>
          <Button
            look="primary"
            busy={busy}
            blocked={!text.trim() && "Write the plan first."}
            onClick={() => void send()}
          >
            Propose
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {refusal && <Problems refusal={refusal} />}
        <Field label="Plan" hint="JSON or YAML. Keys tell tasks apart; depends_on says what each waits for.">
          {(control) => (
            <Textarea
              {...control}
              rows={18}
              spellCheck={false}
              className="font-mono text-xs"
              placeholder={PLAN_EXAMPLE}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <Field label="Why (not needed)">
          {(control) => <Input {...control} value={why} onChange={(event) => setWhy(event.target.value)} />}
        </Field>
      </div>
    </Dialog>
  );
}
