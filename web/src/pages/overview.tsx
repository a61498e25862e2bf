import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Activity, GitMerge } from "lucide-react";
import { lazy, Suspense } from "react";
import { agents, tasksIn } from "../api/queries";
import type { Agent, Task } from "../api/types";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { InboxList } from "../tasks/inbox-list";
import { TaskRow } from "../tasks/row";
import { count, short } from "../text/words";
import { Ask } from "../ui/ask";
import { ButtonLink } from "../ui/button";
import { Empty, Skeleton } from "../ui/empty";
import { PageHead, Section } from "../ui/page";
import { Ago, Lasting } from "../ui/time";

const Charts = lazy(() => import("../charts/charts"));

const SHOWN = 8;

/** What runs, what waits for me, what is wrong: at a glance. */
export function OverviewPage() {
  useTitle("Overview");
  const { org } = useLab();
  const running = useQuery(tasksIn(org, ["running", "integrating"]));
  const done = useQuery(tasksIn(org, ["done"]));
  const people = useQuery(agents(org));
  const goals = running.data?.items.filter((task) => !task.parent) ?? [];
  return (
    <>
      <PageHead
        title="Overview"
        actions={
          <ButtonLink look="primary" to="/o/$org/new" params={{ org }}>
            New work
          </ButtonLink>
        }
      />
      <Figures running={running.data?.items} done={done.data?.items} agents={people.data} />
      <div className="grid items-start gap-4 p-4 md:px-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="flex min-w-0 flex-col gap-4">
          <InboxList />
          <Section title="Throughput" note="the newest finished tasks">
            <Ask query={done} loading={<div className="skeleton h-40" />}>
              {(data) =>
                data.items.length === 0 ? (
                  <p className="py-8 text-center text-ink-3">Nothing has been finished yet.</p>
                ) : (
                  <Suspense fallback={<div className="skeleton h-40" />}>
                    <Charts tasks={data.items} />
                  </Suspense>
                )
              }
            </Ask>
          </Section>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Section
            title="Running now"
            note={running.data && count(running.data.items.length, "task")}
            flush
            actions={
              <Link
                to="/o/$org/board"
                params={{ org }}
                search={{ states: "running,integrating", view: "table" }}
                className="text-xs font-medium text-accent hover:underline"
              >
                All
              </Link>
            }
          >
            <Ask query={running} loading={<Skeleton rows={4} />}>
              {(data) => <Running org={org} goals={goals} tasks={data.items} />}
            </Ask>
          </Section>
          <Section title="Merged lately" flush>
            <Ask query={done} loading={<Skeleton rows={4} />}>
              {(data) => <Merged org={org} tasks={data.items} />}
            </Ask>
          </Section>
        </div>
      </div>
    </>
  );
}

function Running({ org, goals, tasks }: { org: string; goals: Task[]; tasks: Task[] }) {
  if (tasks.length === 0) {
    return (
      <Empty icon={<Activity />} title="Nothing runs" className="py-8">
        Scheduled work appears here as soon as an agent takes it.
      </Empty>
    );
  }
  const leaves = tasks.filter((task) => task.parent || task.kind === "leaf");
  const shown = [...goals.filter((goal) => goal.kind === "composite"), ...leaves].slice(0, SHOWN);
  return (
    <div className="py-1">
      {shown.map((task) => (
        <TaskRow
          key={task.id}
          org={org}
          task={task}
          note={task.kind === "composite" ? `${task.open_children} left` : <Lasting from={task.updated_at} />}
        />
      ))}
      {tasks.length > shown.length && (
        <p className="px-4 py-1.5 text-xs text-ink-3">and {tasks.length - shown.length} more</p>
      )}
    </div>
  );
}

function Merged({ org, tasks }: { org: string; tasks: Task[] }) {
  const merged = tasks
    .filter((task) => task.published)
    .sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1))
    .slice(0, SHOWN);
  if (merged.length === 0) {
    return (
      <Empty icon={<GitMerge />} title="No merges yet" className="py-8">
        A result that passes its checks is merged into its target, and is listed here.
      </Empty>
    );
  }
  return (
    <div className="py-1">
      {merged.map((task) => (
        <TaskRow
          key={task.id}
          org={org}
          task={task}
          note={
            <>
              <code className="mr-3 font-mono">{short(task.published ?? "")}</code>
              <Ago at={task.updated_at} />
            </>
          }
        />
      ))}
    </div>
  );
}

const DAY_MS = 24 * 3600 * 1000;

function Figures({
  running,
  done,
  agents,
}: {
  running: Task[] | undefined;
  done: Task[] | undefined;
  agents: Agent[] | undefined;
}) {
  const online = agents?.filter((agent) => agent.online);
  const slots = online?.reduce((sum, agent) => sum + agent.capacity, 0);
  const used = agents?.reduce((sum, agent) => sum + agent.attempts.length, 0);
  const since = Date.now() - DAY_MS;
  const today = done?.filter((task) => Date.parse(task.updated_at) > since);
  const proven = today?.filter((task) => task.proof === "proven").length;
  return (
    <dl className="grid grid-cols-2 border-b border-line bg-surface lg:grid-cols-4">
      <Figure name="Running" value={running?.filter((task) => task.kind === "leaf").length} />
      <Figure
        name="Slots in use"
        value={used}
        of={slots}
        note={online && `${online.length} of ${agents?.length} agents online`}
        meter
      />
      <Figure
        name="Finished in 24 h"
        value={today?.length}
        note={proven !== undefined && `${proven} proven`}
      />
      <Figure name="Goals finished in 24 h" value={today?.filter((task) => !task.parent).length} />
    </dl>
  );
}

function Figure({
  name,
  value,
  of,
  note,
  meter = false,
}: {
  name: string;
  value: number | undefined;
  of?: number | undefined;
  note?: string | false | undefined;
  meter?: boolean;
}) {
  return (
    <div className="border-line px-4 py-3 not-last:border-r max-lg:nth-2:border-r-0 max-lg:[&:nth-child(n+3)]:border-t md:px-6">
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd className="mt-0.5 text-2xl font-semibold tracking-tight">
        {value === undefined ? <span className="text-ink-3">–</span> : value.toLocaleString()}
        {of !== undefined && <span className="text-base font-normal text-ink-3"> / {of}</span>}
      </dd>
      {meter && of !== undefined && (
        <dd aria-hidden="true" className="mt-1 h-1 max-w-40 overflow-hidden rounded-full bg-sunken">
          <div
            className="h-full rounded-full bg-accent transition-[width]"
            style={{ width: `${of === 0 ? 0 : Math.min(100, ((value ?? 0) / of) * 100)}%` }}
          />
        </dd>
      )}
      {note && <dd className="mt-0.5 text-xs text-ink-3">{note}</dd>}
    </div>
  );
}
