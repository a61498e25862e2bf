import { expect, test } from "vitest";
import type { PlanDetail, TaskDetail } from "../api/types";
import { planFile } from "./file";
import { isPlannable, mayHavePlan } from "./own";

test("a revision becomes the plan file that means the same", () => {
  const task = { done: false, priority: 0, review: false, side_effects: false };
  const plan = {
    title: "Release",
    goal: "Release",
    tasks: [
      { ...task, key: "a", title: "First", goal: "First", line: 4, group: "Setup" },
      {
        ...task,
        key: "b",
        title: "Second",
        goal: "In words",
        depends_on: ["a"],
        priority: 3,
        driver: { command: { script: "true" } },
        tasks: [{ ...task, key: "c", title: "Third", goal: "Third", labels: ["gpu"], review: true }],
      },
      {
        ...task,
        key: "d",
        title: "Fourth",
        goal: "Fourth",
        alternatives: [{ task: "task_1", title: "One way", labels: [] }, {}],
      },
    ],
  } as unknown as PlanDetail;
  expect(planFile(plan)).toEqual({
    title: "Release",
    tasks: [
      { key: "a", title: "First" },
      {
        key: "b",
        title: "Second",
        goal: "In words",
        depends_on: ["a"],
        driver: { command: { script: "true" } },
        priority: 3,
        tasks: [{ key: "c", title: "Third", labels: ["gpu"], review: true }],
      },
      {
        key: "d",
        title: "Fourth",
        alternatives: [{ title: "One way", labels: [] }, {}],
      },
    ],
  });
});

test("a leaf that nobody has tried can be planned, and what was planned keeps its revisions", () => {
  const leaf = { kind: "leaf", state: "draft", attempts: 0 } as TaskDetail;
  const plannable = (change: Partial<TaskDetail>) => isPlannable({ ...leaf, ...change });
  expect([plannable({}), plannable({ state: "ready" })]).toEqual([true, true]);
  expect(plannable({ state: "waiting", waiting_for: "approval" })).toBe(true);
  expect(plannable({ state: "waiting", waiting_for: "attention" })).toBe(false);
  expect(plannable({ attempts: 1 })).toBe(false);
  expect(plannable({ choice: "alternative" })).toBe(false);
  expect(plannable({ state: "running" })).toBe(false);
  expect(plannable({ kind: "composite" })).toBe(false);
  expect(mayHavePlan({ ...leaf, kind: "composite", state: "running" })).toBe(true);
  expect(mayHavePlan({ ...leaf, state: "running" })).toBe(false);
});
