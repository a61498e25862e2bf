import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Check, PencilLine, TriangleAlert, X } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { api } from "../api/client";
import { ASIDE, keys, plan as planQuery, policy } from "../api/queries";
import type { PlanChange, PlanDetail, PlanDiff, PlanRevision, PlanState, PlanTaskDiff } from "../api/types";
import { useLab } from "../shell/lab";
import { useShortcuts } from "../shell/shortcuts";
import { Person } from "../tasks/person";
import { count, short } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { cx } from "../ui/cx";
import { Dialog } from "../ui/dialog";
import { Skeleton } from "../ui/empty";
import { Field, Select, Textarea } from "../ui/field";
import { Section } from "../ui/page";
import { type Hue, Tag } from "../ui/state";
import { Ago } from "../ui/time";
import { tell, tellProblem } from "../ui/toast";
import { approvalOf, byPolicy, RUNNING, type Running } from "./approve";
import { ChangePlan } from "./change";
import { graphOf } from "./graph";

const Graph = lazy(() => import("../graph/graph").then((loaded) => ({ default: loaded.Graph })));

const HUE: Record<PlanState, Hue> = {
  proposed: "amber",
  current: "green",
  superseded: "grey",
  rejected: "grey",
};
const PLANNER: Record<string, string> = { single: "one task", file: "a plan file", spec_kit: "Spec-Kit" };

/** Revisions of a goal's plan: what each changes, who decided, and the decision that waits. */
export function PlanView({
  task,
  revisions,
  chosen,
  onChoose,
}: {
  task: string;
  revisions: readonly PlanRevision[];
  chosen: number | undefined;
  onChoose: (number: number) => void;
}) {
  const proposed = revisions.findLast((one) => one.state === "proposed");
  // The revision that is being decided: it stays in sight when another one comes.
  const [held, setHeld] = useState<number>();
  const shown =
    revisions.find((one) => one.number === (held ?? chosen)) ??
    proposed ??
    revisions.find((one) => one.state === "current") ??
    revisions.at(-1);
  const query = useQuery({ ...planQuery(task, shown?.number ?? 0), enabled: shown !== undefined });
  // Above what is shown: what is being written stays whatever becomes of its revision.
  const [changed, setChanged] = useState<PlanDetail>();
  const current = revisions.find((one) => one.state === "current")?.number;
  if (!shown) return null;
  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="grid items-start gap-4 p-4 md:px-6 lg:grid-cols-[260px_minmax(0,1fr)]">
        <Section title="Revisions" flush>
          <ul className="py-1">
            {revisions.toReversed().map((one) => (
              <li key={one.number}>
                <button
                  type="button"
                  aria-current={one.number === shown.number || undefined}
                  onClick={() => onChoose(one.number)}
                  className={cx(
                    "focus-inset w-full px-4 py-2 text-left transition-colors hover:bg-hover",
                    one.number === shown.number && "bg-hover",
                  )}
                >
                  <span className="flex items-center gap-2">
                    <span className="font-medium">Revision {one.number}</span>
                    <Tag hue={HUE[one.state]}>{one.state}</Tag>
                  </span>
                  <span className="mt-0.5 block text-xs text-ink-3">
                    {count(one.task_count, "task")} · <Ago at={one.proposed_at} />
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </Section>
        <Ask query={query} loading={<Skeleton rows={8} />}>
          {({ detail, diff }) => (
            <Revision
              key={detail.number}
              task={task}
              plan={detail}
              diff={diff}
              onDecide={(begins) => setHeld(begins ? detail.number : undefined)}
              onChange={() => {
                // The address has it: a page that shows the plan only while it waits would leave it.
                onChoose(detail.number);
                setChanged(detail);
              }}
            />
          )}
        </Ask>
      </div>
      {changed && (
        <ChangePlan
          task={task}
          plan={changed}
          current={current}
          onMade={onChoose}
          onClose={() => setChanged(undefined)}
        />
      )}
    </div>
  );
}

function Revision({
  task,
  plan,
  diff,
  onDecide,
  onChange,
}: {
  task: string;
  plan: PlanDetail;
  diff: PlanDiff;
  onDecide: (begins: boolean) => void;
  onChange: () => void;
}) {
  const { readOnly } = useLab();
  const graph = useMemo(() => graphOf(plan.tasks), [plan]);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const fold = (id: string) =>
    setFolded((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <Section
        title={`Revision ${plan.number}`}
        note={plan.parent ? `made from revision ${plan.parent}` : "the first"}
        actions={
          <>
            {(plan.state === "proposed" || plan.state === "current") && (
              <Button
                size="sm"
                icon={<PencilLine className="size-3.5" />}
                blocked={readOnly}
                onClick={onChange}
              >
                Change
              </Button>
            )}
            <Decide task={task} plan={plan} onOpen={onDecide} />
          </>
        }
      >
        <p className="text-ink-2">
          From {PLANNER[plan.origin.planner] ?? plan.origin.planner}
          {plan.origin.source && (
            <>
              {" "}
              <code className="font-mono text-xs">{plan.origin.source}</code>
            </>
          )}
          {plan.origin.commit && (
            <>
              {" "}
              at <code className="font-mono text-xs">{short(plan.origin.commit)}</code>
            </>
          )}
          , proposed by <Person name={plan.proposed_by} /> <Ago at={plan.proposed_at} />.
        </p>
        {plan.origin.why && <p className="mt-1 whitespace-pre-wrap">{plan.origin.why}</p>}
        {plan.decision && (
          <p className="mt-2 text-ink-2">
            {plan.state === "rejected" ? "Rejected" : "Approved"} by <Person name={plan.decision.by} />{" "}
            <Ago at={plan.decision.at} />
            {plan.decision.why && `: ${plan.decision.why}`}
          </p>
        )}
        {plan.warnings && plan.warnings.length > 0 && (
          <ul className="mt-3 flex flex-col gap-1.5 rounded-md bg-amber-soft px-3 py-2">
            {plan.warnings.map((one) => (
              <li key={`${one.file}${one.line}${one.at}${one.message}`} className="flex gap-2">
                <TriangleAlert className="mt-0.5 size-3.5 shrink-0 text-amber" aria-hidden="true" />
                <span>
                  {one.file && (
                    <code className="font-mono text-xs">
                      {one.file}
                      {one.line && `:${one.line}`}
                    </code>
                  )}{" "}
                  {one.message}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Section title="Graph" flush>
        <div className="flex h-[44vh]">
          <Suspense fallback={<Skeleton rows={6} className="flex-1" />}>
            <Graph nodes={graph.nodes} edges={graph.edges} folded={folded} onFold={fold} />
          </Suspense>
        </div>
      </Section>
      <Section
        title="What it changes"
        note={diff.from ? `in revision ${diff.from}` : "all of it is new"}
        flush
      >
        {diff.fields.length > 0 && (
          <p className="border-b border-line px-4 py-2 text-ink-2">
            The goal's own {diff.fields.join(", ")}.
          </p>
        )}
        <ul className="py-1">
          {diff.tasks.map((one) => (
            <Difference key={`${one.change}${one.key}`} one={one} depth={0} />
          ))}
        </ul>
      </Section>
    </div>
  );
}

const SIGN: Record<PlanChange, { sign: string; ink: string }> = {
  kept: { sign: "·", ink: "text-ink-3" },
  added: { sign: "+", ink: "text-green" },
  removed: { sign: "−", ink: "text-red" },
  changed: { sign: "~", ink: "text-blue" },
};

function Difference({ one, depth }: { one: PlanTaskDiff; depth: number }) {
  const { sign, ink } = SIGN[one.change];
  const notes = [
    one.was && `was ${one.was}`,
    one.fields && one.fields.length > 0 && one.fields.join(", "),
    one.needs_more && one.needs_more.length > 0 && `now needs ${one.needs_more.join(", ")}`,
    one.needs_less && one.needs_less.length > 0 && `no longer needs ${one.needs_less.join(", ")}`,
  ].filter(Boolean);
  return (
    <>
      <li className="flex items-baseline gap-2 px-4 py-1" style={{ paddingLeft: 16 + depth * 20 }}>
        <span className={cx("w-3 shrink-0 text-center font-mono", ink)} aria-hidden="true">
          {sign}
        </span>
        <span className="sr-only">{one.change}: </span>
        <span
          className={cx(
            "min-w-0",
            one.change === "removed" && "line-through",
            one.change === "kept" && "text-ink-2",
          )}
        >
          {one.title}
        </span>
        <code className="font-mono text-2xs text-ink-3">{one.key}</code>
        {notes.length > 0 && <span className="text-xs text-ink-3">{notes.join("; ")}</span>}
      </li>
      {one.tasks?.map((below) => (
        <Difference key={`${below.change}${below.key}`} one={below} depth={depth + 1} />
      ))}
    </>
  );
}

/** Approve or reject; the words are kept with the revision. */
function Decide({ task, plan, onOpen }: { task: string; plan: PlanDetail; onOpen: (open: boolean) => void }) {
  const { org, readOnly } = useLab();
  const client = useQueryClient();
  const [asks, setAsks] = useState<"approve" | "reject" | null>(null);
  const [why, setWhy] = useState("");
  const [running, setRunning] = useState<Running>("");
  const [busy, setBusy] = useState(false);
  const begin = (ruling: "approve" | "reject") => {
    onOpen(true);
    setAsks(ruling);
  };
  const close = () => {
    onOpen(false);
    setAsks(null);
  };
  const waits = plan.state === "proposed";
  useShortcuts(
    waits
      ? [
          {
            keys: "m",
            label: "Approve the plan",
            group: "Goal",
            blocked: readOnly,
            run: () => begin("approve"),
          },
        ]
      : [],
  );
  const send = async () => {
    setBusy(true);
    const params = { path: { id: task, number: plan.number } };
    try {
      if (asks === "approve") {
        await api.POST("/v1/tasks/{id}/plans/{number}/approve", {
          params,
          body: approvalOf(why, running),
        });
      } else {
        await api.POST("/v1/tasks/{id}/plans/{number}/reject", { params, body: { why } });
      }
      tell(
        asks === "approve"
          ? `Revision ${plan.number} is carried out`
          : `Revision ${plan.number} was rejected`,
      );
      close();
      await Promise.all([
        client.invalidateQueries({ queryKey: keys.plans(task) }),
        client.invalidateQueries({ queryKey: keys.task(task) }),
        client.invalidateQueries({ queryKey: keys.goal(task) }),
        client.invalidateQueries({ queryKey: keys.tasks(org) }),
      ]);
    } catch (error) {
      tellProblem("The decision was refused", error);
    }
    setBusy(false);
  };
  return (
    <>
      {waits && (
        <>
          <Button
            size="sm"
            icon={<X className="size-3.5" />}
            blocked={readOnly}
            onClick={() => begin("reject")}
          >
            Reject
          </Button>
          <Button
            size="sm"
            look="primary"
            icon={<Check className="size-3.5" />}
            blocked={readOnly}
            onClick={() => begin("approve")}
          >
            Approve
          </Button>
        </>
      )}
      <Dialog
        open={asks !== null}
        onClose={close}
        title={asks === "reject" ? "Reject this revision" : "Approve this revision"}
        description={
          asks === "reject"
            ? "The goal goes on as it is."
            : "It becomes the plan that is carried out, at once."
        }
        footer={
          <>
            <Button onClick={close}>Back</Button>
            <Button look="primary" busy={busy} onClick={() => void send()}>
              {asks === "reject" ? "Reject" : "Approve"}
            </Button>
          </>
        }
      >
        <div className="flex flex-col gap-4">
          <Field label="Why (not needed)">
            {(control) => (
              <Textarea {...control} rows={3} value={why} onChange={(event) => setWhy(event.target.value)} />
            )}
          </Field>
          {asks === "approve" && plan.parent && (
            <OfRunning task={task} value={running} onValue={setRunning} />
          )}
        </div>
      </Dialog>
    </>
  );
}

/** What becomes of work that the revision does not want. Unless the approver says it, policy does. */
function OfRunning({
  task,
  value,
  onValue,
}: {
  task: string;
  value: Running;
  onValue: (value: Running) => void;
}) {
  const { org } = useLab();
  const { fields } = useQuery({ ...policy(org, undefined, task), ...ASIDE }).data ?? {};
  return (
    <Field label="Work under way that it does not want">
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onValue(event.target.value as Running)}>
          <option value="">{byPolicy(fields)}</option>
          {RUNNING.map(([one, words]) => (
            <option key={one} value={one}>
              {words}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
