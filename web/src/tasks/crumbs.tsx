import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";
import { projects, task as taskQuery } from "../api/queries";
import type { Task } from "../api/types";
import { TaskLink } from "./row";

/** Project, goal, parent: where a task belongs. */
export function Crumbs({ org, task }: { org: string; task: Task }) {
  const known = useQuery(projects(org)).data;
  const project = known?.find((one) => one.id === task.project);
  const isGoal = task.goal_id === task.id;
  return (
    <nav aria-label="Where this belongs" className="flex min-w-0 items-center gap-1">
      {project && (
        <Link
          to="/o/$org/projects/$project"
          params={{ org, project: project.id }}
          className="tap-text shrink-0 hover:text-ink hover:underline"
        >
          {project.name}
        </Link>
      )}
      {!isGoal && <Above org={org} id={task.goal_id} first={!project} />}
      {task.parent && task.parent !== task.goal_id && <Above org={org} id={task.parent} first={false} />}
      {!project && isGoal && <span>Goal without a project</span>}
      {project && isGoal && (
        <>
          <ChevronRight className="size-3 shrink-0" aria-hidden="true" />
          <span>Goal</span>
        </>
      )}
    </nav>
  );
}

function Above({ org, id, first }: { org: string; id: string; first: boolean }) {
  const above = useQuery(taskQuery(id)).data;
  return (
    <>
      {!first && <ChevronRight className="size-3 shrink-0" aria-hidden="true" />}
      {above ? (
        <TaskLink org={org} task={above} className="tap-text truncate hover:text-ink hover:underline" />
      ) : (
        <span>…</span>
      )}
    </>
  );
}
