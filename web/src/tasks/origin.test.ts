import { expect, test } from "vitest";
import type { AuditEntry, PlanRevision } from "../api/types";
import { askedBy, revisionOf } from "./origin";

const revision = (number: number, state: PlanRevision["state"], at?: string): PlanRevision => ({
  task: "task_goal",
  number,
  state,
  origin: { planner: "file", source: "plan.yaml", input: "0" },
  task_count: 1,
  proposed_by: "operator:tok_a",
  proposed_at: "2026-01-01T00:00:00Z",
  ...(at ? { decision: { by: "admin:tok_b", at } } : {}),
});

test("a task comes from the revision that was approved when it was made", () => {
  const all = [
    revision(1, "superseded", "2026-01-01T10:00:00.000Z"),
    revision(2, "rejected", "2026-01-01T11:00:00Z"),
    revision(3, "current", "2026-01-01T12:00:00Z"),
    revision(4, "proposed"),
  ];
  const of = (created_at: string, id = "task_child") => revisionOf({ id, created_at }, all)?.number;
  expect(of("2026-01-01T10:00:00Z")).toBe(1);
  expect(of("2026-01-01T12:00:00.000Z")).toBe(3);
  // Made by hand between two revisions, or at the time of one that was rejected.
  expect(of("2026-01-01T10:30:00Z")).toBeUndefined();
  expect(of("2026-01-01T11:00:00Z")).toBeUndefined();
  // A plan does not make its own goal.
  expect(of("2026-01-01T10:00:00Z", "task_goal")).toBeUndefined();
});

test("who asked is told by what was done to a task or its goal, not to others at the same time", () => {
  const entry = (target: string, actor: string): AuditEntry => ({
    seq: 1,
    at: "2026-01-01T10:00:00Z",
    action: "schedule",
    actor,
    target,
    request_id: "r",
  });
  const task = { id: "task_a", goal_id: "task_goal", parent: null };
  expect(askedBy(task, [entry("task_b", "operator:tok_b"), entry("task_goal", "admin:tok_a")])).toBe(
    "admin:tok_a",
  );
  expect(askedBy(task, [entry("task_b", "operator:tok_b")])).toBeUndefined();
});
