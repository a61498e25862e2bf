import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { PlanDetail, PlannedTask, TaskDetail } from "../api/types";
import { planFile } from "./file";
import { isPlannable, mayHavePlan } from "./own";

test("a revision becomes the plan file that means the same", () => {
  const task = { done: false, priority: 0, review: false, side_effects: false };
  const plan = {
    title: "Release",
    goal: "Release",
    tasks: [
      { ...task, key: "a", title: "First", goal: "First", line: 4, group: "Setup", done: true },
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
      { key: "a", title: "First", done: true, group: "Setup" },
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

const BARE: PlannedTask = {
  key: "a",
  title: "First",
  goal: "First",
  priority: 0,
  review: false,
  side_effects: false,
  done: false,
};

/** A task of which no field is as it is by default. */
const FULL: Required<PlannedTask> = {
  key: "b",
  task: "task_1",
  title: "Second",
  goal: "In words",
  depends_on: ["a"],
  driver: { command: { argv: ["make"], env: { A: "b" }, timeout_secs: 60 } },
  checks: [{ name: "test", run: "make test", timeout_secs: 7 }],
  paths: ["src/parser/"],
  labels: ["gpu"],
  priority: -3,
  review: true,
  side_effects: true,
  done: true,
  group: "Phase 1: Setup",
  line: 7,
  tasks: [BARE],
  alternatives: [{ title: "by hand", labels: [] }, {}],
};

/** A task of a plan file as the server reads it: what is left out is as it is by default. */
function read({ tasks, ...task }: Partial<PlannedTask>): Partial<PlannedTask> {
  const { key: _key, title: _title, goal: _goal, ...defaults } = BARE;
  return {
    ...defaults,
    ...(task.title === undefined ? {} : { goal: task.title }),
    ...task,
    ...(tasks && { tasks: tasks.map((one) => read(one) as PlannedTask) }),
  };
}

test("nothing of a task is lost when its revision is written as a file", async () => {
  const { driver, checks, paths, labels, priority, review } = FULL;
  const own = { title: "Release", goal: "All of it", driver, checks, paths, labels, priority, review };
  const file = planFile({ ...own, tasks: [BARE, FULL] });
  const { tasks, ...goal } = file;
  expect(goal).toEqual(own);
  const { task: _task, line: _line, ...full } = FULL;
  expect((tasks as Partial<PlannedTask>[]).map(read)).toEqual([BARE, full]);

  // And a plan file has no field besides.
  const path = new URL("../../../docs/plan.schema.json", import.meta.url);
  const schema = JSON.parse(await readFile(path, "utf8"));
  const fields = (of: object) => Object.keys(of).toSorted();
  expect(fields(file)).toEqual(fields(schema.properties));
  const { best_of: _bestOf, ...known } = schema.$defs.task.properties;
  expect(fields(full)).toEqual(fields(known));
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
