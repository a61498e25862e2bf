import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ChartNoAxesGantt, GitBranch, Hourglass, ListTree, Network, X } from "lucide-react";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { ASIDE, conflicts, plans, task as taskQuery, tasksOfGoal } from "../api/queries";
import { STATES, type State, type Task, type TaskDetail } from "../api/types";
import { edgesOf } from "../graph/edges";
import { nodesOf } from "../graph/model";
import { PlanView } from "../plans/plan-view";
import { useLab } from "../shell/lab";
import { useShortcuts } from "../shell/shortcuts";
import { useTitle } from "../shell/title";
import { TaskButtons } from "../tasks/buttons";
import { Choose } from "../tasks/choose";
import { Crumbs } from "../tasks/crumbs";
import { GoalList } from "../tasks/goal-list";
import { GoalTimeline } from "../tasks/goal-timeline";
import { Meets } from "../tasks/meets";
import { TaskLink } from "../tasks/row";
import { TaskName, Words } from "../tasks/words";
import { count } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { Empty, Skeleton } from "../ui/empty";
import { PageHead } from "../ui/page";
import { Segments } from "../ui/segments";
import { STATE_WORD, StateBadge, StateIcon } from "../ui/state";
import { Ago } from "../ui/time";

const Graph = lazy(() => import("../graph/graph").then((loaded) => ({ default: loaded.Graph })));

const route = getRouteApi("/o/$org/goals/$goal");
/** A plan that is larger is shown folded at first. */
const OPEN_MAX = 80;

/** A goal and its plan: as a graph, as a list, and as what was tried when. */
export function GoalPage() {
  const { goal: id } = route.useParams();
  const { org } = useLab();
  const goal = useQuery(taskQuery(id));
  const tasks = useQuery(tasksOfGoal(org, id));
  useTitle(goal.data?.title ?? "Goal");
  return (
    <Ask query={goal} page loading={<Skeleton rows={10} className="max-w-lg" />}>
      {(data) => <Page key={data.id} goal={data} tasks={tasks.data} query={tasks} />}
    </Ask>
  );
}

function Page({
  goal,
  tasks,
  query,
}: {
  goal: TaskDetail;
  tasks: Task[] | undefined;
  query: ReturnType<typeof useQuery<Task[]>>;
}) {
  const { org } = useLab();
  const { view: asked, task: selected, plan: revision } = route.useSearch();
  const planned = useQuery({ ...plans(goal.id), ...ASIDE, enabled: goal.kind === "composite" });
  const revisions = planned.data ?? [];
  // A goal that waits for its plan's approval has nothing else to show.
  const view =
    asked ?? (goal.state === "draft" && revisions.length > 0 ? "plan" : narrow() ? "list" : "graph");
  const navigate = useNavigate({ from: "/o/$org/goals/$goal" });
  const nodes = useMemo(() => (tasks ? nodesOf(tasks, goal.id) : []), [tasks, goal.id]);
  const edges = useQuery({ ...edgesOf(goal.id), ...ASIDE, enabled: goal.kind === "composite" });
  const found = useQuery({ ...conflicts(goal.id), ...ASIDE, enabled: goal.kind === "composite" }).data;
  const meetings = useMemo(
    () =>
      (found ?? []).map(({ first, second, paths }) => ({ first: first.task, second: second.task, paths })),
    [found],
  );
  const [folded, fold] = useFolded(nodes.length, nodes);
  const select = useCallback(
    (id: string | undefined) =>
      void navigate({ search: (before) => ({ ...before, task: id }), replace: true, resetScroll: false }),
    [navigate],
  );
  const show = (next: typeof view) =>
    void navigate({ search: (before) => ({ ...before, view: next }), replace: true });
  useShortcuts([
    { keys: "1", label: "Graph", group: "Goal", run: () => show("graph") },
    { keys: "2", label: "List", group: "Goal", run: () => show("list") },
    { keys: "3", label: "Timeline", group: "Goal", run: () => show("timeline") },
    { keys: "Escape", label: "Close the task", group: "Goal", run: () => select(undefined) },
  ]);
  const chosen = tasks?.find((task) => task.id === selected);
  return (
    <div className="flex h-[calc(100dvh-45px)] min-h-0 flex-col md:h-dvh">
      <PageHead
        before={<Crumbs org={org} task={goal} />}
        title={goal.title}
        meta={
          <>
            <StateBadge task={goal} />
            <span>
              changed <Ago at={goal.updated_at} />
            </span>
            {goal.proof === "unproven" && <span>unproven: nothing checks it</span>}
            <TaskLink
              org={org}
              task={{ ...goal, parent: goal.id }}
              className="tap-text font-medium text-accent hover:underline"
            >
              Log, changes and proof
            </TaskLink>
            <Link
              to="/o/$org/admin/policy"
              params={{ org }}
              search={{ goal: goal.id }}
              className="tap-text font-medium text-accent hover:underline"
            >
              Policy
            </Link>
          </>
        }
        actions={<TaskButtons task={goal} keyless={chosen !== undefined} />}
      >
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 pb-3 md:px-6">
          <Segments
            label="View"
            value={view}
            onChange={show}
            options={[
              { value: "graph", label: "Graph", icon: <Network /> },
              { value: "list", label: "List", icon: <ListTree /> },
              { value: "timeline", label: "Timeline", icon: <ChartNoAxesGantt /> },
              ...(revisions.length > 0
                ? [
                    {
                      value: "plan" as const,
                      label: revisions.some((one) => one.state === "proposed") ? "Plan: to decide" : "Plan",
                      icon: <GitBranch />,
                    },
                  ]
                : []),
            ]}
          />
          {tasks?.some((task) => task.kind === "leaf") && <Progress tasks={tasks} />}
        </div>
        {goal.stuck && (
          <p className="flex items-start gap-2 border-t border-line bg-amber-soft px-4 py-2 md:px-6">
            <Hourglass className="mt-0.5 size-3.5 shrink-0 text-amber" aria-hidden="true" />
            <span className="line-clamp-3 min-w-0">
              <Words org={org} text={goal.stuck} />.
            </span>
          </p>
        )}
        {goal.choice && (
          <div className="border-t border-line px-4 py-3 md:px-6">
            <Choose org={org} task={goal.id} />
          </div>
        )}
      </PageHead>
      <div className="relative flex min-h-0 flex-1">
        <Ask query={query} loading={<Skeleton rows={10} className="flex-1" />}>
          {() =>
            view === "plan" && goal.kind === "composite" ? (
              <Ask query={planned} loading={<Skeleton rows={10} className="flex-1" />}>
                {(all) =>
                  all.length > 0 ? (
                    <PlanView
                      task={goal.id}
                      revisions={all}
                      chosen={revision}
                      onChoose={(plan) =>
                        void navigate({
                          search: (before) => ({ ...before, view: "plan", plan }),
                          replace: true,
                        })
                      }
                    />
                  ) : (
                    <Empty icon={<GitBranch />} title="This goal was not planned" className="flex-1">
                      It was scheduled with its tasks, so there are no revisions to compare.
                    </Empty>
                  )
                }
              </Ask>
            ) : nodes.length === 0 ? (
              <Empty icon={<Network />} title="This goal has no tasks of its own" className="flex-1">
                It is done as a whole.
              </Empty>
            ) : view === "graph" ? (
              <Suspense fallback={<Skeleton rows={10} className="flex-1" />}>
                <Ask query={edges} loading={<Skeleton rows={10} className="flex-1" />}>
                  {(found) => (
                    <Graph
                      nodes={nodes}
                      edges={found}
                      meetings={meetings}
                      folded={folded}
                      onFold={fold}
                      selected={selected}
                      onSelect={select}
                    />
                  )}
                </Ask>
              </Suspense>
            ) : view === "list" ? (
              <GoalList
                nodes={nodes}
                edges={edges.data ?? []}
                meetings={meetings}
                tasks={tasks ?? []}
                folded={folded}
                onFold={fold}
                selected={selected}
                onSelect={select}
              />
            ) : (
              <GoalTimeline
                goal={goal}
                nodes={nodes}
                edges={edges.data ?? []}
                tasks={tasks ?? []}
                selected={selected}
                onSelect={select}
              />
            )
          }
        </Ask>
        {chosen && <Peek org={org} id={chosen.id} onClose={() => select(undefined)} />}
      </div>
    </div>
  );
}

/** A graph says little on a telephone. */
function narrow(): boolean {
  return matchMedia("(max-width: 640px)").matches;
}

/** Composites that are folded: all of them, if the plan is large. */
function useFolded(size: number, nodes: ReturnType<typeof nodesOf>) {
  const [changed, setChanged] = useState<ReadonlySet<string>>(new Set());
  const folded = useMemo(() => {
    const composites = nodes.filter((node) => node.kind === "composite").map((node) => node.id);
    return new Set(composites.filter((id) => changed.has(id) !== size > OPEN_MAX));
  }, [nodes, changed, size]);
  const fold = useCallback(
    (id: string) =>
      setChanged((before) => {
        const next = new Set(before);
        if (!next.delete(id)) next.add(id);
        return next;
      }),
    [],
  );
  return [folded, fold] as const;
}

const BAR: Partial<Record<State, string>> = {
  done: "bg-green",
  integrating: "bg-violet",
  running: "bg-blue",
  waiting: "bg-amber",
  failed: "bg-red",
};

/** How far the leaves are. */
function Progress({ tasks }: { tasks: readonly Task[] }) {
  const leaves = tasks.filter((task) => task.kind === "leaf");
  const counts = new Map<State, number>();
  for (const task of leaves) counts.set(task.state, (counts.get(task.state) ?? 0) + 1);
  const done = counts.get("done") ?? 0;
  const order: State[] = ["done", "integrating", "running", "waiting", "failed"];
  return (
    <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-4 gap-y-1.5 max-sm:basis-full">
      <div
        className="flex h-1.5 w-full overflow-hidden sm:max-w-56 rounded-full bg-sunken"
        aria-hidden="true"
      >
        {order.map((state) => (
          <span
            key={state}
            className={BAR[state]}
            style={{ width: `${((counts.get(state) ?? 0) / Math.max(1, leaves.length)) * 100}%` }}
          />
        ))}
      </div>
      <span className="text-xs font-medium">
        {done} of {count(leaves.length, "task")} done
      </span>
      <span className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-ink-2">
        {STATES.filter((state) => state !== "done" && counts.get(state)).map((state) => (
          <span key={state} className="inline-flex items-center gap-1">
            <StateIcon state={state} className="size-3" />
            {counts.get(state)} {STATE_WORD[state].toLowerCase()}
          </span>
        ))}
      </span>
    </div>
  );
}

/** The chosen task, beside the plan. */
function Peek({ org, id, onClose }: { org: string; id: string; onClose: () => void }) {
  const query = useQuery(taskQuery(id));
  return (
    <aside
      aria-label="The chosen task"
      className="enter absolute inset-y-0 right-0 z-10 flex w-full max-w-sm flex-col overflow-y-auto border-l border-line bg-surface shadow-pop sm:w-80 lg:relative lg:shadow-none"
    >
      <Ask query={query}>
        {(task) => (
          <div className="flex flex-col gap-4 p-4">
            <div className="flex items-start gap-2">
              <h2 className="min-w-0 flex-1 text-base font-semibold">{task.title}</h2>
              <Button
                look="quiet"
                size="sm"
                icon={<X className="size-4" />}
                label="Close (Escape)"
                onClick={onClose}
              />
            </div>
            <div>
              <StateBadge task={task} />
            </div>
            {task.stuck && (
              <p className="rounded-md bg-amber-soft px-3 py-2">
                <Words org={org} text={task.stuck} />.
              </p>
            )}
            {task.goal !== task.title && (
              <p className="line-clamp-6 whitespace-pre-wrap text-ink-2">{task.goal}</p>
            )}
            <Meets org={org} task={task} />
            {task.depends_on.length > 0 && (
              <div>
                <h3 className="eyebrow mb-1">Depends on</h3>
                <ul className="flex flex-col gap-1">
                  {task.depends_on.slice(0, 8).map((one) => (
                    <li key={one} className="min-w-0">
                      <TaskName org={org} id={one} alone />
                    </li>
                  ))}
                </ul>
              </div>
            )}
            <p className="text-xs text-ink-3">
              {count(task.attempts, "attempt")} · path of {count(task.path, "task")} left ·{" "}
              <Ago at={task.updated_at} />
            </p>
            <div className="flex flex-wrap gap-2">
              <TaskLink
                org={org}
                task={{ ...task, parent: task.parent ?? task.id }}
                className="tap inline-flex h-8 items-center justify-center rounded-md border border-transparent bg-accent px-3 font-medium text-accent-ink hover:bg-accent-hover"
              >
                Open
              </TaskLink>
              <TaskButtons key={task.id} task={task} />
            </div>
          </div>
        )}
      </Ask>
    </aside>
  );
}
