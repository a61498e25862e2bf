import { expect, test } from "vitest";
import type { PolicyView } from "../api/types";
import { FIELDS, isSaidAt } from "./fields";
import { documentOf, inWords, parsed, textsOf, written } from "./form";

const DOCUMENT = {
  approvals: { plan: false, tasks: [["prod"], ["db", "migrate"]] },
  reviews: "all",
  retries: { check: { most: 0 } },
  concurrency: { total: 20, labels: { gpu: 2 }, runtimes: { local: 4 } },
};

test("a document goes through the form unchanged, and says nothing that it did not say", () => {
  expect(documentOf(textsOf(DOCUMENT), {})).toEqual({ document: DOCUMENT, faults: {} });
  expect(documentOf(textsOf(DOCUMENT), DOCUMENT)).toEqual({ document: DOCUMENT, faults: {} });
  expect(documentOf(textsOf({}), {}).document).toEqual({});
});

test("what was not touched stays as it was read, also what no field shows", () => {
  const read = {
    ...DOCUMENT,
    approvals: { tasks: [] },
    share: 7,
    "of a later version": { most: 1 },
    retries: { ...DOCUMENT.retries, later: { most: 1 } },
  };
  const texts = { ...textsOf(read), reviews: "asked", "retries.check.most": "", "concurrency.total": "" };
  const { document, faults } = documentOf(texts, read);
  expect(faults).toEqual({});
  expect(document).toEqual({
    ...read,
    reviews: "asked",
    retries: { later: { most: 1 } },
    concurrency: { labels: { gpu: 2 }, runtimes: { local: 4 } },
  });
  // What is empty without the last thing that it said goes too, and what was read is not changed.
  const alone = { approvals: { plan: true } };
  expect(documentOf({ ...textsOf(alone), "approvals.plan": "" }, alone).document).toEqual({});
  expect(alone).toEqual({ approvals: { plan: true } });
});

test("that there are no sets is another thing than to say nothing", () => {
  const text = (sets: unknown) => textsOf({ approvals: { tasks: sets } })["approvals.tasks"] ?? "";
  expect([text([]), text(undefined), text([["none"]])]).toEqual(["none", "", "none,"]);
  for (const sets of [[], [["none"]], [["none"], ["db"]]]) {
    const { document } = documentOf({ "approvals.tasks": text(sets) }, {});
    expect(document).toEqual({ approvals: { tasks: sets } });
  }
  expect(documentOf({ "approvals.tasks": "" }, { approvals: { tasks: [] } }).document).toEqual({});
  // A document may say what is no set at all: the server refuses it, and the form keeps it.
  expect(
    documentOf(textsOf({ approvals: { tasks: "all" } }), { approvals: { tasks: "all" } }).document,
  ).toEqual({ approvals: { tasks: "all" } });
});

test("a level is asked only for what it can say, and what the server knows", () => {
  const at = (kind: string, names: string[]) => {
    const view = { level: { kind }, fields: names.map((name) => ({ name })) } as PolicyView;
    return FIELDS.filter((field) => isSaidAt(field, view)).map((field) => field.name);
  };
  const limits = ["concurrency.total", "concurrency.labels"];
  expect(at("org", ["reviews", "share"])).toEqual(["reviews", ...limits, "concurrency.runtimes", "share"]);
  expect(at("project", ["reviews", "share"])).toEqual(["reviews", ...limits]);
});

test("what is wrong is said at its field", () => {
  const { faults } = documentOf(
    {
      "retries.check.most": "101",
      "time_limits.check_secs": "-1",
      "concurrency.labels": "gpu: 2",
      "concurrency.total": "7",
      share: "0",
    },
    {},
  );
  expect(Object.keys(faults)).toEqual([
    "retries.check.most",
    "time_limits.check_secs",
    "concurrency.labels",
    "share",
  ]);
});

test("a document is one JSON object", () => {
  expect(parsed(" ")).toEqual({ document: {} });
  expect(parsed('{"reviews": "all"}')).toEqual({ document: { reviews: "all" } });
  for (const wrong of ["[]", "null", "1", "{"]) expect(parsed(wrong).error).toBeDefined();
});

test("a document is written with short lists in one line, and means the same", () => {
  const text = written(DOCUMENT);
  expect(JSON.parse(text)).toEqual(DOCUMENT);
  expect(text).toContain('["db", "migrate"]');
});

test("values are told in words", () => {
  const words = (name: string, value: unknown) => {
    const field = FIELDS.find((one) => one.name === name);
    return field && inWords(field, value);
  };
  expect([
    words("approvals.plan", null),
    words("approvals.publication", false),
    words("approvals.tasks", DOCUMENT.approvals.tasks),
    words("approvals.tasks", []),
    words("retries.lost.first_ms", 60000),
    words("running", "cancel"),
  ]).toEqual(["nothing", "no", "prod, or db + migrate", "none", "60,000 ms", "are cancelled"]);
});
