import { Link } from "@tanstack/react-router";
import type { Feedback } from "../api/types";
import { CommitId } from "../ui/copy";
import { Code } from "../ui/page";
import { StateIcon, Tag } from "../ui/state";
import { Person } from "./person";

/** What is known from earlier attempts, newest first. */
export function FeedbackList({
  org,
  task,
  project,
  feedback,
}: {
  org: string;
  task: string;
  project: string | null | undefined;
  feedback: readonly Feedback[];
}) {
  return (
    <ul className="divide-y divide-line">
      {feedback.toReversed().map((one, at) => (
        // Pieces have no name but their place, and only grow at the end.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <li key={feedback.length - at} className="flex flex-col gap-2 px-4 py-3">
          <Piece org={org} task={task} project={project} one={one} />
        </li>
      ))}
    </ul>
  );
}

function Piece({
  org,
  task,
  project,
  one,
}: {
  org: string;
  task: string;
  project: string | null | undefined;
  one: Feedback;
}) {
  switch (one.kind) {
    case "check_failed":
      return (
        <>
          <p className="flex flex-wrap items-center gap-2">
            <StateIcon state="failed" />
            <span>
              Check <strong className="font-semibold">{one.check}</strong> ended with {one.exit_code}
              {one.on_target && " on the merge with its target"}
            </span>
            <LogLink org={org} task={task} attempt={one.attempt} />
          </p>
          {one.log_tail && <Code className="max-h-60">{tail(one.log_tail)}</Code>}
        </>
      );
    case "driver_failed":
      return (
        <>
          <p className="flex flex-wrap items-center gap-2">
            <StateIcon state="failed" />
            <span>The driver failed: {one.reason}</span>
            <LogLink org={org} task={task} attempt={one.attempt} />
          </p>
          {one.log_tail && <Code className="max-h-60">{tail(one.log_tail)}</Code>}
        </>
      );
    case "conflict":
      return (
        <>
          <p className="flex flex-wrap items-center gap-2">
            <StateIcon state="blocked" />
            <span>
              Its result <CommitId id={one.ours} project={project} /> conflicts with{" "}
              <CommitId id={one.theirs} project={project} /> in the target
            </span>
          </p>
          <p className="flex flex-wrap gap-1">
            {one.paths.map((path) => (
              <Tag key={path}>
                <span className="font-mono">{path}</span>
              </Tag>
            ))}
          </p>
        </>
      );
    case "changes_requested":
      return (
        <>
          <p className="flex flex-wrap items-center gap-2">
            <StateIcon state="waiting" />
            <span>
              <Person name={one.by} /> asked for changes
            </span>
          </p>
          <p className="max-w-[72ch] whitespace-pre-wrap">{one.message}</p>
        </>
      );
  }
}

function LogLink({ org, task, attempt }: { org: string; task: string; attempt: string }) {
  return (
    <Link
      to="/o/$org/tasks/$task"
      params={{ org, task }}
      search={{ tab: "log", attempt }}
      className="tap-text text-xs font-medium text-accent hover:underline"
    >
      Log
    </Link>
  );
}

/** Without what a terminal would draw. */
function tail(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape begins with one
  return text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "").trimEnd();
}
