import { expect, test } from "vitest";
import { commitOf, isDocument, placeBeside, shownAs, textOf } from "./kind";
import { wholeOf } from "./save";

test("a commit is named by its whole id, however it was copied", () => {
  const id = "0123456789abcdef0123456789abcdef01234567";
  expect(commitOf(` ${id.toUpperCase()}\n`)).toBe(id);
  expect(commitOf("f".repeat(64))).toBe("f".repeat(64));
  for (const text of ["", "main", id.slice(0, 8), `${id}0`, "g".repeat(40)]) {
    expect(commitOf(text), text).toBeUndefined();
  }
});

test("a file is shown by what its name says", () => {
  expect(["a/shot.PNG", "notes.md", "Makefile", "x.tar.gz", ".gitignore"].map(shownAs)).toEqual([
    "picture",
    "text",
    "text",
    "nothing",
    "text",
  ]);
});

test("bytes with a NUL are no text", () => {
  expect(textOf(new TextEncoder().encode("grün\n"))).toBe("grün\n");
  expect(textOf(new Uint8Array([0x7f, 0x45, 0]))).toBeUndefined();
});

test("a link in a document leads to a place in its repository, and to none outside", () => {
  expect(placeBeside("docs/guide/start.md", "next.md")).toBe("docs/guide/next.md");
  expect(placeBeside("docs/guide/start.md", "./../images/a b.png")).toBe("docs/images/a b.png");
  expect(placeBeside("docs/guide/start.md", "/README.md")).toBe("README.md");
  expect(placeBeside("README.md", "src/")).toBe("src");
  expect(placeBeside("docs/start.md", "../../etc/passwd")).toBeUndefined();
  expect(isDocument("a/README.MD") && !isDocument("md")).toBe(true);
});

test("an answer that is shorter than it says is no file", async () => {
  const answer = (text: string, headers: Record<string, string>) => new Response(text, { headers });
  expect((await wholeOf(answer("1234", { "content-length": "4" }))).size).toBe(4);
  // What came compressed has another length than the page sees.
  const packed = { "content-length": "3", "content-encoding": "gzip" };
  expect((await wholeOf(answer("1234", packed))).size).toBe(4);
  await expect(wholeOf(answer("123", { "content-length": "4" }))).rejects.toThrow("broke off");
  await expect(wholeOf(answer("123", {}), 4)).rejects.toThrow("broke off");
  const cut = new ReadableStream({ start: (stream) => stream.error(new TypeError("network error")) });
  await expect(wholeOf(new Response(cut))).rejects.toThrow("broke off");
});
