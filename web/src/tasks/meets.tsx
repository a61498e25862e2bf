import { useQuery } from "@tanstack/react-query";
import { ASIDE, conflicts } from "../api/queries";
import type { TaskDetail } from "../api/types";
import { TaskName } from "./words";

const NAMED = 8;
const PATHS = 3;

/** The tasks that will touch the same as this one, and where. */
export function Meets({ org, task, className }: { org: string; task: TaskDetail; className?: string }) {
  // What the other one does is no event of this one.
  const found = useQuery({ ...conflicts(task.id), ...ASIDE }).data ?? task.conflicts ?? [];
  const all = found.filter(({ first, second }) => first.task === task.id || second.task === task.id);
  if (all.length === 0) return null;
  return (
    <div className={className}>
      <h3 className="eyebrow mb-1.5">Touches the same as</h3>
      <ul className="flex flex-col gap-2">
        {all.slice(0, NAMED).map(({ first, second, paths, kind }) => {
          const other = first.task === task.id ? second : first;
          return (
            <li key={other.task} className="min-w-0">
              <TaskName org={org} id={other.task} />
              <p className="text-xs break-words text-ink-2">
                {paths.slice(0, PATHS).map((path, at) => (
                  <span key={path}>
                    {at > 0 && ", "}
                    <code className="font-mono text-2xs break-all">{path}</code>
                  </span>
                ))}
                {paths.length > PATHS && ` and ${paths.length - PATHS} more`}
                {kind === "observed" ? ": changed already" : ": both say so"}
              </p>
            </li>
          );
        })}
        {all.length > NAMED && <li className="text-ink-3">and {all.length - NAMED} more</li>}
      </ul>
    </div>
  );
}
