import type { UseQueryResult } from "@tanstack/react-query";
import { Hourglass } from "lucide-react";
import type { Attempt, TaskDetail } from "../api/types";
import { useLab } from "../shell/lab";
import { count, shortId } from "../text/words";
import { Ask } from "../ui/ask";
import { CommitId, CopyButton } from "../ui/copy";
import { Skeleton } from "../ui/empty";
import { Code, Fact, Facts, Section } from "../ui/page";
import { Tag } from "../ui/state";
import { Ago, Until } from "../ui/time";
import { Answer } from "./answer";
import { AttemptList } from "./attempts";
import { Choose } from "./choose";
import { FeedbackList } from "./feedback";
import { Meets } from "./meets";
import { OriginLine } from "./origin-line";
import { Priority } from "./priority";
import { TaskName, Words } from "./words";

/** What was asked, how it goes, and what the next attempt will be told. */
export function TaskSummary({
  org,
  task,
  attempts,
}: {
  org: string;
  task: TaskDetail;
  attempts: UseQueryResult<Attempt[]>;
}) {
  return (
    <div className="grid items-start gap-4 p-4 md:px-6 lg:grid-cols-[minmax(0,1fr)_300px]">
      <div className="flex min-w-0 flex-col gap-4">
        {choiceOf(task) && <Choose org={org} task={choiceOf(task) ?? task.id} here={task.id} />}
        {task.question && !task.question.answer && (
          <Answer key={task.question.number} org={org} task={task.id} question={task.question} />
        )}
        {task.stuck && task.state !== "draft" && task.waiting_for !== "review" && !task.question && (
          <div className="flex gap-2.5 rounded-lg bg-amber-soft px-4 py-3">
            <Hourglass className="mt-0.5 size-4 shrink-0 text-amber" aria-hidden="true" />
            <p className="min-w-0">
              <Words org={org} text={task.stuck} />.
            </p>
          </div>
        )}
        <Section title="What is wanted">
          <p className="max-w-[72ch] whitespace-pre-wrap text-base">{task.goal}</p>
          <OriginLine org={org} task={task} />
        </Section>
        <Section title="Attempts" flush note={attempts.data?.length === 0 && "none yet"}>
          <Ask query={attempts} loading={<Skeleton rows={3} />}>
            {(all) => <AttemptList org={org} task={task} attempts={all} />}
          </Ask>
        </Section>
        {task.feedback.length > 0 && (
          <Section title="What the next attempt is told" note={count(task.feedback.length, "piece")} flush>
            <FeedbackList task={task.id} project={task.project} org={org} feedback={task.feedback} />
          </Section>
        )}
        <How task={task} />
      </div>
      <Aside org={org} task={task} />
    </div>
  );
}

/** The task whose alternatives are to be shown with a task: its own, or those that it is one of. */
function choiceOf(task: TaskDetail): string | undefined {
  if (task.choice === "alternative") return task.parent ?? undefined;
  return task.choice ? task.id : undefined;
}

function How({ task }: { task: TaskDetail }) {
  const command = task.driver && "command" in task.driver ? task.driver.command : undefined;
  return (
    <Section title="How it is done and judged">
      <div className="flex flex-col gap-4">
        <div>
          <h3 className="eyebrow mb-1.5">Driver</h3>
          {command ? (
            <Code className="max-h-72">{command.script?.trim() ?? command.argv?.join(" ")}</Code>
          ) : (
            <p className="text-ink-2">
              {task.kind === "composite"
                ? "Its tasks do it. A conflict with its target is resolved by an agent's own driver."
                : "None of its own: an agent with a driver takes it."}
            </p>
          )}
          {command?.timeout_secs && (
            <p className="mt-1 text-xs text-ink-3">Time limit {command.timeout_secs} s</p>
          )}
        </div>
        <div>
          <h3 className="eyebrow mb-1.5">Checks</h3>
          {task.checks.length === 0 ? (
            <p className="text-ink-2">None, so that its result stays unproven.</p>
          ) : (
            <ul className="flex flex-col gap-2">
              {task.checks.map((check) => (
                <li key={check.name} className="grid gap-x-3 gap-y-1 sm:grid-cols-[140px_minmax(0,1fr)]">
                  <span className="pt-1 font-medium">{check.name}</span>
                  <Code>{check.run}</Code>
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
    </Section>
  );
}

const NAMED = 12;

function Aside({ org, task }: { org: string; task: TaskDetail }) {
  const { readOnly } = useLab();
  const tries = Object.entries(task.tries).filter(([, n]) => n > 0);
  return (
    <Section title="Details" className="lg:sticky lg:top-4">
      <Facts>
        <Fact name="Id">
          <span className="inline-flex items-center gap-0.5">
            <code className="font-mono text-xs" title={task.id}>
              {shortId(task.id)}
            </code>
            <CopyButton text={task.id} label="Copy the id" />
          </span>
        </Fact>
        <Fact name="Priority">
          <Priority task={task} readOnly={readOnly} />
        </Fact>
        {task.labels.length > 0 && (
          <Fact name="Needs">
            <span className="flex flex-wrap gap-1">
              {task.labels.map((label) => (
                <Tag key={label}>{label}</Tag>
              ))}
            </span>
          </Fact>
        )}
        <Fact name="Review">{task.review ? "by a person" : "none asked"}</Fact>
        {task.target && (
          <Fact name="Target">
            <code className="font-mono text-xs break-all">{task.target.replace(/^refs\/heads\//, "")}</code>
          </Fact>
        )}
        {task.head && (
          <Fact name="Result">
            <CommitId id={task.head} project={task.project} />
          </Fact>
        )}
        {task.published && (
          <Fact name="Merged as">
            <CommitId id={task.published} project={task.project} />
          </Fact>
        )}
        {tries.length > 0 && (
          <Fact name="Sent back">{tries.map(([why, n]) => `${TRY_WORD[why] ?? why} ${n}×`).join(", ")}</Fact>
        )}
        {task.not_before && (
          <Fact name="Next try">
            <Until at={task.not_before} />
          </Fact>
        )}
        {task.paths && task.paths.length > 0 && (
          <Fact name="Touches">
            <span className="flex flex-col">
              {task.paths.slice(0, NAMED).map((path) => (
                <code key={path} className="font-mono text-xs break-all">
                  {path}
                </code>
              ))}
              {task.paths.length > NAMED && (
                <span className="text-ink-3">and {task.paths.length - NAMED} more</span>
              )}
            </span>
          </Fact>
        )}
        <Fact name="Path left">{count(task.path, "task")}</Fact>
        <Fact name="Made">
          <Ago at={task.created_at} />
        </Fact>
      </Facts>
      <Meets org={org} task={task} className="mt-4 border-t border-line pt-3" />
      <Edges org={org} title="Depends on" ids={task.depends_on} />
      <Edges org={org} title="Others wait for it" ids={task.dependents} />
    </Section>
  );
}

const TRY_WORD: Record<string, string> = {
  lost: "agent lost",
  check: "check failed",
  driver: "driver failed",
  sent_back: "target refused",
};

function Edges({ org, title, ids }: { org: string; title: string; ids: readonly string[] }) {
  if (ids.length === 0) return null;
  return (
    <div className="mt-4 border-t border-line pt-3">
      <h3 className="eyebrow mb-1.5">{title}</h3>
      <ul className="flex flex-col gap-1.5">
        {ids.slice(0, NAMED).map((id) => (
          <li key={id} className="min-w-0">
            <TaskName org={org} id={id} alone />
          </li>
        ))}
        {ids.length > NAMED && <li className="text-ink-3">and {ids.length - NAMED} more</li>}
      </ul>
    </div>
  );
}
