import { expect, test } from "vitest";
import { languageOf } from "../code/colours";
import { parseDiff, rowsOf, spot } from "./model";
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

test("remarks survive the way through a comment's words", () => {
  const remarks = [
    { anchor: { path: "src/a.rs", side: "new" as const, line: 3 }, text: "Why?\n\nThe old one was shorter." },
    { anchor: { path: "gone.txt", side: "old" as const, line: 1 }, text: "Keep it." },
  ];
  const body = bodyOf("Nearly there.", remarks);
  expect(body).toContain("src/a.rs:3: Why?");
  expect(remarksOf(body)).toEqual([{ anchor: undefined, text: "Nearly there." }, ...remarks]);
  expect(remarksOf("See https://example.org:8080 first")).toEqual([
    { anchor: undefined, text: "See https://example.org:8080 first" },
  ]);
});

test("a file's language is known by its name", () => {
  expect(languageOf("src/a.rs")).toBe("rust");
  expect(languageOf("deep/Makefile")).toBe("makefile");
  expect(languageOf("LICENSE")).toBeUndefined();
});
