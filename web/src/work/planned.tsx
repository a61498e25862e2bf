import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { api, body } from "../api/client";
import { once } from "../api/once";
import { asProblem, type Problem } from "../api/problem";
import { ASIDE, folder, keys, projects } from "../api/queries";
import type { Project } from "../api/types";
import { PLAN_EXAMPLE } from "../plans/file";
import { Problems } from "../plans/problems";
import { useLab } from "../shell/lab";
import { Button } from "../ui/button";
import { Field, Input, Select, Textarea } from "../ui/field";
import { compileOf, type Form, type Planner } from "./form";

/** Where Spec-Kit keeps its features. */
const SPECS = "specs";

/**
 * A goal that a planner makes a graph of. The server compiles it and keeps it as a draft: the plan is
 * looked at there, and nothing of it starts before it is approved.
 */
export function Planned({
  form,
  change,
  head,
  onMade,
}: {
  form: Form;
  change: (next: Partial<Form>) => void;
  head: (submit: ReactNode) => ReactNode;
  onMade: () => void;
}) {
  const { org } = useLab();
  const client = useQueryClient();
  const navigate = useNavigate();
  const known = (useQuery({ ...projects(org), ...ASIDE }).data ?? []).filter((one) => !one.archived);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Problem>();
  const { planner, project } = form;
  const compile = async () => {
    if (busy) return;
    setBusy(true);
    setRefusal(undefined);
    try {
      const asked = compileOf(form, org);
      const made = await once("/v1/goals", asked, (headers) =>
        body(api.POST("/v1/goals", { headers, body: asked })),
      );
      onMade();
      await client.invalidateQueries({ queryKey: keys.tasks(org) });
      await navigate({
        to: "/o/$org/goals/$goal",
        params: { org, goal: made.goal.id },
        search: { view: "plan" },
      });
    } catch (error) {
      setRefusal(asProblem(error));
      setBusy(false);
    }
  };
  const missing =
    planner === "file"
      ? !form.plan.trim() && "Write the plan first."
      : !project
        ? "Choose the project that has the feature."
        : !form.feature.trim() && "Choose a feature.";
  const submit = (
    <Button look="primary" type="submit" busy={busy} blocked={missing}>
      Show the plan
    </Button>
  );
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!missing) void compile();
      }}
    >
      {head(submit)}
      <div className="flex max-w-xl flex-col gap-5 p-4 md:px-6">
        {refusal && <Problems refusal={refusal} />}
        <div className="grid gap-5 sm:grid-cols-2">
          <Field label="Planner" hint={HINT[planner]}>
            {(control) => (
              <Select
                {...control}
                value={planner}
                onChange={(event) => change({ planner: event.target.value as Planner })}
              >
                <option value="file">A plan file</option>
                <option value="spec_kit">A Spec-Kit feature</option>
              </Select>
            )}
          </Field>
          <Field label="Project">
            {(control) => (
              <Select
                {...control}
                value={project}
                onChange={(event) => change({ project: event.target.value })}
              >
                <option value="">No project</option>
                {known.map((one) => (
                  <option key={one.id} value={one.name}>
                    {one.name}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        {planner === "file" ? (
          <PlanText text={form.plan} onText={(plan) => change({ plan })} />
        ) : (
          <>
            <Feature
              project={known.find((one) => one.name === project)}
              value={form.feature}
              onValue={(feature) => change({ feature })}
            />
            <Field label="Script" hint="Does each task. Left empty, agents with a driver of their own do.">
              {(control) => (
                <Textarea
                  {...control}
                  rows={4}
                  className="font-mono text-xs"
                  value={form.script}
                  onChange={(event) => change({ script: event.target.value })}
                />
              )}
            </Field>
          </>
        )}
        <Field label="Why it is wanted (not needed)" hint="Kept with the plan.">
          {(control) => (
            <Input {...control} value={form.why} onChange={(event) => change({ why: event.target.value })} />
          )}
        </Field>
        <div>{submit}</div>
      </div>
    </form>
  );
}

const HINT: Record<Planner, string> = {
  file: "A graph of tasks, as YAML or JSON.",
  spec_kit: "Its spec.md and tasks.md, in the project's repository.",
};

function PlanText({ text, onText }: { text: string; onText: (text: string) => void }) {
  return (
    <>
      <Field
        label="Plan"
        hint={
          <>
            The same that <code className="font-mono">devlab goal create --plan FILE</code> takes.
          </>
        }
      >
        {(control) => (
          <Textarea
            {...control}
            rows={18}
            spellCheck={false}
            className="font-mono text-xs"
            value={text}
            placeholder={PLAN_EXAMPLE}
            onChange={(event) => onText(event.target.value)}
          />
        )}
      </Field>
      <Field label="Or from a file">
        {(control) => (
          <input
            {...control}
            type="file"
            accept=".yaml,.yml,.json"
            className="tap text-sm file:mr-3 file:h-8 file:rounded-md file:border file:border-line-strong file:bg-surface file:px-3 file:font-medium file:text-ink"
            onChange={(event) => void event.target.files?.[0]?.text().then(onText)}
          />
        )}
      </Field>
    </>
  );
}

/** The features that the project's default branch has; any other folder can be typed. */
function Feature({
  project,
  value,
  onValue,
}: {
  project: Project | undefined;
  value: string;
  onValue: (value: string) => void;
}) {
  const found = useQuery({
    ...folder(project?.id ?? "", project?.head ?? "", SPECS),
    enabled: Boolean(project?.head),
    retry: false,
  });
  const known = (found.data?.entries ?? []).filter((one) => one.kind === "folder");
  return (
    <Field
      label="Feature"
      hint={
        project && found.isError
          ? asProblem(found.error).status === 404
            ? `There is no folder ${SPECS} on the default branch.`
            : `The folder ${SPECS} could not be read: type the feature's name.`
          : "Read at the head of the default branch."
      }
    >
      {(control) => (
        <>
          <Input
            {...control}
            list="features"
            className="font-mono"
            value={value}
            placeholder={`${SPECS}/001-login-page`}
            onChange={(event) => onValue(event.target.value)}
          />
          <datalist id="features">
            {known.map((one) => (
              <option key={one.name} value={`${SPECS}/${one.name}`} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
