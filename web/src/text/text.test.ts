import { expect, test } from "vitest";
import { auditSearch, boardSearch, taskSearch, tokensSearch } from "../search";
import { inForce, match, type Shortcut } from "../shell/shortcuts";
import { ago, ahead, span } from "./time";
import { bytes, count } from "./words";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

test("times are said as people say them", () => {
  const now = Date.parse("2026-06-15T12:00:00Z");
  expect([2, 40, 150].map((secs) => ago(now - secs * SECOND, now))).toEqual(["now", "40 s ago", "2 min ago"]);
  expect(ago(now - 30 * HOUR, now)).toBe("1 d ago");
  expect(ago(now - 400 * 24 * HOUR, now)).toMatch(/2025/);
  expect([400, 1_500, 65_000, 2 * HOUR + 60_000, 49 * HOUR].map(span)).toEqual([
    "400 ms",
    "1.5 s",
    "1 min 5 s",
    "2 h 1 min",
    "2 d 1 h",
  ]);
});

test("what is to come is said as such", () => {
  const now = Date.parse("2026-06-15T12:00:00Z");
  const said = [-HOUR, 0, 900, 40 * SECOND, 11 * 60 * SECOND + 1, 61 * 60 * SECOND, 25 * HOUR];
  expect(said.map((ms) => ahead(now + ms, now))).toEqual([
    "now",
    "now",
    "in 1 s",
    "in 40 s",
    "in 12 min",
    "in 1 h",
    "in 1 d",
  ]);
  // A clock of the server that is a little ahead makes nothing of the past one to come.
  expect(ago(now + 2 * SECOND, now)).toBe("now");
});

test("numbers have their unit", () => {
  expect([count(1, "task"), count(0, "task"), bytes(512), bytes(1_500_000)]).toEqual([
    "1 task",
    "0 tasks",
    "512 B",
    "1.4 MiB",
  ]);
});

test("an address says only what is understood", () => {
  expect(boardSearch({ view: "table", states: "ready,nonsense", sort: "?", q: "", extra: 1 })).toEqual({
    view: "table",
    states: "ready",
  });
  expect(taskSearch({ tab: "log", line: 7, attempt: 3 })).toEqual({ tab: "log", line: 7, attempt: "3" });
  expect(taskSearch({ line: "7" })).toEqual({});
  expect(auditSearch({ of: "lab", q: "login", since: "today" })).toEqual({ of: "lab", q: "login" });
  expect([tokensSearch({ of: "lab", show: "all" }), tokensSearch({ of: "org" })]).toEqual([
    { of: "lab", show: "all" },
    {},
  ]);
});

test("a page's own shortcut comes before one of all pages, and two keys before one", () => {
  const key = (keys: string, label: string): Shortcut => ({ keys, label, group: "", run: () => {} });
  const sets = [[key("g b", "board"), key("b", "all")], [key("b", "own")]];
  expect(match(sets, "g", "b")?.label).toBe("board");
  expect(match(sets, "", "b")?.label).toBe("own");
  expect(match(sets, "", "z")).toBeUndefined();
});

test("of keys that are the same the last is in force, and a blocked one keeps those below it from acting", () => {
  const key = (keys: string, label: string, blocked?: string): Shortcut => ({
    keys,
    label,
    group: "",
    blocked,
    run: () => {},
  });
  const sets = [[key("r", "retry the goal"), key("e", "archive")], [key("r", "retry the task")]];
  expect(inForce(sets).map((one) => one.label)).toEqual(["retry the task", "archive"]);
  const viewed = [...sets, [key("r", "retry", "Your role may only read.")]];
  expect(inForce(viewed).map((one) => one.label)).toEqual(["archive"]);
  expect(match(viewed, "", "r")?.blocked).toBe("Your role may only read.");
});
