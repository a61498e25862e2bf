import { useQueryClient } from "@tanstack/react-query";
import { Minus, Plus } from "lucide-react";
import { api } from "../api/client";
import { keys } from "../api/queries";
import type { Task } from "../api/types";
import { Button } from "../ui/button";
import { tellProblem } from "../ui/toast";

/** Higher is earlier. */
export function Priority({ task, readOnly }: { task: Task; readOnly: string | false }) {
  const client = useQueryClient();
  const ended = task.state === "done" || task.state === "failed" || task.state === "cancelled";
  const set = async (priority: number) => {
    try {
      await api.PATCH("/v1/tasks/{id}", { params: { path: { id: task.id } }, body: { priority } });
      await client.invalidateQueries({ queryKey: keys.task(task.id) });
    } catch (error) {
      tellProblem("The priority was not changed", error);
    }
  };
  if (ended) return <>{task.priority}</>;
  return (
    <span className="inline-flex items-center gap-1">
      <span className="min-w-5">{task.priority}</span>
      <Button
        size="sm"
        look="quiet"
        icon={<Minus className="size-3" />}
        label="Later"
        blocked={readOnly}
        onClick={() => void set(task.priority - 1)}
      />
      <Button
        size="sm"
        look="quiet"
        icon={<Plus className="size-3" />}
        label="Earlier"
        blocked={readOnly}
        onClick={() => void set(task.priority + 1)}
      />
    </span>
  );
}
