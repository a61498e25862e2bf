import { expect, test } from "vitest";
import { shownAs, textOf } from "./kind";

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
