import { expect, test } from "vitest";
import { compileOf, EMPTY, type Form, faultsOf, planOf, scheduleOf, titleOf } from "./form";

const graph = (steps: Array<[key: string, after: string]>): Form => ({
  ...EMPTY,
  mode: "graph",
  title: "Release",
  steps: steps.map(([key, after]) => ({ key, title: key.toUpperCase(), goal: "", after, script: "" })),
});

test("a task becomes a request, with only what was said", () => {
  const form: Form = { ...EMPTY, goal: "Mend it\n\nAll of it.", project: "parser", labels: "gpu, linux" };
  expect(faultsOf(form)).toEqual({});
  const schedule = scheduleOf(form, "lab");
  expect(schedule).toEqual({
    org: "lab",
    project: "parser",
    task: "Mend it\n\nAll of it.",
    priority: 0,
    labels: ["gpu", "linux"],
  });
  expect(titleOf(schedule)).toBe("Mend it");
});

test("a graph becomes a plan", () => {
  const form = graph([
    ["a", ""],
    ["b", "a"],
    ["c", "a, b"],
  ]);
  expect(faultsOf(form)).toEqual({});
  const { nodes, edges } = planOf(scheduleOf(form, "lab"));
  expect(nodes.map((node) => node.id)).toEqual(["a", "b", "c"]);
  expect(edges).toEqual([
    { from: "a", to: "b" },
    { from: "a", to: "c" },
    { from: "b", to: "c" },
  ]);
});

test("nested tasks are named by their way", () => {
  const json = JSON.stringify({
    title: "All",
    tasks: [
      {
        key: "g",
        title: "G",
        tasks: [
          { key: "x", title: "X" },
          { key: "y", title: "Y", depends_on: ["x"] },
        ],
      },
    ],
  });
  const plan = planOf(scheduleOf({ ...EMPTY, mode: "json", json }, "lab"));
  expect(plan.nodes.map((node) => [node.id, node.parent, node.kind])).toEqual([
    ["g", undefined, "composite"],
    ["g/x", "g", "leaf"],
    ["g/y", "g", "leaf"],
  ]);
  expect(plan.edges).toEqual([{ from: "g/x", to: "g/y" }]);
});

test("what cannot work is said before the server is asked", () => {
  expect(faultsOf(EMPTY)).toHaveProperty("goal");
  expect(faultsOf({ ...EMPTY, goal: "x", priority: "high" })).toHaveProperty("priority");
  expect(faultsOf(graph([["a", "nobody"]]))["steps.0"]).toMatch(/nobody/);
  expect(
    faultsOf(
      graph([
        ["a", "b"],
        ["b", "a"],
      ]),
    )["steps"],
  ).toMatch(/a, b/);
  expect(
    faultsOf(
      graph([
        ["a", ""],
        ["a", ""],
      ]),
    )["steps.1"],
  ).toMatch(/used above/);
  expect(faultsOf({ ...EMPTY, mode: "json", json: "{" })["json"]).toMatch(/not JSON/);
});

test("a time limit belongs to a script, in whole minutes", () => {
  const form: Form = { ...EMPTY, goal: "Mend it", script: "make", minutes: "90" };
  expect(scheduleOf(form, "lab").driver).toEqual({ command: { script: "make", timeout_secs: 5_400 } });
  expect(scheduleOf({ ...form, script: "" }, "lab").driver).toBeUndefined();
  for (const minutes of ["0", "1.5", "1441", "an hour"]) {
    expect(Object.keys(faultsOf({ ...form, minutes }))).toEqual(["minutes"]);
  }
});

test("a planner is asked with what it needs, and no more", () => {
  const form: Form = { ...EMPTY, mode: "plan", plan: "title: Typed", feature: "specs/001", script: "make" };
  expect(compileOf(form, "lab")).toEqual({
    org: "lab",
    why: "",
    input: { file: { name: "plan.yaml", text: "title: Typed" } },
  });
  expect(compileOf({ ...form, planner: "spec_kit", project: "parser" }, "lab")).toEqual({
    org: "lab",
    project: "parser",
    why: "",
    input: { spec_kit: { folder: "specs/001", driver: { command: { script: "make" } } } },
  });
});
