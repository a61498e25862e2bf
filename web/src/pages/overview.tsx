import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Activity, GitMerge } from "lucide-react";
import { lazy, Suspense } from "react";
import { ASIDE, agents, type Head, task as taskQuery, tasksIn, UNTOLD } from "../api/queries";
import type { Agent, Task } from "../api/types";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { newestWords, totalWords, useTotal } from "../tasks/counts";
import { InboxList } from "../tasks/inbox-list";
import { TaskRow } from "../tasks/row";
import { Words } from "../tasks/words";
import { short } from "../text/words";
import { Ask } from "../ui/ask";
import { ButtonLink } from "../ui/button";
import { Empty, Skeleton } from "../ui/empty";
import { PageHead, Section } from "../ui/page";
import { Ago, Lasting } from "../ui/time";

const Charts = lazy(() => import("../charts/charts"));

const SHOWN = 8;
const RUNNING = ["running", "integrating"] as const;
const DONE = ["done"] as const;

/** What runs, what waits for me, what is wrong: at a glance. */
export function OverviewPage() {
  useTitle("Overview");
  const { org } = useLab();
  const running = useQuery(tasksIn(org, RUNNING));
  const done = useQuery(tasksIn(org, DONE));
  const allRunning = useTotal(org, RUNNING, running.data);
  const allDone = useTotal(org, DONE, done.data);
  const workers = useQuery({ ...agents(org), ...UNTOLD, ...ASIDE });
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
      <Figures running={running.data} done={done.data} agents={workers.data} />
      <div className="grid items-start gap-4 p-4 md:px-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="flex min-w-0 flex-col gap-4">
          <InboxList />
          <Throughput query={done} total={allDone} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Section
            title="Running now"
            note={running.data && totalWords(running.data, allRunning)}
            flush
            actions={
              <Link
                to="/o/$org/board"
                params={{ org }}
                search={{ states: "running,integrating", view: "table" }}
                className="tap-text text-xs font-medium text-accent hover:underline"
              >
                All
              </Link>
            }
          >
            <Ask query={running} loading={<Skeleton rows={4} />}>
              {(data) => <Running org={org} goals={goals} tasks={data.items} total={allRunning} />}
            </Ask>
          </Section>
          <Section
            title="Merged lately"
            note={done.data?.more && `of ${newestWords(done.data, allDone)} done tasks`}
            flush
          >
            <Ask query={done} loading={<Skeleton rows={4} />}>
              {(data) => <Merged org={org} tasks={data.items} more={data.more} />}
            </Ask>
          </Section>
        </div>
      </div>
    </>
  );
}

function Throughput({
  query,
  total,
}: {
  query: UseQueryResult<Head<Task>>;
  /** How many are done, if that is known: the list may be cut. */
  total: number | undefined;
}) {
  return (
    <Section
      title="Throughput"
      note={
        query.data?.more ? `of ${newestWords(query.data, total)} done tasks` : "of all tasks that are done"
      }
    >
      <Ask query={query} loading={<Skeleton rows={5} className="h-40" />}>
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
  );
}

function Running({
  org,
  goals,
  tasks,
  total,
}: {
  org: string;
  goals: Task[];
  tasks: Task[];
  /** How many there are, if that is known: the list may be cut. */
  total: number | undefined;
}) {
  if (tasks.length === 0) {
    return (
      <Empty icon={<Activity />} title="Nothing runs" className="py-8">
        Scheduled work appears here as soon as an agent takes it.
      </Empty>
    );
  }
  const leaves = tasks.filter((task) => task.parent || task.kind === "leaf");
  const shown = [...goals.filter((goal) => goal.kind === "composite"), ...leaves].slice(0, SHOWN);
  const left = total === undefined ? undefined : total - shown.length;
  return (
    <div className="py-1">
      {shown.map((task) => (
        <div key={task.id}>
          <TaskRow
            org={org}
            task={task}
            note={
              task.kind === "composite" ? `${task.open_children} left` : <Lasting from={task.updated_at} />
            }
          />
          {task.kind === "composite" && !task.parent && <Stuck org={org} id={task.id} />}
        </div>
      ))}
      {left !== 0 && <p className="px-4 py-1.5 text-xs text-ink-3">and {left?.toLocaleString()} more</p>}
    </div>
  );
}

/** Why a goal in which nothing can move does not. */
function Stuck({ org, id }: { org: string; id: string }) {
  const stuck = useQuery(taskQuery(id)).data?.stuck;
  if (!stuck) return null;
  return (
    <p className="mx-4 mb-1.5 rounded-md bg-amber-soft px-2.5 py-1.5 text-xs">
      <span className="line-clamp-2">
        <Words org={org} text={stuck} plain />
      </span>
    </p>
  );
}

function Merged({ org, tasks, more }: { org: string; tasks: Task[]; more: boolean }) {
  const merged = tasks
    .filter((task) => task.published)
    .sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1))
    .slice(0, SHOWN);
  if (merged.length === 0) {
    return (
      <Empty icon={<GitMerge />} title={more ? "No merges among them" : "No merges yet"} className="py-8">
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
  running: Head<Task> | undefined;
  done: Head<Task> | undefined;
  agents: Agent[] | undefined;
}) {
  const online = agents?.filter((agent) => agent.online);
  const slots = online?.reduce((sum, agent) => sum + agent.capacity, 0);
  const used = agents?.reduce((sum, agent) => sum + agent.attempts.length, 0);
  const since = Date.now() - DAY_MS;
  const today = done?.items.filter((task) => Date.parse(task.updated_at) > since);
  const proven = today?.filter((task) => task.proof === "proven").length;
  return (
    <dl className="grid grid-cols-2 border-b border-line bg-surface lg:grid-cols-4">
      <Figure
        name="Running"
        value={running?.items.filter((task) => task.kind === "leaf").length}
        more={running?.more}
      />
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
        more={done?.more}
        note={
          done?.more ? (proven ? `${proven} or more proven` : "") : proven !== undefined && `${proven} proven`
        }
      />
      <Figure
        name="Goals finished in 24 h"
        value={today?.filter((task) => !task.parent).length}
        more={done?.more}
      />
    </dl>
  );
}

function Figure({
  name,
  value,
  more = false,
  of,
  note,
  meter = false,
}: {
  name: string;
  value: number | undefined;
  /** There may be more: the list that it is counted from is cut. */
  more?: boolean | undefined;
  of?: number | undefined;
  note?: string | false | undefined;
  meter?: boolean;
}) {
  return (
    <div className="border-line px-4 py-3 not-last:border-r max-lg:nth-2:border-r-0 max-lg:[&:nth-child(n+3)]:border-t md:px-6">
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd className="mt-0.5 text-2xl font-semibold tracking-tight">
        {value === undefined ? <span className="text-ink-3">–</span> : value.toLocaleString()}
        {value !== undefined && more && <span className="text-base font-normal text-ink-3"> or more</span>}
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
