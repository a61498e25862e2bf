import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { FileDiff, GitBranch, ListChecks, Package, ScrollText, Text } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect } from "react";
import { ASIDE, attempts, plans, task as taskQuery } from "../api/queries";
import type { Attempt, PlanRevision, TaskDetail } from "../api/types";
import { PlanTask } from "../plans/change";
import { isPlannable, mayHavePlan } from "../plans/own";
import type { TASK_TABS } from "../search";
import { useLab } from "../shell/lab";
import { useShortcuts } from "../shell/shortcuts";
import { useTitle } from "../shell/title";
import { TaskArtifacts } from "../tasks/artifacts";
import { AttemptPicker } from "../tasks/attempts";
import { TaskButtons } from "../tasks/buttons";
import { Crumbs } from "../tasks/crumbs";
import { EditButton } from "../tasks/edit";
import { TaskProof } from "../tasks/proof";
import { TaskSummary } from "../tasks/summary";
import { count } from "../text/words";
import { Ask } from "../ui/ask";
import { cx } from "../ui/cx";
import { Empty, Skeleton } from "../ui/empty";
import { PageHead } from "../ui/page";
import { StateBadge } from "../ui/state";
import { Ago } from "../ui/time";

const LogView = lazy(() => import("../log/log-view").then((loaded) => ({ default: loaded.LogView })));
const PlanView = lazy(() => import("../plans/plan-view").then((loaded) => ({ default: loaded.PlanView })));
const Review = lazy(() => import("../diff/review").then((loaded) => ({ default: loaded.Review })));

const route = getRouteApi("/o/$org/tasks/$task");
type Tab = (typeof TASK_TABS)[number];

/** One task: what was asked, what was tried, what was proven, what changes. */
export function TaskPage() {
  const { task: id } = route.useParams();
  const query = useQuery(taskQuery(id));
  useTitle(query.data?.title ?? "Task");
  return (
    <Ask query={query} page loading={<Skeleton rows={10} className="max-w-lg" />}>
      {(task) => <Page key={task.id} task={task} />}
    </Ask>
  );
}

function Page({ task }: { task: TaskDetail }) {
  const { org } = useLab();
  const { tab = "task", attempt: wanted, line, diff, plan: revision } = route.useSearch();
  const navigate = useNavigate({ from: "/o/$org/tasks/$task" });
  const tried = useQuery(attempts(task.id));
  const planned = useQuery({ ...plans(task.id), ...ASIDE, enabled: mayHavePlan(task) });
  const revisions = planned.data ?? [];
  const isToDecide = revisions.some((one) => one.state === "proposed");
  const list = tried.data ?? [];
  const attempt = list.find((one) => one.id === wanted) ?? list.at(-1);
  const go = (next: Tab) =>
    void navigate({
      search: (before) => ({ ...before, tab: next === "task" ? undefined : next, line: undefined }),
    });
  const showPlan = (plan: number) =>
    void navigate({
      search: (before) => ({ ...before, tab: "plan", plan, line: undefined }),
      replace: tab === "plan",
    });
  useShortcuts([
    { keys: "1", label: "The task", group: "Task", run: () => go("task") },
    { keys: "2", label: "Its log", group: "Task", run: () => go("log") },
    { keys: "3", label: "Its changes", group: "Task", run: () => go("changes") },
    { keys: "4", label: "Its proof", group: "Task", run: () => go("proof") },
    { keys: "5", label: "Its artifacts", group: "Task", run: () => go("artifacts") },
    ...(revisions.length > 0 ? [{ keys: "6", label: "Its plan", group: "Task", run: () => go("plan") }] : []),
  ]);
  const hasChanges = Boolean(task.patch ?? task.head);
  const full = tab === "log" || tab === "changes";
  return (
    <div className={cx("flex flex-col", full && "h-[calc(100dvh-45px)] min-h-0 md:h-dvh")}>
      <PageHead
        before={<Crumbs org={org} task={task} />}
        title={task.title}
        meta={
          <>
            <StateBadge task={task} />
            {task.proof === "unproven" && <span>unproven: nothing checks it</span>}
            {task.archived && <span>archived</span>}
            <span>
              changed <Ago at={task.updated_at} />
            </span>
          </>
        }
        actions={
          <>
            <TaskButtons task={task} reviewing={tab === "changes"} />
            <EditButton task={task} />
            <PlanTask
              task={task.id}
              may={isPlannable(task) && planned.data?.length === 0}
              onMade={showPlan}
            />
          </>
        }
      >
        <Tabs
          tab={tab}
          items={[
            { tab: "task", label: "Task", icon: <Text /> },
            {
              tab: "log",
              label: "Log",
              icon: <ScrollText />,
              note: list.length > 1 ? String(list.length) : undefined,
            },
            { tab: "changes", label: "Changes", icon: <FileDiff />, dot: task.waiting_for === "review" },
            { tab: "proof", label: "Proof", icon: <ListChecks /> },
            { tab: "artifacts", label: "Artifacts", icon: <Package /> },
            ...(revisions.length > 0 || tab === "plan"
              ? [{ tab: "plan" as const, label: "Plan", icon: <GitBranch />, dot: isToDecide }]
              : []),
          ]}
        />
      </PageHead>
      {tab === "task" && <TaskSummary org={org} task={task} attempts={tried} />}
      {tab === "proof" && <TaskProof org={org} task={task} attempts={list} />}
      {tab === "artifacts" && <TaskArtifacts task={task.id} attempts={list} />}
      <Suspense fallback={<Skeleton rows={8} />}>
        {tab === "plan" && <PlanTab task={task} query={planned} chosen={revision} onChoose={showPlan} />}
        {tab === "log" && (
          <Ask query={tried} loading={<Skeleton rows={8} />}>
            {() => <LogTab task={task} attempts={list} attempt={attempt} line={line} />}
          </Ask>
        )}
        {tab === "changes" &&
          (hasChanges ? (
            <Review task={task} view={diff} />
          ) : (
            <Empty icon={<FileDiff />} title="No changes yet" className="flex-1">
              When an attempt delivers a result, what it changes is shown here.
            </Empty>
          ))}
      </Suspense>
    </div>
  );
}

function PlanTab({
  task,
  query,
  chosen,
  onChoose,
}: {
  task: TaskDetail;
  query: UseQueryResult<PlanRevision[]>;
  chosen: number | undefined;
  onChoose: (number: number) => void;
}) {
  const none = (
    <Empty icon={<GitBranch />} title="This task has no plan of its own" className="flex-1">
      An agent does it as it is.
    </Empty>
  );
  // Revisions that are there stay in sight when work on the task begins: one of them may be in change.
  if (!mayHavePlan(task) && !query.data?.length) return none;
  return (
    <Ask query={query} loading={<Skeleton rows={8} />}>
      {(all) =>
        all.length === 0 ? (
          none
        ) : (
          <PlanView task={task.id} revisions={all} chosen={chosen} onChoose={onChoose} />
        )
      }
    </Ask>
  );
}

function LogTab({
  task,
  attempts: list,
  attempt,
  line,
}: {
  task: TaskDetail;
  attempts: Attempt[];
  attempt: Attempt | undefined;
  line: number | undefined;
}) {
  const navigate = useNavigate({ from: "/o/$org/tasks/$task" });
  const start = startOf();
  if (!attempt) {
    return (
      <Empty icon={<ScrollText />} title="Nobody has worked on it yet" className="flex-1">
        {task.stuck ? `${task.stuck}.` : "The log begins when an agent takes the task."}
      </Empty>
    );
  }
  return (
    <>
      {list.length > 1 && (
        <AttemptPicker
          attempts={list}
          value={attempt.id}
          onChange={(next) =>
            void navigate({
              search: (before) => ({ ...before, attempt: next, line: undefined }),
              replace: true,
            })
          }
        />
      )}
      <LogView
        task={task.id}
        attempt={attempt.id}
        live={attempt.state === "live" || attempt.state === "lost"}
        name={`${task.id}-attempt-${attempt.number}.log`}
        line={line}
        start={start}
        onLine={(next) =>
          void navigate({
            search: (before) => ({ ...before, line: next }),
            replace: true,
            resetScroll: false,
          })
        }
      />
    </>
  );
}

/** A receipt links to its output by a byte of the log. */
function startOf(): number | undefined {
  const found = /^#byte-(\d+)$/.exec(location.hash);
  return found ? Number(found[1]) : undefined;
}

function Tabs({
  tab,
  items,
}: {
  tab: Tab;
  items: ReadonlyArray<{
    tab: Tab;
    label: string;
    icon: ReactNode;
    note?: string | undefined;
    dot?: boolean;
  }>;
}) {
  useEffect(() => {
    document.querySelector(`[data-tab="${tab}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tab]);
  return (
    <nav aria-label="Parts of the task" className="no-bar flex gap-4 overflow-x-auto px-4 md:px-6">
      {items.map((item) => (
        <Link
          key={item.tab}
          from="/o/$org/tasks/$task"
          to="/o/$org/tasks/$task"
          search={(before) => ({
            ...before,
            tab: item.tab === "task" ? undefined : item.tab,
            line: undefined,
          })}
          data-tab={item.tab}
          aria-current={tab === item.tab ? "page" : undefined}
          className={cx(
            "tap focus-inset -mb-px inline-flex h-9 shrink-0 items-center gap-1.5 border-b-2 font-medium whitespace-nowrap transition-colors [&_svg]:size-3.5 [&_svg]:shrink-0",
            tab === item.tab ? "border-accent text-ink" : "border-transparent text-ink-2 hover:text-ink",
          )}
        >
          {item.icon}
          {item.label}
          {item.note && <span className="text-xs font-normal text-ink-3">{item.note}</span>}
          {item.dot && (
            <span className="size-1.5 rounded-full bg-amber">
              <span className="sr-only">{count(1, "thing")} to do</span>
            </span>
          )}
        </Link>
      ))}
    </nav>
  );
}
