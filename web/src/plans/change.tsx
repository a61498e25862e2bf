import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { PencilLine } from "lucide-react";
import { useState } from "react";
import { api, body } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import { keys } from "../api/queries";
import type { PlanDetail } from "../api/types";
import { useLab } from "../shell/lab";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field, Input, Textarea } from "../ui/field";
import { tell } from "../ui/toast";
import { planFile } from "./file";
import { Problems } from "./problems";

/** Another revision, made from this one as a text; it is shown and compared before anybody approves it. */
export function ChangePlan({
  task,
  plan,
  current,
}: {
  task: string;
  plan: PlanDetail;
  /** The revision that is carried out now. */
  current: number | undefined;
}) {
  const { readOnly } = useLab();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        size="sm"
        icon={<PencilLine className="size-3.5" />}
        blocked={readOnly}
        onClick={() => setOpen(true)}
      >
        Change
      </Button>
      {open && <Editor task={task} plan={plan} current={current} onClose={() => setOpen(false)} />}
    </>
  );
}

function Editor({
  task,
  plan,
  current,
  onClose,
}: {
  task: string;
  plan: PlanDetail;
  current: number | undefined;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const navigate = useNavigate({ from: "/o/$org/goals/$goal" });
  const [text, setText] = useState(() => JSON.stringify(planFile(plan), null, 2));
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Problem>();
  const send = async () => {
    setBusy(true);
    try {
      const made = await body(
        api.POST("/v1/tasks/{id}/plans", {
          params: { path: { id: task } },
          body: {
            input: { file: { name: "plan.yaml", text } },
            why,
            ...(current === undefined ? {} : { parent: current }),
          },
        }),
      );
      await client.invalidateQueries({ queryKey: keys.plans(task) });
      tell(`Revision ${made.number} is proposed`);
      onClose();
      await navigate({ search: (before) => ({ ...before, view: "plan", plan: made.number }), replace: true });
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
      title={`Change revision ${plan.number}`}
      description="It becomes another revision, which is compared with the one it takes the place of before it is approved."
      footer={
        <>
          <Button onClick={onClose}>Back</Button>
          <Button look="primary" busy={busy} onClick={() => void send()}>
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
