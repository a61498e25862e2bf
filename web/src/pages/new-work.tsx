import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { FileJson, GitBranch, Network, Type } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { Problem } from "../api/problem";
import { ASIDE, projects } from "../api/queries";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { Button } from "../ui/button";
import { Failed } from "../ui/empty";
import { Checkbox, Field, Input, Select, Textarea } from "../ui/field";
import { PageHead, Section } from "../ui/page";
import { Segments } from "../ui/segments";
import { type Faults, type Form, faultsOf, type Mode, type Step } from "../work/form";
import { forgetForm, keepForm, keyOf, readForm } from "../work/kept";
import { Planned } from "../work/planned";
import { Preview } from "../work/preview";
import { Rows } from "../work/rows";

const route = getRouteApi("/o/$org/new");

/** The scheduler: say what is wanted, look at what that means, start it. */
export function NewWorkPage() {
  useTitle("New work");
  const { org, principal } = useLab();
  const key = keyOf(principal, org);
  // A form of its own for each org.
  return <NewWork key={key} keptAs={key} />;
}

function NewWork({ keptAs }: { keptAs: string }) {
  const { readOnly } = useLab();
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/o/$org/new" });
  const forget = () => forgetForm(keptAs);
  const [form, setForm] = useState<Form>(() => {
    const kept = readForm(keptAs);
    return {
      ...kept,
      ...(search.project ? { project: search.project } : {}),
      ...(search.title ? { goal: search.title, title: search.title } : {}),
      mode: search.mode ?? kept.mode,
    };
  });
  const [faults, setFaults] = useState<Faults>({});
  const [looking, setLooking] = useState(false);
  const change = (next: Partial<Form>) => {
    const all = { ...form, ...next };
    keepForm(keptAs, all);
    setForm(all);
    if (Object.keys(faults).length > 0) setFaults(faultsOf(all));
  };
  const look = (event: FormEvent) => {
    event.preventDefault();
    const found = faultsOf(form);
    setFaults(found);
    if (Object.keys(found).length === 0) setLooking(true);
    else document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  };
  if (readOnly) {
    return (
      <Failed
        page
        error={
          new Problem({
            status: 403,
            code: "forbidden",
            title: "",
            detail: readOnly,
            help: "",
            request_id: "",
          })
        }
      />
    );
  }
  if (looking) {
    return <Preview form={form} onBack={() => setLooking(false)} onStarted={forget} />;
  }
  const head = (submit: ReactNode) => (
    <PageHead
      title="New work"
      meta={<span>Say what is wanted. You see what will happen before anything starts.</span>}
      actions={submit}
    >
      <div className="px-4 pb-3 md:px-6">
        <Segments<Mode>
          label="Form"
          value={form.mode}
          onChange={(mode) => {
            change({ mode });
            void navigate({ search: (before) => ({ ...before, mode }), replace: true });
          }}
          options={[
            { value: "task", label: "One task", icon: <Type /> },
            { value: "graph", label: "Graph", icon: <Network /> },
            { value: "plan", label: "Planner", icon: <GitBranch /> },
            { value: "json", label: "File", icon: <FileJson /> },
          ]}
        />
      </div>
    </PageHead>
  );
  if (form.mode === "plan") return <Planned form={form} change={change} head={head} onMade={forget} />;
  return (
    <form onSubmit={look} noValidate>
      {head(
        <Button look="primary" type="submit">
          Preview
        </Button>,
      )}
      <div className="flex max-w-xl flex-col gap-5 p-4 md:px-6">
        {form.mode === "json" ? (
          <Json form={form} change={change} faults={faults} />
        ) : (
          <>
            <Wanted form={form} change={change} faults={faults} />
            {form.mode === "graph" && <Steps form={form} change={change} faults={faults} />}
            <How form={form} change={change} faults={faults} />
          </>
        )}
        <div>
          <Button look="primary" type="submit">
            Preview
          </Button>
        </div>
      </div>
    </form>
  );
}

interface Part {
  form: Form;
  change: (next: Partial<Form>) => void;
  faults: Faults;
}

function Wanted({ form, change, faults }: Part) {
  const { org } = useLab();
  const known = useQuery({ ...projects(org), ...ASIDE }).data ?? [];
  return (
    <>
      {form.mode === "graph" && (
        <Field label="Goal" error={faults["title"]}>
          {(control) => (
            <Input
              {...control}
              value={form.title}
              onChange={(event) => change({ title: event.target.value })}
              placeholder="Release 1.1"
            />
          )}
        </Field>
      )}
      <Field
        label={form.mode === "task" ? "What is wanted" : "In words (not needed)"}
        hint={
          form.mode === "task" ? "The first line becomes the title. The agent is told all of it." : undefined
        }
        error={faults["goal"]}
      >
        {(control) => (
          <Textarea
            {...control}
            rows={form.mode === "task" ? 7 : 3}
            value={form.goal}
            onChange={(event) => change({ goal: event.target.value })}
            placeholder="Make the parser accept comments"
          />
        )}
      </Field>
      <Field
        label="Project"
        hint={
          form.project ? undefined : "Without a project no repository is changed, and nothing can be proven."
        }
      >
        {(control) => (
          <Select
            {...control}
            value={form.project}
            onChange={(event) => change({ project: event.target.value })}
          >
            <option value="">No project</option>
            {known
              .filter((project) => !project.archived)
              .map((project) => (
                <option key={project.id} value={project.name}>
                  {project.name}
                </option>
              ))}
          </Select>
        )}
      </Field>
    </>
  );
}

function Steps({ form, change, faults }: Part) {
  return (
    <Section title="Tasks" note="what each waits for, by key" flush>
      <Rows<Step>
        what="task"
        name="steps"
        items={form.steps}
        faults={faults}
        columns="sm:grid-cols-[120px_minmax(0,1fr)_140px_auto]"
        fields={[
          { name: "key", label: (n) => `Key of task ${n}`, placeholder: "key", mono: true, faulty: true },
          { name: "title", label: (n) => `Title of task ${n}`, placeholder: "Title" },
          { name: "after", label: (n) => `Task ${n} waits for`, placeholder: "waits for", mono: true },
        ]}
        blank={(count) => ({ key: `task-${count + 1}`, title: "", goal: "", after: "", script: "" })}
        onChange={(steps) => change({ steps })}
        more={(step, number, set) => (
          <details open={Boolean(step.goal || step.script)}>
            <summary className="text-xs text-ink-3 hover:text-ink pointer-coarse:leading-11">
              Words and script of its own
            </summary>
            <div className="mt-2 grid gap-2 sm:grid-cols-2">
              <Textarea
                aria-label={`Words of task ${number}`}
                rows={3}
                value={step.goal}
                placeholder="What is wanted, in words"
                onChange={(event) => set({ goal: event.target.value })}
              />
              <Textarea
                aria-label={`Script of task ${number}`}
                rows={3}
                value={step.script}
                placeholder="Script; otherwise the goal's"
                className="font-mono text-xs"
                onChange={(event) => set({ script: event.target.value })}
              />
            </div>
          </details>
        )}
      />
    </Section>
  );
}

function How({ form, change, faults }: Part) {
  return (
    <>
      <Field
        label="Script"
        hint="Run with sh in a checkout of the target. Left empty, an agent with a driver of its own does it."
      >
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
      <Section title="Checks besides the project's" flush>
        <Rows<Form["checks"][number]>
          what="check"
          name="checks"
          items={form.checks}
          faults={faults}
          columns="sm:grid-cols-[160px_minmax(0,1fr)_auto]"
          fields={[
            { name: "name", label: (n) => `Name of check ${n}`, placeholder: "name", faulty: true },
            { name: "run", label: (n) => `Command of check ${n}`, placeholder: "make test", mono: true },
          ]}
          blank={() => ({ name: "", run: "" })}
          onChange={(checks) => change({ checks })}
        />
      </Section>
      <div className="grid gap-5 sm:grid-cols-2">
        <Field label="Labels an agent needs" hint="With commas between them.">
          {(control) => (
            <Input
              {...control}
              value={form.labels}
              onChange={(event) => change({ labels: event.target.value })}
              placeholder="gpu, linux"
            />
          )}
        </Field>
        <Field label="Priority" hint="Higher is earlier." error={faults["priority"]}>
          {(control) => (
            <Input
              {...control}
              inputMode="numeric"
              value={form.priority}
              onChange={(event) => change({ priority: event.target.value })}
            />
          )}
        </Field>
        <Field
          label="Time limit of a script, in minutes"
          hint="Left empty: half an hour. A policy may allow less."
          error={faults["minutes"]}
        >
          {(control) => (
            <Input
              {...control}
              inputMode="numeric"
              value={form.minutes}
              onChange={(event) => change({ minutes: event.target.value })}
            />
          )}
        </Field>
        <Field label="Review by a person" hint="By default, goals with a project.">
          {(control) => (
            <Select
              {...control}
              value={form.review}
              onChange={(event) => change({ review: event.target.value as Form["review"] })}
            >
              <option value="">Default</option>
              <option value="yes">Always</option>
              <option value="no">Not asked for</option>
            </Select>
          )}
        </Field>
      </div>
      {form.mode === "task" && (
        <Checkbox
          label="Hold it as a draft, until somebody approves it"
          checked={form.draft}
          onChange={(event) => change({ draft: event.target.checked })}
        />
      )}
    </>
  );
}

function Json({ form, change, faults }: Part) {
  return (
    <>
      <Field
        label="Goal as JSON"
        hint={
          <>
            The same that <code className="font-mono">devlab goal schedule FILE</code> takes.
          </>
        }
        error={faults["json"]}
      >
        {(control) => (
          <Textarea
            {...control}
            rows={22}
            spellCheck={false}
            className="font-mono text-xs"
            value={form.json}
            onChange={(event) => change({ json: event.target.value })}
            placeholder={EXAMPLE}
          />
        )}
      </Field>
      <Field label="Or from a file">
        {(control) => (
          <input
            {...control}
            type="file"
            accept="application/json,.json"
            className="text-sm file:mr-3 file:h-8 file:rounded-md file:border file:border-line-strong file:bg-surface file:px-3 file:font-medium file:text-ink"
            onChange={(event) => void event.target.files?.[0]?.text().then((json) => change({ json }))}
          />
        )}
      </Field>
    </>
  );
}

const EXAMPLE = `{
  "project": "parser",
  "title": "Release 1.1",
  "tasks": [
    { "key": "comments", "title": "Accept comments" },
    { "key": "docs", "title": "Describe them", "depends_on": ["comments"] }
  ]
}`;
