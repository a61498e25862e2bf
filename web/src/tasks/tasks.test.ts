import { expect, test } from "vitest";
import { STATES, type Task } from "../api/types";
import { seriesOf } from "../charts/series";
import { ACTIONS, blockedFor, statesFor } from "./actions";
import { withChanges } from "./collection";
import { withScript } from "./driver";
import { columnsOf, filterTasks, groupTasks, whereIs } from "./filter";
import { inboxOf } from "./inbox";

let made = 0;
function task(change: Partial<Task>): Task {
  made += 1;
  return {
    id: `task_${String(made).padStart(4, "0")}`,
    title: "A task",
    kind: "leaf",
    state: "ready",
    priority: 0,
    path: 1,
    archived: false,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    ...change,
  } as Task;
}

test("the inbox has what waits for a person, answers first, then the oldest", () => {
  const items = inboxOf([
    task({ title: "runs", state: "running" }),
    task({ title: "failed", state: "failed" }),
    task({
      title: "new review",
      state: "waiting",
      waiting_for: "review",
      updated_at: "2026-01-02T00:00:00Z",
    }),
    task({ title: "old review", state: "waiting", waiting_for: "review" }),
    task({ title: "draft", state: "draft" }),
    task({ title: "question", state: "waiting", waiting_for: "question" }),
    task({ title: "archived", state: "failed", archived: true }),
  ]);
  expect(items.map((item) => item.task.title)).toEqual([
    "question",
    "old review",
    "new review",
    "draft",
    "failed",
  ]);
});

test("what there is to choose from is one thing that waits", () => {
  const alternative = (title: string, parent: string) =>
    task({ title, parent, choice: "alternative", state: "waiting", waiting_for: "approval" });
  const items = inboxOf([
    alternative("1 of 2", "task_a"),
    alternative("2 of 2", "task_a"),
    alternative("1 of 3", "task_b"),
    task({ title: "approval", state: "waiting", waiting_for: "approval", parent: "task_a" }),
  ]);
  expect(items.map((item) => [item.task.title, item.ask])).toEqual([
    ["1 of 2", "choose"],
    ["1 of 3", "choose"],
    ["approval", "approve"],
  ]);
});

test("filters hold together, and words are found in any order", () => {
  const tasks = [
    task({ title: "Mend the parser", state: "done", project: "p" }),
    task({ title: "Parser: mend dates", state: "ready", project: "p" }),
    task({ title: "Mend the index", state: "ready" }),
  ];
  expect(filterTasks(tasks, { q: "parser mend", states: "ready,running" }).map((one) => one.title)).toEqual([
    "Parser: mend dates",
  ]);
  expect(filterTasks(tasks, { sort: "title" }).map((one) => one.title)[0]).toBe("Mend the index");
});

test("a board keeps its usual columns when they are empty, and only asked ones when states are chosen", () => {
  const all = columnsOf([task({ state: "failed" })], undefined).map((column) => column.state);
  expect(all).toEqual(["blocked", "ready", "running", "integrating", "waiting", "done", "failed"]);
  expect(columnsOf([], "waiting").map((column) => column.state)).toEqual(["waiting"]);
});

test("a place in a list is that of its task, whatever arrives before it", () => {
  const [a, b, c] = [task({}), task({}), task({})];
  const place = { id: b.id, at: 1 };
  expect(whereIs(place, [a, b])).toBe(1);
  expect(whereIs(place, [c, a, b])).toBe(2);
  expect(whereIs(place, [c, a]), "it is gone").toBe(1);
  expect(whereIs({ id: undefined, at: 3 }, [a, b])).toBe(1);
  expect(whereIs(place, [])).toBe(0);
});

test("changes are put in place, and new tasks at the head", () => {
  const [a, b, c] = [task({}), task({}), task({})];
  const next = withChanges(
    [b, a],
    new Map([
      [a.id, { ...a, state: "done" }],
      [c.id, c],
    ]),
  );
  expect(next.map((one) => [one.id, one.state])).toEqual([
    [c.id, "ready"],
    [b.id, "ready"],
    [a.id, "done"],
  ]);
});

test("what cannot be done says why", () => {
  expect(blockedFor("activate", task({ state: "draft" }))).toBe(false);
  const approval = { state: "waiting", waiting_for: "approval" } as const;
  expect(blockedFor("activate", task({ ...approval, kind: "composite" }))).toBe(false);
  expect(blockedFor("activate", task({ ...approval, choice: "alternative" }))).toMatch(/alternatives/);
  expect(blockedFor("activate", task({ state: "waiting", waiting_for: "question" }))).toMatch(/waiting/);
  const goal = { kind: "composite", state: "draft" } as const;
  expect(blockedFor("activate", task({ ...goal, open_children: 0 }))).toBe("Approve its plan.");
  // A policy that wants plans approved lets goals wait that were scheduled with their tasks, too.
  expect(blockedFor("activate", task({ ...goal, open_children: 2 }))).toBe(false);
  expect(blockedFor("activate", task({ ...goal, state: "running", open_children: 2 }))).toMatch(/running/);
  expect(blockedFor("cancel", task({ state: "done" }))).toMatch(/done/);
  expect(blockedFor("retry", task({ state: "waiting", waiting_for: "review" }))).toMatch(/answer/);
  expect(blockedFor("retry", task({ state: "waiting", waiting_for: "attention" }))).toBe(false);
});

test("another script leaves the time limit and the variables as they are", () => {
  const command = { script: "make", timeout_secs: 14_400, env: { CI: "1" } };
  expect(withScript({ command }, "make test")).toEqual({ command: { ...command, script: "make test" } });
  // A command is either a script or a program with its arguments.
  const { argv, ...rest } = { argv: ["make"], timeout_secs: 60 };
  expect(withScript({ command: { argv, ...rest } }, "make")).toEqual({
    command: { script: "make", timeout_secs: 60 },
  });
  expect(withScript(null, "make")).toEqual({ command: { script: "make" } });
});

test("tasks are looked for in every state in which something can be done to them", () => {
  const waiting = task({ state: "waiting", waiting_for: "approval" });
  for (const action of ACTIONS) {
    const able = [...STATES.map((state) => task({ state })), waiting].filter(
      (one) => !blockedFor(action, one),
    );
    expect(statesFor(action)).toEqual(expect.arrayContaining(able.map((one) => one.state)));
  }
});

test("finished tasks are counted in intervals that fit their span", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  const at = (minutes: number) => new Date(now - minutes * 60_000).toISOString();
  const leaves = [1, 2, 50].map((minutes) => task({ created_at: at(minutes + 2), updated_at: at(minutes) }));
  const goal = task({ kind: "composite", created_at: at(5_000), updated_at: at(2) });
  const series = seriesOf([...leaves, goal], now);
  expect(series.finished.reduce((sum, n) => sum + n, 0)).toBe(4);
  expect(series.median.filter((value) => value !== null).every((value) => value === 120)).toBe(true);
  expect(series.times.at(-1)).toBeLessThanOrEqual(now / 1000);
});

test("tasks are grouped in their own order, and groups of states in that of a task's life", () => {
  const labels = { state: (one: string) => one, goal: (id: string) => `G${id}`, project: (id: string) => id };
  const tasks = [
    task({ state: "done", goal_id: "b", project: "p" }),
    task({ state: "draft", goal_id: "a" }),
    task({ state: "done", goal_id: "a", project: "p" }),
  ];
  const drawn = (by: "state" | "goal" | "project") =>
    groupTasks(tasks, by, labels).map((group) => [
      group.label,
      ...group.tasks.map((one) => tasks.indexOf(one)),
    ]);
  expect(drawn("state")).toEqual([
    ["draft", 1],
    ["done", 0, 2],
  ]);
  expect(drawn("goal")).toEqual([
    ["Gb", 0],
    ["Ga", 1, 2],
  ]);
  expect(drawn("project")).toEqual([
    ["p", 0, 2],
    ["Without a project", 1],
  ]);
});
