import { expect, test } from "vitest";
import { type Draft, dropOld, KEPT_DAYS, Keeper, type Kept, keyOf, read, step, write } from "./drafts";

const DAY_MS = 24 * 3_600_000;

/** A browser's storage, that holds so many characters. */
function storage(most = Number.POSITIVE_INFINITY) {
  const held = new Map<string, string>();
  return {
    held,
    get length() {
      return held.size;
    },
    key: (at: number) => [...held.keys()][at] ?? null,
    getItem: (key: string) => held.get(key) ?? null,
    removeItem: (key: string) => void held.delete(key),
    setItem: (key: string, value: string) => {
      if (value.length > most) throw new Error("the storage is full");
      held.set(key, value);
    },
  };
}

const NOTHING: Kept = { drafts: [], writing: [], words: "" };
const line = (number: number, path = "src/a.rs") => ({ path, side: "new" as const, line: number });
const draft = (number: number, text: string, head = "h1"): Draft => ({ anchor: line(number), text, head });
const KEY = keyOf({ role: "operator", org: null }, "patch_1");

test("what is written is kept until it is sent, and for no longer than its days", () => {
  const store = storage();
  const kept = { drafts: [draft(3, "Why?")], writing: [draft(9, "I thi")], words: "Nearly." };
  expect(write(KEY, kept, 0, store)).toBe(true);
  expect(read(KEY, store)).toEqual(kept);
  store.setItem("devlab.other", "stays");
  dropOld(KEPT_DAYS * DAY_MS, store);
  expect(read(KEY, store)).toEqual(kept);
  dropOld(KEPT_DAYS * DAY_MS + 1, store);
  expect(read(KEY, store)).toEqual(NOTHING);
  write(KEY, kept, 0, store);
  write(KEY, NOTHING, 0, store);
  expect([...store.held.keys()]).toEqual(["devlab.other"]);
});

test("what one may see of another org or with another role is not what one has written", () => {
  const orgs = [null, { id: "org_1", name: "one" }, { id: "org_2", name: "two" }];
  const keys = orgs.flatMap((org) =>
    (["operator", "viewer"] as const).flatMap((role) =>
      ["p", "q"].map((patch) => keyOf({ role, org }, patch)),
    ),
  );
  expect(new Set(keys).size).toBe(12);
});

test("a storage that is full or broken is said, and no error", () => {
  expect(write(KEY, { ...NOTHING, words: "x".repeat(100) }, 0, storage(50))).toBe(false);
  const store = storage();
  store.setItem(KEY, "{broken");
  expect(read(KEY, store)).toEqual(NOTHING);
});

test("a storage that was full is written again once there is room: what was sent does not come back", () => {
  const store = storage(150);
  const keeper = new Keeper(KEY, store);
  const small = { ...NOTHING, words: "Nearly." };
  const large = { ...NOTHING, words: "x".repeat(200) };
  keeper.write(small, 0);
  keeper.write(large, 0);
  expect([keeper.isFull, keeper.read(), read(KEY, store)]).toEqual([true, large, small]);
  keeper.write(NOTHING, 0);
  expect([keeper.isFull, keeper.read(), read(KEY, store)]).toEqual([false, NOTHING, NOTHING]);
});

test("what is begun on one line stays when another is written on, and when the head is another", () => {
  let kept = step.type(step.begin(NOTHING, line(3), "h1"), line(3), "Half a sen");
  kept = step.begin(kept, line(5), "h1");
  kept = step.begin(kept, line(7), "h1");
  // Nothing was written of line 5.
  expect(kept.writing).toEqual([draft(3, "Half a sen"), draft(7, "")]);
  kept = step.begin(kept, line(3), "h2");
  expect(kept.writing).toEqual([draft(3, "Half a sen", "h2")]);
  kept = step.add(step.type(kept, line(3), " Whole. "), line(3));
  expect(kept).toEqual({ ...NOTHING, drafts: [draft(3, "Whole.", "h2")] });
  expect(step.add(step.begin(kept, line(5), "h2"), line(5)).drafts).toHaveLength(1);
});

test("what was sent goes, and what another tab has added since stays", () => {
  const sent = [draft(3, "Why?"), draft(4, "And this?")];
  const kept = { drafts: [...sent, draft(5, "New.")], writing: [draft(9, "I thi")], words: "Nearly." };
  expect(step.sent(kept, { drafts: sent, words: "Nearly." })).toEqual({
    drafts: [draft(5, "New.")],
    writing: kept.writing,
    words: "",
  });
  // Somebody has gone on writing while it was on its way.
  expect(step.sent(kept, { drafts: sent, words: "Near" }).words).toBe("Nearly.");
  expect(step.remove(kept, draft(4, "And this?")).drafts).toEqual([draft(3, "Why?"), draft(5, "New.")]);
});
