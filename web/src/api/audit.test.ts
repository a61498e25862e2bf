import { beforeEach, expect, test, vi } from "vitest";
import { auditPage, together } from "./audit";
import type { AuditEntry } from "./types";

const asked: Array<Record<string, unknown>> = [];

/** A log of 3,000 entries: every 400th a log-in to the lab, and every 7th a session of an org. */
const LOG = Array.from({ length: 3_000 }, (_, at) => {
  const seq = 3_000 - at;
  const action = seq % 400 === 0 ? "login" : seq % 7 === 0 ? "session.open" : "task.cancel";
  return { seq, action, ...(action === "login" ? {} : { org: "org_1" }) } as AuditEntry;
});

vi.mock("./client", () => ({
  api: {
    GET: async (_: string, { params }: { params: { query: Record<string, string | number> } }) => {
      asked.push(params.query);
      const { org, text = "", cursor = Number.POSITIVE_INFINITY, limit } = params.query;
      const fits = LOG.filter(
        (one) =>
          one.seq < Number(cursor) && one.action.includes(String(text)) && (!org || one.org !== undefined),
      );
      const items = fits.slice(0, Number(limit));
      return { data: { items, ...(items.length === limit ? { next: String(items.at(-1)?.seq) } : {}) } };
    },
  },
  body: async (answer: Promise<{ data: unknown }>) => (await answer).data,
}));

beforeEach(() => {
  asked.length = 0;
});

test("the lab's own entries are those without an org, looked for among all", async () => {
  const own = await auditPage(undefined, {}, undefined, 100);
  expect(own.items.map((entry) => entry.seq)).toEqual([2800, 2400, 2000, 1600, 1200, 800, 400]);
  expect(own.next).toBeUndefined();
  expect(asked.every((query) => query["org"] === undefined)).toBe(true);
  // What is not looked through at once comes with the next page, from where this one ended.
  const first = await auditPage(undefined, {}, undefined, 100, 1);
  expect([first.items.map((entry) => entry.seq), first.next]).toEqual([[2800], "2501"]);
  const more = await auditPage(undefined, {}, first.next ?? undefined, 2, 5);
  expect(more.items.map((entry) => entry.seq)).toEqual([2400, 2000, 1600]);
  expect(more.next).toBe("1501");
});

test("log-ins are found under each of their names, in one order and none twice", async () => {
  const texts = ["session.open", "login"];
  const want = LOG.filter((entry) => entry.action !== "task.cancel").map((entry) => entry.seq);
  const found: number[] = [];
  let cursor: string | undefined;
  const anywhere = (at: string | undefined) => auditPage(undefined, { texts }, at, 500, 1);
  do {
    const page = await anywhere(cursor);
    found.push(...page.items.map((entry) => entry.seq));
    cursor = page.next ?? undefined;
  } while (cursor);
  expect(found).toEqual(want.filter((seq) => seq % 400 === 0));
  const ofOrg = await auditPage("default", { texts }, undefined, 10);
  expect(ofOrg.items).toHaveLength(10);
  expect(asked.slice(-2).map((query) => [query["org"], query["text"]])).toEqual([
    ["default", "session.open"],
    ["default", "login"],
  ]);
});

test("pages are put together as far down as all of them reach", () => {
  const page = (seqs: number[], next?: string) => ({
    items: seqs.map((seq) => ({ seq }) as AuditEntry),
    ...(next ? { next } : {}),
  });
  const seqs = (...pages: Parameters<typeof page>[]) => {
    const { items, next } = together(pages.map((one) => page(...one)));
    return [items.map((entry) => entry.seq), next];
  };
  expect(seqs([[9, 7, 5], "5"], [[8, 7, 2, 1], "1"])).toEqual([[9, 8, 7, 5], "5"]);
  expect(seqs([[9, 7]], [[8, 3], "3"])).toEqual([[9, 8, 7, 3], "3"]);
  expect(seqs([[9, 2]], [[8, 3], "3"])).toEqual([[9, 8, 3], "3"]);
  expect(seqs([[9]], [[8]])).toEqual([[9, 8], undefined]);
  expect(seqs([[]], [[]])).toEqual([[], undefined]);
});
