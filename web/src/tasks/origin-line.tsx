import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { auditPage, keys, plans } from "../api/queries";
import type { PlanRevision, TaskDetail } from "../api/types";
import { useLab } from "../shell/lab";
import { millis } from "../text/time";
import { Ago } from "../ui/time";
import { askedBy, revisionOf } from "./origin";
import { Person } from "./person";
import { TaskName } from "./words";

/** Where a task comes from: what it is a part of, which revision of a plan made it, and who asked. */
export function OriginLine({ org, task }: { org: string; task: TaskDetail }) {
  const isGoal = task.goal_id === task.id;
  // A leaf that is a goal has no plan. Of every other task its goal's may have made it.
  const planned = useQuery({ ...plans(task.goal_id), enabled: !isGoal || task.kind === "composite" });
  const all = planned.data ?? [];
  const revision = isGoal ? all.find((one) => one.state === "current") : revisionOf(task, all);
  const proposed = isGoal ? all[0] : revision;
  const asked = useAsked(org, task, planned.fetchStatus === "idle" && !proposed);
  const by = proposed?.proposed_by ?? asked;
  if (isGoal && !by) return null;
  return (
    <dl className="mt-4 flex flex-wrap items-center gap-x-6 gap-y-1 border-t border-line pt-3 text-xs text-ink-2">
      {!isGoal && (
        <Item name="Part of">
          <TaskName org={org} id={task.parent ?? task.goal_id} alone />
        </Item>
      )}
      {by && (
        <Item name="Asked for by">
          <Asker org={org} task={task} name={by} />
        </Item>
      )}
      {revision && (
        <Item name={isGoal ? "Done by" : "Made by"}>
          <Revision org={org} goal={task.goal_id} revision={revision} />
        </Item>
      )}
    </dl>
  );
}

/** Most things that were done in the millisecond in which a task was made. */
const DONE_AT_ONCE_MAX = 50;

/** Who asked, by the audit log: only an admin may read it. */
function useAsked(org: string, task: TaskDetail, wanted: boolean): string | undefined {
  const { notAdmin } = useLab();
  const filter = { since: task.created_at, until: new Date(millis(task.created_at) + 1).toISOString() };
  const { data } = useQuery({
    queryKey: [...keys.task(task.id), "asked"],
    queryFn: async () => (await auditPage(org, filter, undefined, DONE_AT_ONCE_MAX)).items,
    enabled: wanted && !notAdmin,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return data && askedBy(task, data);
}

/** Leads an admin to what else was done to the task. */
function Asker({ org, task, name }: { org: string; task: TaskDetail; name: string }) {
  const { notAdmin } = useLab();
  if (notAdmin) return <Person name={name} />;
  return (
    <Link
      to="/o/$org/admin/audit"
      params={{ org }}
      search={{ q: task.goal_id }}
      className="tap-text hover:underline"
    >
      <Person name={name} />
    </Link>
  );
}

function Revision({ org, goal, revision }: { org: string; goal: string; revision: PlanRevision }) {
  const { number, origin, decision } = revision;
  return (
    <>
      <Link
        to="/o/$org/goals/$goal"
        params={{ org, goal }}
        search={{ view: "plan", plan: number }}
        className="tap-text font-medium text-accent hover:underline"
      >
        Revision {number} of the plan
      </Link>
      {origin.source && (
        <span>
          from <code className="font-mono">{origin.source}</code>
          {decision && ","}
        </span>
      )}
      {decision && (
        <span>
          approved by <Person name={decision.by} /> <Ago at={decision.at} />
        </span>
      )}
    </>
  );
}

function Item({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-x-1.5">
      <dt className="text-ink-3">{name}</dt>
      <dd className="flex min-w-0 flex-wrap items-center gap-x-1.5">{children}</dd>
    </div>
  );
}
