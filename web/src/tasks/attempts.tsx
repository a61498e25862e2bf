import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { agents } from "../api/queries";
import type { Attempt, Phase, Task } from "../api/types";
import { bytes, capital, shortId } from "../text/words";
import { CommitId } from "../ui/copy";
import { Empty } from "../ui/empty";
import { Select } from "../ui/field";
import { ATTEMPT_HUE, ATTEMPT_SIGN, INK, StateIcon } from "../ui/state";
import { Ago, Lasting } from "../ui/time";

const PHASE_WORD: Record<Phase, string> = {
  preparing: "preparing",
  driving: "at work",
  delivering: "delivering",
  checking: "checking",
};

const FAILURE_WORD = { lost: "agent lost", driver: "driver failed", check: "check failed" } as const;

/** What became of an attempt, in words. */
export function attemptWords(attempt: Attempt): string {
  if (attempt.state === "live") return PHASE_WORD[attempt.phase];
  if (attempt.state === "failed" && attempt.failure) return FAILURE_WORD[attempt.failure];
  return attempt.state;
}

function nameOf(attempt: Attempt): string {
  return attempt.kind === "verify" ? `Verification ${attempt.number}` : `Attempt ${attempt.number}`;
}

/** All tries, newest first. */
export function AttemptList({
  org,
  task,
  attempts,
}: {
  org: string;
  task: Task;
  attempts: readonly Attempt[];
}) {
  const names = useQuery(agents(org)).data;
  if (attempts.length === 0) {
    return task.kind === "composite" ? (
      <Empty title="Its tasks do the work" className="py-8">
        Each of them has its own attempts; what verifies all that they come to is listed here.
      </Empty>
    ) : (
      <Empty title="Nobody has worked on it yet" className="py-8">
        An attempt begins when an agent with the right labels takes the task.
      </Empty>
    );
  }
  return (
    <ul className="divide-y divide-line">
      {attempts.toReversed().map((attempt) => (
        <li key={attempt.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2">
          <StateIcon state={ATTEMPT_SIGN[attempt.state]} />
          <Link
            to="/o/$org/tasks/$task"
            params={{ org, task: task.id }}
            search={{ tab: "log", attempt: attempt.id }}
            className="tap-text font-medium hover:underline"
          >
            {nameOf(attempt)}
          </Link>
          <span className={INK[ATTEMPT_HUE[attempt.state]]}>{attemptWords(attempt)}</span>
          <span className="text-ink-3">
            {names?.find((agent) => agent.id === attempt.agent)?.name ?? shortId(attempt.agent)}
          </span>
          <span className="ml-auto flex items-center gap-3 text-xs text-ink-3">
            {attempt.commit && <CommitId id={attempt.commit} project={task.project} />}
            <span>{bytes(attempt.log_bytes)}</span>
            <span>
              <Lasting from={attempt.created_at} to={attempt.ended_at} />
            </span>
            <Ago at={attempt.created_at} />
          </span>
        </li>
      ))}
    </ul>
  );
}

/** Which attempt's log is read. */
export function AttemptPicker({
  attempts,
  value,
  onChange,
}: {
  attempts: readonly Attempt[];
  value: string;
  onChange: (attempt: string) => void;
}) {
  return (
    <div className="border-b border-line bg-surface px-4 py-1.5 md:px-6">
      <Select aria-label="Attempt" value={value} onChange={(event) => onChange(event.target.value)}>
        {attempts.toReversed().map((attempt) => (
          <option key={attempt.id} value={attempt.id}>
            {nameOf(attempt)}: {capital(attemptWords(attempt))}
          </option>
        ))}
      </Select>
    </div>
  );
}
