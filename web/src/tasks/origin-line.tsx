import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { plans } from "../api/queries";
import type { PlanRevision, TaskDetail } from "../api/types";
import { useLab } from "../shell/lab";
import { Ago } from "../ui/time";
import { Person } from "./person";
import { TaskName } from "./words";

/** Where a task comes from: what it is a part of, who asked for it, and through what. */
export function OriginLine({ org, task }: { org: string; task: TaskDetail }) {
  const isGoal = task.goal_id === task.id;
  const { made } = task;
  const through = made?.through;
  const planned = through?.kind === "plan" ? through.task : undefined;
  // A leaf has no plan.
  const mayHavePlan = isGoal && task.kind === "composite";
  const { data: revisions = [] } = useQuery({
    ...plans(planned ?? task.id),
    enabled: Boolean(planned) || mayHavePlan,
  });
  const revision =
    through?.kind === "plan"
      ? revisions.find((one) => one.number === through.revision)
      : revisions.find((one) => one.state === "current");
  if (isGoal && !made && !revision) return null;
  return (
    <dl className="mt-4 flex flex-wrap items-center gap-x-6 gap-y-1 border-t border-line pt-3 text-xs text-ink-2">
      {!isGoal && (
        <Item name="Part of">
          <TaskName org={org} id={task.parent ?? task.goal_id} alone />
        </Item>
      )}
      {made && (
        <Item name="Asked for by">
          <Asker org={org} task={task} name={made.by} />
        </Item>
      )}
      {through?.kind === "schedule" && (
        <Item name="Started by">
          <span title={through.schedule}>the schedule {through.name}</span>
        </Item>
      )}
      {through?.kind === "result" && (
        <Item name="Because of">what became of the result of what it is a part of</Item>
      )}
      {revision && (
        <Item name={through?.kind === "plan" ? "Made by" : "Done by"}>
          <Revision org={org} goal={revision.task} revision={revision} />
        </Item>
      )}
    </dl>
  );
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
