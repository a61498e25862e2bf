import type { AttemptState, CandidateState, PatchState, State, Task, WaitReason } from "../api/types";
import { cx } from "./cx";

/**
 * The sign of a state. Each has a form of its own, so that none depends on its
 * colour: dashes, a bar, an empty ring, a turning arc, three quarters, hands
 * of a clock, a tick, a cross, a stroke.
 */
export function StateIcon({ state, className }: { state: State; className?: string }) {
  return (
    <svg
      viewBox="0 0 14 14"
      className={cx("size-3.5 shrink-0", INK[STATE_HUE[state]], className)}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <Glyph state={state} />
    </svg>
  );
}

function Glyph({ state }: { state: State }) {
  switch (state) {
    case "draft":
      return <circle cx="7" cy="7" r="5.5" strokeDasharray="1.9 2.42" />;
    case "blocked":
      return (
        <>
          <circle cx="7" cy="7" r="5.5" />
          <path d="M4.5 7h5" />
        </>
      );
    case "ready":
      return <circle cx="7" cy="7" r="5.5" />;
    case "running":
      return (
        <g className="spin-slow">
          <circle cx="7" cy="7" r="5.5" strokeOpacity=".28" />
          <path d="M7 1.5A5.5 5.5 0 0 1 12.5 7" />
          <circle cx="7" cy="7" r="1.6" fill="currentColor" stroke="none" />
        </g>
      );
    case "integrating":
      return (
        <>
          <circle cx="7" cy="7" r="5.5" />
          <path d="M7 7V4A3 3 0 1 1 4 7z" fill="currentColor" stroke="none" />
        </>
      );
    case "waiting":
      return (
        <>
          <circle cx="7" cy="7" r="5.5" />
          <path d="M7 4.2V7l2 1.4" />
        </>
      );
    case "done":
      return (
        <>
          <circle cx="7" cy="7" r="6.2" fill="currentColor" stroke="none" />
          <path d="m4.4 7.2 1.8 1.8 3.4-3.7" stroke="var(--surface)" />
        </>
      );
    case "failed":
      return (
        <>
          <circle cx="7" cy="7" r="6.2" fill="currentColor" stroke="none" />
          <path d="m5 5 4 4m0-4L5 9" stroke="var(--surface)" />
        </>
      );
    case "cancelled":
      return (
        <>
          <circle cx="7" cy="7" r="5.5" />
          <path d="m3.2 10.8 7.6-7.6" />
        </>
      );
  }
}

export type Hue = "grey" | "blue" | "violet" | "amber" | "green" | "red";

export const INK: Record<Hue, string> = {
  grey: "text-grey",
  blue: "text-blue",
  violet: "text-violet",
  amber: "text-amber",
  green: "text-green",
  red: "text-red",
};

const SOFT: Record<Hue, string> = {
  grey: "bg-grey-soft text-grey",
  blue: "bg-blue-soft text-blue",
  violet: "bg-violet-soft text-violet",
  amber: "bg-amber-soft text-amber",
  green: "bg-green-soft text-green",
  red: "bg-red-soft text-red",
};

const STATE_HUE: Record<State, Hue> = {
  draft: "grey",
  blocked: "grey",
  ready: "grey",
  running: "blue",
  integrating: "violet",
  waiting: "amber",
  done: "green",
  failed: "red",
  cancelled: "grey",
};

export const STATE_WORD: Record<State, string> = {
  draft: "Draft",
  blocked: "Blocked",
  ready: "Ready",
  running: "Running",
  integrating: "Integrating",
  waiting: "Waiting",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

export const WAIT_WORD: Record<WaitReason, string> = {
  approval: "Waits for approval",
  question: "Asks a question",
  permission: "Asks for permission",
  review: "Waits for review",
  budget: "Budget used up",
  attention: "Needs attention",
};

/** What a task's state is, in words. */
export function stateWords(task: {
  state: State;
  waiting_for?: WaitReason | null;
  choice?: Task["choice"];
}): string {
  if (task.waiting_for === "approval" && task.choice === "alternative") return "Waits for a choice";
  return task.state === "waiting" && task.waiting_for ? WAIT_WORD[task.waiting_for] : STATE_WORD[task.state];
}

/** Sign and words. */
export function StateBadge({
  task,
  className,
}: {
  task: Parameters<typeof stateWords>[0];
  className?: string;
}) {
  return (
    <span
      className={cx(
        "inline-flex h-5.5 items-center gap-1.5 rounded-full pr-2.5 pl-1.5 text-xs font-medium whitespace-nowrap",
        SOFT[STATE_HUE[task.state]],
        className,
      )}
    >
      <StateIcon state={task.state} />
      {stateWords(task)}
    </span>
  );
}

/** A word on a soft ground. */
export function Tag({
  hue = "grey",
  children,
  className,
}: {
  hue?: Hue;
  children: React.ReactNode;
  className?: string;
}) {
  return (
    <span
      className={cx(
        "inline-flex h-5 items-center gap-1 rounded-sm px-1.5 text-2xs font-medium whitespace-nowrap",
        SOFT[hue],
        className,
      )}
    >
      {children}
    </span>
  );
}

export const ATTEMPT_HUE: Record<AttemptState, Hue> = {
  live: "blue",
  lost: "amber",
  superseded: "grey",
  succeeded: "green",
  failed: "red",
  cancelled: "grey",
  asked: "amber",
};

/** An attempt's state as one of a task's signs. */
export const ATTEMPT_SIGN: Record<AttemptState, State> = {
  live: "running",
  lost: "waiting",
  superseded: "blocked",
  succeeded: "done",
  failed: "failed",
  cancelled: "cancelled",
  asked: "waiting",
};

export const CANDIDATE_HUE: Record<CandidateState, Hue> = {
  building: "violet",
  verifying: "violet",
  publishing: "violet",
  published: "green",
  rejected: "grey",
};

/** A candidate that is given up says nothing against the result: its target moved, or a review came first. */
export const CANDIDATE_WORD: Record<CandidateState, string> = {
  building: "being built",
  verifying: "being verified",
  publishing: "being published",
  published: "published",
  rejected: "given up",
};

export const PATCH_HUE: Record<PatchState, Hue> = { open: "blue", merged: "green", closed: "grey" };
