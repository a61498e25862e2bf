import type { components } from "./schema";

type Schemas = components["schemas"];

/** States in the order of a task's life; the words are the server's. */
export const STATES = [
  "draft",
  "blocked",
  "ready",
  "running",
  "integrating",
  "waiting",
  "done",
  "failed",
  "cancelled",
] as const;
export type State = (typeof STATES)[number];

export type WaitReason = "approval" | "question" | "permission" | "review" | "budget" | "attention";

type Narrow<T, N> = Omit<T, keyof N> & N;

export type Task = Narrow<
  Schemas["Task"],
  {
    state: State;
    kind: "leaf" | "composite";
    waiting_for?: WaitReason | null;
    proof: "open" | "proven" | "unproven";
    tries: { lost: number; check: number; driver: number; sent_back: number };
  }
>;

/** What the next attempt is told of earlier ones. */
export type Feedback =
  | {
      kind: "check_failed";
      attempt: string;
      check: string;
      command: string;
      exit_code: number;
      log_tail: string;
      on_target: boolean;
    }
  | { kind: "conflict"; paths: string[]; theirs: string; ours: string }
  | { kind: "driver_failed"; attempt: string; reason: string; log_tail: string }
  | { kind: "changes_requested"; by: string; message: string };

type Check = Schemas["Check"];
type Driver = Schemas["Driver"];
export type TaskDetail = Task & {
  goal: string;
  driver?: Driver | null;
  checks: Check[];
  depends_on: string[];
  dependents: string[];
  stuck?: string | null;
  feedback: Feedback[];
  patch?: string | null;
  target?: string | null;
  paths?: string[];
  made?: Schemas["Made"] | null;
  conflicts?: Conflict[];
};

type ConflictSide = Narrow<Schemas["ConflictSide"], { state: State }>;
/** Two tasks that will touch the same paths. */
export type Conflict = Narrow<Schemas["Conflict"], { first: ConflictSide; second: ConflictSide }>;

export type TaskChoice = Narrow<
  Schemas["TaskChoice"],
  {
    alternatives: Narrow<Schemas["ChoiceAlternative"], { state: State; waiting_for?: WaitReason | null }>[];
  }
>;

export type AttemptState = "live" | "lost" | "superseded" | "succeeded" | "failed" | "cancelled" | "asked";
export type Phase = "preparing" | "driving" | "delivering" | "checking";
export type Attempt = Narrow<
  Schemas["Attempt"],
  {
    state: AttemptState;
    phase: Phase;
    kind: "work" | "verify";
    failure?: "lost" | "driver" | "check" | null;
  }
>;
export type Artifact = Schemas["Artifact"];
export type Receipt = Schemas["Receipt"];
export type CandidateState = "building" | "verifying" | "publishing" | "published" | "rejected";
export type Candidate = Narrow<Schemas["Candidate"], { state: CandidateState }>;
export type TrainPlace = Narrow<
  Schemas["TrainPlace"],
  { state: State; candidate_state?: CandidateState | null | undefined }
>;
export type Verdict = "accept" | "reject";
export type PatchComment = Narrow<Schemas["PatchComment"], { verdict?: Verdict | null }>;
export type PatchState = "open" | "merged" | "closed";
export type Patch = Narrow<Schemas["Patch"], { state: PatchState; comments?: PatchComment[] }>;
export type Agent = Schemas["Agent"];
export type Cluster = Schemas["Cluster"];
export type Org = Schemas["Org"];
export type Project = Schemas["Project"];
export type ProjectSettings = Schemas["ProjectSettings"];
export type Folder = Omit<Schemas["Folder"], "entries"> & { entries: FolderEntry[] };
export type FolderEntry = Narrow<
  Schemas["FolderEntry"],
  { kind: "file" | "executable" | "link" | "folder" | "submodule" }
>;
export type Policy = Schemas["Policy"];
export type PolicyRevision = Schemas["PolicyRevision"];
export type PolicyView = Schemas["PolicyView"];
export type Token = Schemas["Token"];
export type NewToken = Schemas["NewToken"];
export type AuditEntry = Schemas["AuditEntry"];
export type Schedule = Schemas["Schedule"];
export type GraphTask = Schemas["GraphTask"];

export type PlanState = "proposed" | "current" | "superseded" | "rejected";
export type PlanRevision = Narrow<Schemas["PlanRevision"], { state: PlanState }>;
export type PlannedTask = Schemas["PlannedTask"];
export type PlanDetail = Narrow<Schemas["PlanDetail"], { state: PlanState; tasks: PlannedTask[] }>;
export type PlanChange = "kept" | "added" | "removed" | "changed";
export type PlanTaskDiff = Narrow<Schemas["PlanTaskDiff"], { change: PlanChange; tasks?: PlanTaskDiff[] }>;
export type PlanDiff = Narrow<Schemas["PlanDiff"], { tasks: PlanTaskDiff[] }>;

export type EventKind =
  | "org.created"
  | "project.created"
  | "project.pushed"
  | "project.moved"
  | "task.created"
  | "task.state"
  | "task.updated"
  | "task.asked"
  | "task.answered"
  | "task.chosen"
  | "task.conflict"
  | "attempt.phase"
  | "attempt.state"
  | "attempt.verify"
  | "candidate.state"
  | "patch.state"
  | "patch.comment"
  | "plan.state"
  | "policy.set"
  | "agent.registered"
  | "agent.state";
export type LabEvent = Narrow<Schemas["Event"], { kind: EventKind; data: Record<string, unknown> }>;

/** A page of a list. */
export interface Page<T> {
  items: T[];
  next?: string | null;
}
