import { STATES, type State } from "./api/types";

/** What addresses say after the question mark. What is not understood is left out. */

type Raw = Record<string, unknown>;

function text(raw: Raw, name: string): string | undefined {
  const value = raw[name];
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function oneOf<T extends string>(raw: Raw, name: string, values: readonly T[]): T | undefined {
  return values.find((value) => value === raw[name]);
}

/** Only the members that are there, so that addresses stay short. */
function some<T extends object>(search: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

const BOARD_VIEWS = ["columns", "table"] as const;
export const BOARD_SORTS = ["newest", "updated", "priority", "title"] as const;
const BOARD_GROUPS = ["state", "goal", "project"] as const;
const BOARD_KINDS = ["goals", "leaves"] as const;

export function boardSearch(raw: Raw) {
  const states = text(raw, "states")
    ?.split(",")
    .filter((one): one is State => STATES.some((state) => state === one));
  return some({
    view: oneOf(raw, "view", BOARD_VIEWS),
    sort: oneOf(raw, "sort", BOARD_SORTS),
    kind: oneOf(raw, "kind", BOARD_KINDS),
    group: oneOf(raw, "group", BOARD_GROUPS),
    states: states && states.length > 0 ? states.join(",") : undefined,
    project: text(raw, "project"),
    q: text(raw, "q"),
  });
}
export type BoardSearch = ReturnType<typeof boardSearch>;

const GOAL_VIEWS = ["graph", "list", "timeline", "plan"] as const;

export function goalSearch(raw: Raw) {
  return some({
    view: oneOf(raw, "view", GOAL_VIEWS),
    task: text(raw, "task"),
    plan: Number.isInteger(raw["plan"]) ? (raw["plan"] as number) : undefined,
  });
}

export const TASK_TABS = ["task", "log", "changes", "proof", "artifacts", "plan"] as const;

export function taskSearch(raw: Raw) {
  return some({
    tab: oneOf(raw, "tab", TASK_TABS),
    attempt: text(raw, "attempt"),
    line: Number.isInteger(raw["line"]) ? (raw["line"] as number) : undefined,
    diff: oneOf(raw, "diff", ["unified", "split"] as const),
    plan: Number.isInteger(raw["plan"]) ? (raw["plan"] as number) : undefined,
  });
}

export const PROJECT_TABS = ["settings", "files", "patches", "train"] as const;

export function patchesSearch(raw: Raw) {
  return some({
    tab: oneOf(raw, "tab", PROJECT_TABS),
    state: oneOf(raw, "state", ["open", "merged", "closed"] as const),
    commit: text(raw, "commit"),
    path: text(raw, "path"),
    file: raw["file"] === true ? true : undefined,
    plain: raw["plain"] === true ? true : undefined,
  });
}

export function newSearch(raw: Raw) {
  return some({
    project: text(raw, "project"),
    title: text(raw, "title"),
    mode: oneOf(raw, "mode", ["task", "graph", "plan", "json"] as const),
  });
}

/** The lab's own: of no org. */
const WHOSE = ["lab"] as const;

export function tokensSearch(raw: Raw) {
  return some({ of: oneOf(raw, "of", WHOSE), show: oneOf(raw, "show", ["all"] as const) });
}

/** Of what: the org's, if neither a project nor a goal is named. */
export function policySearch(raw: Raw) {
  return some({
    project: text(raw, "project"),
    goal: text(raw, "goal"),
    edit: oneOf(raw, "edit", ["form", "document"] as const),
  });
}

/** A day of the calendar: `2026-01-31`. */
function day(raw: Raw, name: string): string | undefined {
  const value = text(raw, name);
  return value && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

export function auditSearch(raw: Raw) {
  return some({
    of: oneOf(raw, "of", WHOSE),
    q: text(raw, "q"),
    since: day(raw, "since"),
    until: day(raw, "until"),
  });
}
export type AuditSearch = ReturnType<typeof auditSearch>;
