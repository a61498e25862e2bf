import type { components } from "../api/schema";
import type { GraphTask, Schedule } from "../api/types";
import { circleOf, type Edge, type GraphNode } from "../graph/model";
import { graphOf } from "../plans/graph";

export type Mode = "task" | "graph" | "plan" | "json";

export type Planner = "file" | "spec_kit";

export interface Step {
  key: string;
  title: string;
  goal: string;
  after: string;
  script: string;
}

/** What the form holds: text as it was typed. */
export interface Form {
  mode: Mode;
  project: string;
  title: string;
  goal: string;
  script: string;
  /** Minutes that a script may take; empty leaves it to the server. */
  minutes: string;
  labels: string;
  priority: string;
  review: "" | "yes" | "no";
  checks: Array<{ name: string; run: string }>;
  steps: Step[];
  json: string;
  draft: boolean;
  planner: Planner;
  /** The plan as a text. */
  plan: string;
  /** Folder of a Spec-Kit feature. */
  feature: string;
  why: string;
}

export const EMPTY: Form = {
  mode: "task",
  project: "",
  title: "",
  goal: "",
  script: "",
  minutes: "",
  labels: "",
  priority: "0",
  review: "",
  checks: [],
  steps: [
    { key: "first", title: "", goal: "", after: "", script: "" },
    { key: "second", title: "", goal: "", after: "first", script: "" },
  ],
  json: "",
  draft: false,
  planner: "file",
  plan: "",
  feature: "",
  why: "",
};

/** What is wrong, by the name of the field. */
export type Faults = Record<string, string>;

function list(text: string): string[] {
  return text.split(/[,\s]+/).filter(Boolean);
}

/** Longest time that the server takes for a driver: a day. */
const MINUTES_MAX = 24 * 60;

function driverOf(script: string, minutes: string) {
  if (!script.trim()) return {};
  const limit = minutes.trim() ? { timeout_secs: Number(minutes) * 60 } : {};
  return { driver: { command: { script, ...limit } } };
}

/** Checks what can be known before the server is asked. */
export function faultsOf(form: Form): Faults {
  const faults: Faults = {};
  if (form.mode === "json") {
    const { error } = parsed(form.json);
    if (error) faults["json"] = error;
    return faults;
  }
  if (form.mode === "task" && !form.goal.trim()) faults["goal"] = "Say what is wanted.";
  if (form.mode === "graph" && !form.title.trim()) faults["title"] = "Give the goal a name.";
  if (!/^-?\d+$/.test(form.priority) || Math.abs(Number(form.priority)) > 32_767) {
    faults["priority"] = "A whole number, such as 0 or 10.";
  }
  const minutes = form.minutes.trim();
  if (minutes && (!/^\d+$/.test(minutes) || Number(minutes) < 1 || Number(minutes) > MINUTES_MAX)) {
    faults["minutes"] = `A whole number from 1 to ${MINUTES_MAX.toLocaleString()}.`;
  }
  form.checks.forEach((check, at) => {
    if (Boolean(check.name.trim()) !== Boolean(check.run.trim())) {
      faults[`checks.${at}`] = "A check has a name and a command.";
    }
  });
  if (form.mode !== "graph") return faults;
  const keys = form.steps.map((step) => step.key.trim());
  form.steps.forEach((step, at) => {
    const name = `steps.${at}`;
    if (!step.key.trim()) faults[name] = "Give it a key.";
    else if (keys.indexOf(step.key.trim()) !== at) faults[name] = "This key is used above.";
    else if (!step.title.trim()) faults[name] = "Give it a title.";
    const unknown = list(step.after).find((key) => !keys.includes(key));
    if (unknown) faults[name] = `There is no task “${unknown}”.`;
  });
  if (Object.keys(faults).length === 0) {
    const circle = circleOf(keys, edgesOfSteps(form.steps));
    if (circle) faults["steps"] = `These wait for each other: ${circle.join(", ")}.`;
  }
  return faults;
}

function edgesOfSteps(steps: readonly Step[]): Edge[] {
  return steps.flatMap((step) => list(step.after).map((from) => ({ from, to: step.key.trim() })));
}

function parsed(text: string): { value?: Schedule; error?: string } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return { error: "The file is one JSON object." };
    }
    if (!("title" in value) && !("task" in value))
      return { error: "It needs “title” with “tasks”, or “task”." };
    return { value: value as Schedule };
  } catch (error) {
    return { error: `This is not JSON: ${error instanceof Error ? error.message : "it cannot be read"}` };
  }
}

/** The request that the form stands for. */
export function scheduleOf(form: Form, org: string): Schedule {
  if (form.mode === "json") return { ...parsed(form.json).value, org };
  const checks = form.checks
    .filter((check) => check.name.trim() && check.run.trim())
    .map((check) => ({ name: check.name.trim(), run: check.run.trim(), timeout_secs: 1800 }));
  const shared: Schedule = {
    org,
    ...(form.project ? { project: form.project } : {}),
    ...driverOf(form.script, form.minutes),
    ...(checks.length > 0 ? { checks } : {}),
    priority: Number(form.priority),
    ...(form.review ? { review: form.review === "yes" } : {}),
  };
  if (form.mode === "task") {
    const labels = list(form.labels);
    return { ...shared, task: form.goal.trim(), ...(labels.length > 0 ? { labels } : {}) };
  }
  const labels = list(form.labels);
  return {
    ...shared,
    title: form.title.trim(),
    ...(form.goal.trim() ? { goal: form.goal.trim() } : {}),
    tasks: form.steps.map((step) => ({
      key: step.key.trim(),
      title: step.title.trim(),
      ...(step.goal.trim() ? { goal: step.goal.trim() } : {}),
      ...(list(step.after).length > 0 ? { depends_on: list(step.after) } : {}),
      ...driverOf(step.script, form.minutes),
      ...(labels.length > 0 ? { labels } : {}),
    })) as GraphTask[],
  };
}

/** What a planner is asked for. */
export function compileOf(form: Form, org: string): components["schemas"]["CreateGoal"] {
  const driver = form.script.trim() ? { driver: { command: { script: form.script } } } : {};
  return {
    org,
    ...(form.project ? { project: form.project } : {}),
    why: form.why,
    input:
      form.planner === "file"
        ? { file: { name: "plan.yaml", text: form.plan } }
        : { spec_kit: { folder: form.feature, ...driver } },
  };
}

/** The plan as a graph, before it exists. */
export function planOf(schedule: Schedule): { nodes: GraphNode[]; edges: Edge[] } {
  return graphOf(schedule.tasks ?? []);
}

/** Title that the server gives to a single task: its first line. */
export function titleOf(schedule: Schedule): string {
  return schedule.title ?? schedule.task?.trim().split("\n")[0]?.trim().slice(0, 200) ?? "";
}
