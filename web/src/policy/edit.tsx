import { useQueryClient } from "@tanstack/react-query";
import { FileJson, ListChecks } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api } from "../api/client";
import { asProblem } from "../api/problem";
import { keys } from "../api/queries";
import type { Policy, PolicyView } from "../api/types";
import { useLab } from "../shell/lab";
import { Button } from "../ui/button";
import { Field, Input, Select, Textarea } from "../ui/field";
import { Section } from "../ui/page";
import { Segments } from "../ui/segments";
import { tell } from "../ui/toast";
import { type FieldGroup, GROUPS, isSaidAt, type PolicyField } from "./fields";
import { documentOf, type Faults, inWords, parsed, type Said, type Texts, textsOf, written } from "./form";

export type EditMode = "form" | "document";

/** Another policy for a level: as a form, or as the document itself. */
export function EditPolicy({
  org,
  view,
  mode,
  onMode,
  onDone,
}: {
  org: string;
  view: PolicyView;
  mode: EditMode;
  onMode: (mode: EditMode) => void;
  onDone: () => void;
}) {
  const client = useQueryClient();
  // What is edited is this revision: one that came meanwhile is not overwritten.
  const [number] = useState(view.own?.number ?? 0);
  const [said, setSaid] = useState(() => (view.own?.policy ?? {}) as unknown as Said);
  const [texts, setTexts] = useState<Texts>(() => textsOf(said));
  const [text, setText] = useState(() => written(said));
  const [why, setWhy] = useState("");
  const [faults, setFaults] = useState<Faults>({});
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  /** What the present mode says, or nothing if it has a mistake. */
  const read = (): Said | undefined => {
    if (mode === "document") {
      const { document, error: wrong } = parsed(text);
      setError(wrong);
      return document;
    }
    const { document, faults: found } = documentOf(texts, said);
    setFaults(found);
    if (Object.keys(found).length === 0) return document;
    focusFault();
    return undefined;
  };
  const turn = (next: EditMode) => {
    const document = read();
    if (!document) return;
    setSaid(document);
    setTexts(textsOf(document));
    setText(written(document));
    onMode(next);
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const document = read();
    if (!document) return;
    setBusy(true);
    setError(undefined);
    const body = {
      policy: document as unknown as Policy,
      why,
      instead_of: number,
    };
    try {
      if (view.level.kind === "goal") {
        await api.PUT("/v1/tasks/{id}/policy", { params: { path: { id: view.level.id } }, body });
      } else if (view.level.kind === "project") {
        await api.PUT("/v1/projects/{id}/policy", { params: { path: { id: view.level.id } }, body });
      } else {
        await api.PUT("/v1/orgs/{org}/policy", { params: { path: { org } }, body });
      }
      await client.invalidateQueries({ queryKey: keys.policies(org) });
      tell("The policy was set");
      onDone();
    } catch (cause) {
      const problem = asProblem(cause);
      setError(`${problem.message} ${problem.help}`);
    }
    setBusy(false);
  };
  return (
    <form onSubmit={(event) => void save(event)} noValidate className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3">
        <Segments<EditMode>
          label="Edit as"
          value={mode}
          onChange={turn}
          options={[
            { value: "form", label: "Form", icon: <ListChecks /> },
            { value: "document", label: "Document", icon: <FileJson /> },
          ]}
        />
        <p className="text-xs text-ink-3">What is left open is left to the less specific levels.</p>
      </div>
      {mode === "form" ? (
        GROUPS.map((group) => (
          <Group
            key={group.title}
            group={group}
            view={view}
            texts={texts}
            faults={faults}
            change={(name, value) => setTexts((now) => ({ ...now, [name]: value }))}
          />
        ))
      ) : (
        <Field
          label="Document"
          hint={
            <>
              JSON, which is YAML too: <code className="font-mono">devlab policy set FILE</code> takes the
              same.
            </>
          }
          error={error}
        >
          {(control) => (
            <Textarea
              {...control}
              rows={20}
              spellCheck={false}
              className="font-mono text-xs"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
      )}
      <Field label="Why" hint="It stands in the history, and helps whoever wonders later.">
        {(control) => <Input {...control} value={why} onChange={(event) => setWhy(event.target.value)} />}
      </Field>
      {error && mode === "form" && (
        <p role="alert" className="text-red">
          {error}
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <Button look="primary" type="submit" busy={busy}>
          Set the policy
        </Button>
        <Button onClick={onDone}>Cancel</Button>
      </div>
    </form>
  );
}

/** The first field with a mistake, once it is marked. */
function focusFault(): void {
  requestAnimationFrame(() => document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
}

function Group({
  group,
  view,
  texts,
  faults,
  change,
}: {
  group: FieldGroup;
  view: PolicyView;
  texts: Texts;
  faults: Faults;
  change: (name: string, value: string) => void;
}) {
  const { ofLab } = useLab();
  const shown = group.fields.filter((field) => isSaidAt(field, view) && (field.name !== "share" || ofLab));
  if (shown.length === 0) return null;
  return (
    <Section title={group.title} note={group.about}>
      <div className="grid items-start gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {shown.map((field) => (
          <Field key={field.name} label={field.label} hint={field.about} error={faults[field.name]}>
            {(control) => (
              <Control
                {...control}
                field={field}
                value={texts[field.name] ?? ""}
                inForce={inForce(view, field)}
                onChange={(value) => change(field.name, value)}
              />
            )}
          </Field>
        ))}
      </div>
    </Section>
  );
}

/** What counts while this level says nothing, as far as it is known. */
function inForce(view: PolicyView, field: PolicyField): string {
  const found = view.fields.find((one) => one.name === field.name);
  if (!found || found.from === view.level.kind) return "Not said here";
  const words = found.value === null ? "" : `: ${inWords(field, found.value)}`;
  return `Not said here${words}`;
}

function Control({
  field,
  value,
  inForce,
  onChange,
  ...control
}: {
  field: PolicyField;
  value: string;
  inForce: string;
  onChange: (value: string) => void;
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": true | undefined;
}) {
  switch (field.kind) {
    case "choice":
      return (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">{inForce}</option>
          {field.choices.map(([one, words]) => (
            <option key={one} value={one}>
              {words}
            </option>
          ))}
        </Select>
      );
    case "number":
      return (
        <span className="flex items-center gap-2">
          <Input
            {...control}
            inputMode="numeric"
            value={value}
            placeholder={inForce}
            onChange={(event) => onChange(event.target.value)}
          />
          {field.unit && <span className="text-xs text-ink-3">{field.unit}</span>}
        </span>
      );
    case "sets":
    case "limits":
      return (
        <Textarea
          {...control}
          rows={2}
          className="font-mono text-xs"
          value={value}
          placeholder={inForce}
          onChange={(event) => onChange(event.target.value)}
        />
      );
  }
}
