import { expect, test } from "vitest";
import { languageOf } from "../code/colours";
import { cutWords, parseDiff, rowsOf, spot } from "./model";
import { bodyOf, remarksOf } from "./remarks";

const DIFF = `diff --git a/src/a.rs b/src/a.rs
index 1111111..2222222 100644
--- a/src/a.rs
+++ b/src/a.rs
@@ -1,4 +1,5 @@ fn main() {
 one
-two
-three
+two!
+and
+three!
 four
diff --git a/old.md b/new.md
similarity index 100%
rename from old.md
rename to new.md
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
index 3333333..0000000
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-bye
`;
const NONE = new Set<string>();

test("a diff is read with its numbers, its moves and its removals", () => {
  const { files } = parseDiff(DIFF);
  expect(files.map((file) => [file.path, file.change, file.added, file.removed])).toEqual([
    ["src/a.rs", "modify", 3, 2],
    ["new.md", "rename", 0, 0],
    ["gone.txt", "delete", 0, 1],
  ]);
  expect(files[0]?.hunks[0]?.lines.at(-1)).toEqual({ kind: "normal", text: "four", old: 4, new: 5 });
  expect(files[1]?.from).toBe("old.md");
});

test("names with spaces are whole, and what is new, gone or binary is known without a hunk", () => {
  const { files } = parseDiff(`diff --git a/my notes/a b.md b/my notes/a b.md
index 1111111..2222222 100644
--- a/my notes/a b.md\t
+++ b/my notes/a b.md\t
@@ -1 +1 @@
-Binary files a and b differ
+new file mode 100644
diff --git a/two words.png b/two words.png
new file mode 100644
index 0000000..7b1e1d4
Binary files /dev/null and b/two words.png differ
diff --git a/nothing in it b/nothing in it
deleted file mode 100644
index e69de29..0000000
diff --git a/old name.md b/new name.md
similarity index 90%
rename from old name.md
rename to new name.md
--- a/old name.md\t
+++ b/new name.md\t
@@ -1 +1 @@
-a
+b
`);
  expect(files.map((file) => [file.path, file.from, file.change, file.binary])).toEqual([
    ["my notes/a b.md", undefined, "modify", false],
    ["two words.png", undefined, "add", true],
    ["nothing in it", undefined, "delete", false],
    ["new name.md", "old name.md", "rename", false],
  ]);
});

/** What the server sends of a diff that is larger than its limit. */
const cutAfter = (bytes: number) => `${DIFF.slice(0, bytes)}\n# cut after ${bytes} bytes\n`;

test("a diff that is cut says so, wherever the limit falls, and shows whole lines only", () => {
  const whole = parseDiff(DIFF);
  expect([whole.cut, cutWords(whole, 9)]).toEqual([undefined, undefined]);
  for (let bytes = 1; bytes <= DIFF.length; bytes += 1) {
    const { files, cut } = parseDiff(cutAfter(bytes));
    expect(cut).toBe(bytes);
    files.forEach((file, at) => {
      expect(file.path).toBe(whole.files[at]?.path);
      const lines = file.hunks.flatMap((hunk) => hunk.lines);
      const all = whole.files[at]?.hunks.flatMap((hunk) => hunk.lines);
      expect(lines).toEqual(all?.slice(0, lines.length));
    });
  }
  // Within the numbers of a hunk.
  expect(parseDiff(cutAfter(DIFF.indexOf("@@") + 5)).files[0]?.hunks).toEqual([]);
});

test("of a diff that is cut it is said how much is shown of how much", () => {
  const first = parseDiff(cutAfter(DIFF.indexOf("+three!") + 2));
  expect(cutWords(first, 3)).toBe(
    `The diff is cut after ${first.cut} B: 1 of 3 files is shown, the last one perhaps not to its end.`,
  );
  expect(cutWords(first, undefined)).toMatch(/: the first file is shown, /);
  expect(cutWords(first, 1)).toMatch(/: the last file is not shown to its end\.$/);
  // One that was moved is two for the server: one removed and one added.
  const moved = parseDiff(cutAfter(DIFF.indexOf("diff --git a/gone")));
  expect(cutWords(moved, 4)).toMatch(/: 3 of 4 files are shown, /);
  const notes = rowsOf(first, "split", NONE, NONE).filter((row) => row.kind === "note");
  expect(notes).toEqual([{ kind: "note", file: 0, text: expect.stringMatching(/^The diff is cut here/) }]);
  const bare = parseDiff(cutAfter(DIFF.indexOf("---")));
  expect(rowsOf(bare, "unified", NONE, NONE).map((row) => row.kind)).toEqual(["file", "note", "end"]);
});

test("side by side, what was replaced stands beside what replaces it", () => {
  const rows = rowsOf(parseDiff(DIFF), "split", new Set(["new.md", "gone.txt"]), NONE);
  const pairs = rows.flatMap((row) => (row.kind === "pair" ? [[row.left, row.right]] : []));
  expect(pairs).toEqual([
    [0, 0],
    [1, 3],
    [2, 4],
    [undefined, 5],
    [6, 6],
  ]);
});

test("remarks stand below their line, in both views, and not in folded files", () => {
  const talks = new Set([spot("src/a.rs", "new", 3), spot("src/a.rs", "old", 2), spot("gone.txt", "old", 1)]);
  for (const view of ["unified", "split"] as const) {
    const rows = rowsOf(parseDiff(DIFF), view, new Set(["gone.txt"]), talks);
    const found = rows.flatMap((row) => (row.kind === "talk" ? [`${row.side}:${row.number}`] : []));
    expect(found.sort()).toEqual(["new:3", "old:2"]);
  }
});

test("remarks survive the way through a comment's words, on names with spaces and colons too", () => {
  const remarks = [
    { anchor: { path: "src/a.rs", side: "new" as const, line: 3 }, text: "Why?\n\nThe old one was shorter." },
    {
      anchor: { path: "my notes/a: b.md", side: "new" as const, line: 12 },
      text: "As said at src/a.rs:3: no.",
    },
    { anchor: { path: "gone.txt", side: "old" as const, line: 1 }, text: "Keep it." },
  ];
  const paths = new Set(remarks.map(({ anchor }) => anchor.path));
  const body = bodyOf("Nearly there.", remarks);
  expect(body).toContain("src/a.rs:3: Why?");
  expect(remarksOf(body, paths)).toEqual([{ anchor: undefined, text: "Nearly there." }, ...remarks]);
});

test("prose with a colon is no remark, and a file that is not in the change any more still has its own", () => {
  for (const text of ["See https://example.org:8080 first", "What I saw at noon:12: it failed"]) {
    expect(remarksOf(text, new Set(["src/a.rs"]))).toEqual([{ anchor: undefined, text }]);
  }
  expect(remarksOf("src/a.rs:3: Why?\n\nold.rs:5: Gone.", new Set(["src/a.rs"]))).toEqual([
    { anchor: { path: "src/a.rs", side: "new", line: 3 }, text: "Why?" },
    { anchor: { path: "old.rs", side: "new", line: 5 }, text: "Gone." },
  ]);
});

test("a file's language is known by its name", () => {
  expect(languageOf("src/a.rs")).toBe("rust");
  expect(languageOf("deep/Makefile")).toBe("makefile");
  expect(languageOf("LICENSE")).toBeUndefined();
});
