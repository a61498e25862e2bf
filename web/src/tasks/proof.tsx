import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { GitMerge, ListChecks } from "lucide-react";
import { candidates, receipts } from "../api/queries";
import type { Attempt, Candidate, Receipt, TaskDetail } from "../api/types";
import { span } from "../text/time";
import { short } from "../text/words";
import { Ask } from "../ui/ask";
import { CommitId } from "../ui/copy";
import { Empty, Skeleton } from "../ui/empty";
import { Section } from "../ui/page";
import { CANDIDATE_HUE, CANDIDATE_WORD, StateIcon, Tag } from "../ui/state";
import { Ago } from "../ui/time";
import { OwnPlace } from "./train";
import { TaskName } from "./words";

/** What stands behind "done": receipts of checks, and the way into the target. */
export function TaskProof({
  org,
  task,
  attempts,
}: {
  org: string;
  task: TaskDetail;
  attempts: readonly Attempt[];
}) {
  const proven = useQuery(receipts(task.id));
  const merges = useQuery(candidates(task.id));
  return (
    <div className="flex max-w-2xl flex-col gap-4 p-4 md:px-6">
      <Section title="Receipts" note="checks that devlab ran itself, on exactly this tree" flush>
        <Ask query={proven} loading={<Skeleton rows={3} />}>
          {(list) =>
            list.length === 0 ? (
              <Empty icon={<ListChecks />} title="No receipts yet" className="py-8">
                {task.checks.length === 0
                  ? "No checks are set for it, so its result stays unproven."
                  : "They come when an attempt delivers a result."}
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {list.toReversed().map((receipt) => (
                  <ReceiptRow key={receipt.id} org={org} task={task} receipt={receipt} attempts={attempts} />
                ))}
              </ul>
            )
          }
        </Ask>
      </Section>
      {isInTrain(task) && (
        <Section title="Its turn" note="results are merged one after the other" flush>
          <OwnPlace org={org} task={task} />
        </Section>
      )}
      <Section title="Train" note="merges with the target" flush>
        <Ask query={merges} loading={<Skeleton rows={2} />}>
          {(list) =>
            list.length === 0 ? (
              <Empty
                icon={<GitMerge />}
                title={isInTrain(task) ? "Not merged yet" : "Not in the train yet"}
                className="py-8"
              >
                A result that has passed is merged with its target's head here, and published once the checks
                have passed on that too.
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {list.toReversed().map((candidate) => (
                  <CandidateRow
                    key={candidate.id}
                    org={org}
                    task={task}
                    candidate={candidate}
                    proven={passedOn(task, candidate, proven.data ?? [])}
                  />
                ))}
              </ul>
            )
          }
        </Ask>
      </Section>
    </div>
  );
}

/** Whether a result is on its way into a branch of a project. */
function isInTrain(task: TaskDetail): task is TaskDetail & { project: string } {
  return task.state === "integrating" && task.project != null;
}

function ReceiptRow({
  org,
  task,
  receipt,
  attempts,
}: {
  org: string;
  task: TaskDetail;
  receipt: Receipt;
  attempts: readonly Attempt[];
}) {
  const attempt = attempts.find((one) => one.id === receipt.attempt);
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2">
      <StateIcon state={receipt.passed ? "done" : "failed"} />
      <span className="font-medium">{receipt.check}</span>
      <span className={receipt.passed ? "text-green" : "text-red"}>
        {receipt.passed ? "passed" : `failed with ${receipt.exit_code}`}
      </span>
      {receipt.candidate && <Tag hue="violet">on the merge</Tag>}
      <code className="min-w-0 flex-1 basis-40 truncate font-mono text-xs text-ink-3" title={receipt.command}>
        {receipt.command}
      </code>
      <span className="flex flex-wrap items-center gap-3 text-xs text-ink-3">
        <span title={`tree ${receipt.tree}`}>
          tree <code className="font-mono">{short(receipt.tree)}</code>
        </span>
        <span title="Isolation in force: an ordinary process is policy, not protection">
          {receipt.isolation}
        </span>
        <span>{span(receipt.duration_ms)}</span>
        {attempt && receipt.log_len > 0 && (
          <Link
            to="/o/$org/tasks/$task"
            params={{ org, task: task.id }}
            search={{ tab: "log", attempt: attempt.id }}
            hash={`byte-${receipt.log_offset}`}
            className="tap-text font-medium text-accent hover:underline"
          >
            Output
          </Link>
        )}
        <Ago at={receipt.at} />
      </span>
    </li>
  );
}

/** Whether every check of the task has passed on the merge's own tree. */
function passedOn(task: TaskDetail, candidate: Candidate, receipts: readonly Receipt[]): boolean {
  return (
    candidate.tree != null &&
    task.checks.length > 0 &&
    task.checks.every((check) =>
      receipts.some((one) => one.passed && one.check === check.name && one.tree === candidate.tree),
    )
  );
}

function CandidateRow({
  org,
  task,
  candidate,
  proven,
}: {
  org: string;
  task: TaskDetail;
  candidate: Candidate;
  proven: boolean;
}) {
  const others = candidate.tasks.filter((id) => id !== task.id);
  // A result that a person reviews is tried first: the merge is made anew when it is accepted.
  const tried = candidate.state === "rejected" && task.review && proven;
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1.5 px-4 py-2.5">
      {tried ? (
        <Tag hue="green">proven for the review</Tag>
      ) : (
        <Tag hue={CANDIDATE_HUE[candidate.state]}>{CANDIDATE_WORD[candidate.state]}</Tag>
      )}
      <span className="text-ink-2">
        into <code className="font-mono text-xs">{candidate.target.replace(/^refs\/heads\//, "")}</code>
      </span>
      {candidate.base && (
        <span className="inline-flex items-center gap-1 text-xs text-ink-3">
          on <CommitId id={candidate.base} project={task.project} />
        </span>
      )}
      {candidate.tip && (
        <span className="inline-flex items-center gap-1 text-xs text-ink-3">
          as <CommitId id={candidate.tip} project={task.project} />
        </span>
      )}
      {tried && (
        <span className="text-xs text-ink-3">
          Its checks pass on this merge. It is merged anew once a person has accepted it.
        </span>
      )}
      {candidate.verify_attempts > 0 && (
        <span className="text-xs text-ink-3">verified {candidate.verify_attempts}×</span>
      )}
      {others.length > 0 && (
        <span className="flex min-w-0 flex-wrap items-center gap-x-2 text-xs text-ink-3">
          together with
          {others.map((id) => (
            <TaskName key={id} org={org} id={id} />
          ))}
        </span>
      )}
    </li>
  );
}
