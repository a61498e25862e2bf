import { expect, test } from "vitest";
import { FIELDS } from "./fields";
import { documentOf, inWords, parsed, textsOf, written } from "./form";

const DOCUMENT = {
  approvals: { plan: false, tasks: [["prod"], ["db", "migrate"]] },
  reviews: "all",
  retries: { check: { most: 0 } },
  concurrency: { total: 20, labels: { gpu: 2 }, runtimes: { local: 4 } },
};

test("a document goes through the form unchanged, and says nothing that it did not say", () => {
  expect(documentOf(textsOf(DOCUMENT))).toEqual({ document: DOCUMENT, faults: {} });
  expect(documentOf(textsOf({})).document).toEqual({});
});

test("what is wrong is said at its field", () => {
  const { faults } = documentOf({
    "retries.check.most": "101",
    "time_limits.check_secs": "-1",
    "concurrency.labels": "gpu: 2",
    "concurrency.total": "7",
  });
  expect(Object.keys(faults)).toEqual(["retries.check.most", "time_limits.check_secs", "concurrency.labels"]);
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
