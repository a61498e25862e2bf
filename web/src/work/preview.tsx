import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Bot, Eye, ListChecks, Rocket } from "lucide-react";
import { lazy, type ReactNode, Suspense, useMemo, useState } from "react";
import { api, body } from "../api/client";
import { once } from "../api/once";
import { asProblem, type Problem } from "../api/problem";
import { ASIDE, agents, keys, policy, projectSettings, projects } from "../api/queries";
import type { Schedule } from "../api/types";
import { useLab } from "../shell/lab";
import { count } from "../text/words";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Skeleton } from "../ui/empty";
import { Code, PageHead, Section } from "../ui/page";
import { Tag } from "../ui/state";
import { type Asked, askedOf } from "./asked";
import { type Form, planOf, scheduleOf, titleOf } from "./form";

const Graph = lazy(() => import("../graph/graph").then((loaded) => ({ default: loaded.Graph })));
const NONE: ReadonlySet<string> = new Set();

async function begin(schedule: Schedule): Promise<string> {
  const send = (headers: HeadersInit) => body(api.POST("/v1/schedule", { headers, body: schedule }));
  return (await once("/v1/schedule", schedule, send)).goal;
}

async function keepDraft(org: string, schedule: Schedule): Promise<string> {
  const asked = {
    org,
    title: titleOf(schedule),
    goal: schedule.task,
    project: schedule.project,
    driver: schedule.driver,
    checks: schedule.checks,
    labels: schedule.labels,
    priority: schedule.priority,
    review: schedule.review,
    draft: true,
  };
  const send = (headers: HeadersInit) => body(api.POST("/v1/tasks", { headers, body: asked }));
  return (await once("/v1/tasks", asked, send)).id;
}

/** What will happen, before it does. */
export function Preview({
  form,
  onBack,
  onStarted,
}: {
  form: Form;
  onBack: () => void;
  onStarted: () => void;
}) {
  const { org } = useLab();
  const navigate = useNavigate();
  const client = useQueryClient();
  const schedule = useMemo(() => scheduleOf(form, org), [form, org]);
  const plan = useMemo(() => planOf(schedule), [schedule]);
  const [folded, setFolded] = useState<ReadonlySet<string>>(NONE);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Problem>();
  const draft = form.mode === "task" && form.draft;
  const place = usePlace(schedule);
  const { fields, settings, isKnown } = place;
  const asked = fields && isKnown ? askedOf(schedule, draft, fields, settings?.labels ?? []) : undefined;

  const start = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      // A click that is repeated after a lost answer starts nothing twice.
      const goal = await (draft ? keepDraft(org, schedule) : begin(schedule));
      onStarted();
      await client.invalidateQueries({ queryKey: keys.tasks(org) });
      if (plan.nodes.length > 0) await navigate({ to: "/o/$org/goals/$goal", params: { org, goal } });
      else await navigate({ to: "/o/$org/tasks/$task", params: { org, task: goal } });
    } catch (error) {
      setRefusal(asProblem(error));
      setBusy(false);
    }
  };
  const json = JSON.stringify(schedule, null, 2);
  return (
    <>
      <PageHead
        before="New work: preview"
        title={titleOf(schedule)}
        meta={
          <span>
            {plan.nodes.length > 0 ? count(plan.nodes.length, "task") : "One task"}; nothing has started yet.
          </span>
        }
        actions={
          <>
            <Button onClick={onBack}>Change</Button>
            <Button
              look="primary"
              icon={<Rocket className="size-4" />}
              busy={busy}
              onClick={() => void start()}
            >
              {draft || asked?.waits ? "Keep as a draft" : "Start"}
            </Button>
          </>
        }
      />
      <div className="grid items-start gap-4 p-4 md:px-6 lg:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-4">
          {refusal && (
            <p role="alert" className="rounded-lg bg-red-soft px-4 py-3 text-red">
              <strong className="font-semibold">{refusal.title}.</strong>{" "}
              {refusal.field && <code className="font-mono">{refusal.field}</code>} {refusal.message}{" "}
              {refusal.help}
            </p>
          )}
          {plan.nodes.length > 0 ? (
            <Section title="Plan" flush>
              <div className="flex h-[52vh]">
                <Suspense fallback={<Skeleton rows={6} className="flex-1" />}>
                  <Graph
                    nodes={plan.nodes}
                    edges={plan.edges}
                    folded={folded}
                    onFold={(id) =>
                      setFolded((before) => {
                        const next = new Set(before);
                        if (!next.delete(id)) next.add(id);
                        return next;
                      })
                    }
                  />
                </Suspense>
              </div>
            </Section>
          ) : (
            <Section title="What the agent is told">
              <p className="max-w-[72ch] whitespace-pre-wrap text-base">
                {schedule.task ?? schedule.goal ?? schedule.title}
              </p>
            </Section>
          )}
          <details className="card">
            <summary className="px-4 py-2.5 font-semibold pointer-coarse:py-3.5">
              The same for a script
            </summary>
            <div className="flex flex-col gap-2 border-t border-line p-4">
              <div className="flex items-center justify-between text-xs text-ink-3">
                <code className="font-mono">POST /v1/schedule</code>
                <CopyButton text={json} label="Copy the JSON" />
              </div>
              <Code className="max-h-96">{json}</Code>
            </div>
          </details>
        </div>
        <Means schedule={schedule} place={place} asked={asked} />
      </div>
    </>
  );
}

/** What its project and its policy say about it. */
function usePlace(schedule: Schedule) {
  const { org } = useLab();
  const known = useQuery({ ...projects(org), ...ASIDE }).data;
  const project = known?.find((one) => one.name === schedule.project || one.id === schedule.project);
  const settings = useQuery({
    ...projectSettings(project?.id ?? ""),
    ...ASIDE,
    enabled: Boolean(project),
  }).data;
  // What the project asks for counts too: before that is known nothing is said.
  const isFound = !schedule.project || known !== undefined;
  const isKnown = isFound && (!project || settings !== undefined);
  const { fields } =
    useQuery({ ...policy(org, project?.id, undefined), ...ASIDE, enabled: isFound }).data ?? {};
  return { settings, fields, isKnown };
}

/** Who can do it, how it is judged, what a person has to do. */
function Means({
  schedule,
  place: { settings, isKnown },
  asked,
}: {
  schedule: Schedule;
  place: ReturnType<typeof usePlace>;
  /** Nothing is said before it is known. */
  asked: Asked | undefined;
}) {
  const { org } = useLab();
  const workers = useQuery({ ...agents(org), ...ASIDE }).data;
  const needed = new Set([
    ...(settings?.labels ?? []),
    ...(schedule.labels ?? []),
    ...(schedule.tasks ?? []).flatMap((task) => task.labels ?? []),
  ]);
  const able = workers?.filter(
    (agent) => agent.online && !agent.draining && [...needed].every((label) => agent.labels.includes(label)),
  );
  const checks = [...(settings?.checks ?? []), ...(schedule.checks ?? [])];
  return (
    <Section title="What that means">
      <div className="flex flex-col gap-4">
        <Mean icon={<Bot />} title="Agents">
          {able === undefined || !isKnown ? (
            "…"
          ) : able.length === 0 ? (
            <span className="text-amber">
              No agent that is online can take it{needed.size > 0 && ` (needs ${[...needed].join(", ")})`}. It
              waits until one can.
            </span>
          ) : (
            `${count(able.length, "agent")} online can take it${needed.size > 0 ? `, with ${[...needed].join(", ")}` : ""}.`
          )}
        </Mean>
        <Mean icon={<ListChecks />} title="Proof">
          {!schedule.project ? (
            "Without a project nothing is checked: it will be done, but unproven."
          ) : !isKnown ? (
            "…"
          ) : checks.length === 0 ? (
            <span className="text-amber">The project has no checks: results will be merged unproven.</span>
          ) : (
            <span className="flex flex-wrap gap-1">
              {checks.map((check) => (
                <Tag key={check.name}>{check.name}</Tag>
              ))}
            </span>
          )}
        </Mean>
        <Mean icon={<Eye />} title="You">
          {asked?.words.join(" ") ?? "…"}
        </Mean>
      </div>
    </Section>
  );
}

function Mean({ icon, title, children }: { icon: ReactNode; title: string; children: ReactNode }) {
  return (
    <div className="flex gap-3">
      <span className="mt-0.5 text-ink-3 [&_svg]:size-4">{icon}</span>
      <div className="min-w-0">
        <h3 className="font-medium">{title}</h3>
        <div className="mt-0.5 text-ink-2">{children}</div>
      </div>
    </div>
  );
}
