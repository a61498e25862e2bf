import { expect, test } from "vitest";
import type { GraphTask, Schedule } from "../api/types";
import { askedOf } from "./asked";

const field = (name: string, value: unknown) => ({ name, value, from: "org", number: 1 });
const words = (
  schedule: Schedule,
  said: Record<string, unknown> = {},
  isDraft = false,
  labels: string[] = [],
) => {
  const fields = Object.entries(said).map(([name, value]) => field(name, value));
  return askedOf(schedule, isDraft, fields, labels).words.join(" ");
};
const task = (key: string, more: Partial<GraphTask> = {}) => ({ key, title: key, ...more }) as GraphTask;
const ONE: Schedule = { task: "Mend it", project: "parser" };
const GRAPH: Schedule = {
  title: "Release",
  project: "parser",
  tasks: [task("a"), task("b", { review: true })],
};
const NOBODY = "Nobody is asked, unless it changes protected paths or needs attention.";

test("whose result is reviewed is what policy and the request come to together", () => {
  const reviewed = "You review its result before it is merged.";
  const by = (reviews: string | null, review?: boolean) =>
    words({ ...ONE, ...(review === undefined ? {} : { review }) }, { reviews });
  expect([by(null), by(null, true), by(null, false)]).toEqual([reviewed, reviewed, NOBODY]);
  expect([by("asked"), by("asked", true)]).toEqual([NOBODY, reviewed]);
  for (const policy of ["goals", "all"]) {
    expect([by(policy), by(policy, true)]).toEqual([reviewed, reviewed]);
    expect(by(policy, false)).toBe("You review its result before it is merged: policy wants that.");
  }
  expect(words({ task: "Look it up", review: true }, { reviews: "all" })).toBe(NOBODY);
});

test("results within a goal are reviewed too, if they or policy ask for it", () => {
  const more = "You review its result before it is merged, and that of 1 task in it.";
  expect(words(GRAPH)).toBe(more);
  expect(words({ ...GRAPH, review: false })).toBe(
    "You review the result of 1 task in it before it is merged.",
  );
  expect(words(GRAPH, { reviews: "all" })).toBe("You review every result before it is merged.");
  // Of several ways to do it, what is taken is reviewed, once.
  expect(words({ ...ONE, best_of: 3 }, { reviews: "all", choose: "first" })).toBe(
    "You review its result before it is merged.",
  );
});

test("what waits for an approval is said, and that it stays a draft", () => {
  const plan = [field("approvals.plan", true)];
  expect(askedOf(GRAPH, false, plan, []).waits).toBe(true);
  expect(askedOf(GRAPH, false, [field("approvals.plan", null)], []).waits).toBe(false);
  expect(words(GRAPH, { "approvals.plan": true })).toMatch(/^You approve it before anything of it starts\. /);
  expect(words(ONE, {}, true)).toMatch(/^You approve it before it starts\. /);
  expect(words({ ...ONE, review: false }, { "approvals.publication": true })).toBe(
    "You approve its result before it lands. Nobody reviews its result, unless it changes protected paths.",
  );
  expect(words(ONE, { "approvals.publication": true })).toMatch(
    /You approve its result once more before it lands\.$/,
  );
});

test("tasks whose labels policy names wait before they start, those of their project included", () => {
  const sets = { "approvals.tasks": [["prod", "db"], ["driver=default"]] };
  const driver = { command: { script: "true" } };
  const graph: Schedule = {
    title: "Release",
    driver,
    tasks: [
      task("a", { labels: ["db"] }),
      task("b", { tasks: [task("c", { labels: ["prod", "db"] })] }),
      task("d", { alternatives: [{}, { labels: ["prod", "db"] }] }),
    ],
  };
  const choice = "You choose among the results that passed.";
  expect(words(graph, sets)).toBe(`You approve the start of 2 tasks, because of their labels. ${choice}`);
  expect(words({ ...graph, driver: null }, sets)).toMatch(/start of 4 tasks/);
  expect(words(graph, { ...sets, choose: "first" }, false, ["prod"])).toMatch(
    /start of 3 tasks, because of their labels\.$/,
  );
  expect(words({ task: "Mend it", driver, labels: ["db", "prod"] }, sets)).toBe(
    "You approve its start, because of its labels.",
  );
  expect(words(graph, { "approvals.tasks": [], choose: "first" })).toBe(NOBODY);
});

test("what is written otherwise than it has to be is left to the server", () => {
  const odd = [{ alternatives: 3 }, { labels: 5 }, { tasks: {} }, { best_of: "two" }, { tasks: [null] }];
  for (const one of odd) {
    const schedule = { ...GRAPH, tasks: [task("a", one as unknown as Partial<GraphTask>)] };
    expect(words(schedule)).not.toBe("");
  }
});
