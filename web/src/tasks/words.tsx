import { useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import { task as taskQuery } from "../api/queries";
import { capital } from "../text/words";
import { StateIcon, stateWords } from "../ui/state";
import { TaskLink } from "./row";

const ID = /\b(task_[0-9a-z]{20,})\b/;

/** A sentence of the server, whose ids become the tasks that they name. */
export function Words({ org, text }: { org: string; text: string }) {
  return (
    <>
      {capital(text)
        .split(ID)
        .map((part, at) => (
          // Parts have no name but their place.
          // biome-ignore lint/suspicious/noArrayIndexKey: see above
          <Fragment key={at}>{ID.test(part) ? <TaskName org={org} id={part} /> : part}</Fragment>
        ))}
    </>
  );
}

/** A task by its name, with its state. */
export function TaskName({ org, id }: { org: string; id: string }) {
  const task = useQuery(taskQuery(id)).data;
  if (!task) return <code className="font-mono text-xs">{id}</code>;
  return (
    <span className="inline-flex max-w-full items-center gap-1.5 align-bottom">
      <span title={stateWords(task)}>
        <StateIcon state={task.state} />
        <span className="sr-only">{stateWords(task)}: </span>
      </span>
      <TaskLink
        org={org}
        task={task}
        className="truncate font-medium underline decoration-line-strong underline-offset-2 hover:decoration-current"
      />
    </span>
  );
}
