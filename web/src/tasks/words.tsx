import { useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import { task as taskQuery } from "../api/queries";
import { capital } from "../text/words";
import { cx } from "../ui/cx";
import { StateIcon, stateWords } from "../ui/state";
import { TaskLink } from "./row";

const ID = /\b(task_[0-9a-z]{20,})\b/;

/** What the command line would do about it: here there is a button for that. */
const HINT = /; `devlab task update [^`]*` gives it a command that any agent can run/g;

/** A sentence of the server, whose ids become the tasks that they name; `plain` ones are no links. */
export function Words({ org, text, plain = false }: { org: string; text: string; plain?: boolean }) {
  return capital(text.replace(HINT, ""))
    .split(ID)
    .map((part, at) => (
      // Parts have no name but their place.
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <Fragment key={at}>{ID.test(part) ? <TaskName org={org} id={part} plain={plain} /> : part}</Fragment>
    ));
}

/** A task by its name, with its state. */
export function TaskName({
  org,
  id,
  plain = false,
  alone = false,
}: {
  org: string;
  id: string;
  plain?: boolean;
  /** It stands in no sentence, so that it can be as high as a finger needs. */
  alone?: boolean;
}) {
  const task = useQuery(taskQuery(id)).data;
  if (!task) return <code className="font-mono text-xs">{id}</code>;
  return (
    <span className="inline-flex max-w-full items-center gap-1.5 align-middle">
      <span title={stateWords(task)}>
        <StateIcon state={task.state} />
        <span className="sr-only">{stateWords(task)}: </span>
      </span>
      {plain ? (
        <span className="truncate font-medium">{task.title}</span>
      ) : (
        <TaskLink
          org={org}
          task={task}
          className={cx(
            "truncate leading-6 font-medium underline decoration-line-strong underline-offset-2 hover:decoration-current",
            alone && "pointer-coarse:min-w-11 pointer-coarse:leading-11",
          )}
        />
      )}
    </span>
  );
}
