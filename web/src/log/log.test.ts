import { describe, expect, test } from "vitest";
import { piecesOf } from "./ansi";
import { ERROR_WORDS, FOUND_MAX, LINE_BYTES_MAX, LogBuffer } from "./buffer";
import { errorWords, hitWords } from "./found";
import { placeOf, scrollTo } from "./scroll";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("the buffer", () => {
  test("has the same lines however the bytes are cut, inside letters too", () => {
    const text = "one\r\ntwö – three\n\n10%\r50%\r100%\nlast";
    for (let at = 0; at <= bytes(text).length; at += 1) {
      const log = new LogBuffer();
      log.append(bytes(text).slice(0, at));
      log.append(bytes(text).slice(at));
      expect(log.slice(0, 9)).toEqual(["one", "twö – three", "", "100%", "last"]);
      expect(log.lines).toBe(5);
    }
  });

  test("counts a last line only if something is in it", () => {
    const log = new LogBuffer();
    expect(log.lines).toBe(0);
    log.append(bytes("a\n"));
    expect(log.lines).toBe(1);
    log.append(bytes("b"));
    expect(log.lines).toBe(2);
  });

  test("finds words in either case, each line once", () => {
    const log = new LogBuffer();
    log.append(bytes("fine\nERROR and error\nall good\nit Failed\nerr\nPanic!"));
    expect([...log.find(ERROR_WORDS).lines]).toEqual([1, 3, 5]);
    expect([...log.find(["ERR"]).lines]).toEqual([1, 4]);
    expect([...log.find([""]).lines]).toEqual([]);
    const other = new LogBuffer();
    other.append(new TextEncoder().encode("grün\nGRÜN\ngrun\nein Ü\nun\ud83d\ude00ter\n"));
    expect([...other.find(["GRün"]).lines]).toEqual([0, 1]);
    expect([...other.find(["ü"]).lines]).toEqual([0, 1, 3]);
    expect([...other.find(["n\ud83d\ude00T"]).lines]).toEqual([4]);
  });

  test("grows past its first size, and finds what is far down", () => {
    const log = new LogBuffer();
    const chunk = bytes("0123456789abcde\n".repeat(10_000));
    for (let n = 0; n < 20; n += 1) log.append(chunk);
    log.append(bytes("needle"));
    expect(log.lines).toBe(200_001);
    expect([...log.find(["needle"]).lines]).toEqual([200_000]);
    expect(log.lineAt(16 * 12_345 + 3)).toBe(12_345);
  });

  test("says when it has found more lines than it names", () => {
    const log = new LogBuffer();
    log.append(bytes("error\n".repeat(FOUND_MAX)));
    const all = log.find(ERROR_WORDS);
    expect([all.lines.length, all.more]).toEqual([FOUND_MAX, false]);
    expect(hitWords({ ...all, lines: [...all.lines] }, 0)).toBe("1 of 100,000");
    log.append(bytes("fine\n".repeat(1_000_000)));
    log.append(bytes("error\n"));
    const some = log.find(ERROR_WORDS);
    expect([some.lines.length, some.more]).toEqual([FOUND_MAX, true]);
    expect(hitWords({ ...some, lines: [...some.lines] }, 0)).toBe("1 of 100,000+");
    expect(errorWords({ ...some, lines: [...some.lines] })).toBe("100,000+ error lines");
  });

  test("cuts a line that nobody could read", () => {
    const log = new LogBuffer();
    log.append(bytes("x".repeat(LINE_BYTES_MAX + 5)));
    expect(log.line(0)).toMatch(/… \(5 more bytes\)$/);
  });
});

describe("the place of lines", () => {
  test("is that of ordinary scrolling while the log is short", () => {
    const place = placeOf(1_000, 20, 600, 4_000);
    const top = place.at - (place.anchor + place.part) * 20;
    expect(top).toBeCloseTo(-4_000);
    expect(place.first).toBeLessThanOrEqual(200);
    expect(place.end).toBeGreaterThanOrEqual(230);
  });

  test("reaches both ends of a log that is taller than a browser allows", () => {
    const lines = 5_000_000;
    const height = placeOf(lines, 20, 600, 0).height;
    expect(height).toBeLessThan(17_000_000);
    expect(placeOf(lines, 20, 600, 0).first).toBe(0);
    expect(placeOf(lines, 20, 600, height - 600).end).toBe(lines);
  });

  test("shows the line that one jumps to", () => {
    for (const lines of [3, 500, 5_000_000]) {
      for (const line of [0, Math.floor(lines / 2), lines - 1]) {
        const place = placeOf(lines, 20, 600, scrollTo(line, lines, 20, 600));
        expect(place.first).toBeLessThanOrEqual(line);
        expect(place.end).toBeGreaterThan(line);
      }
    }
  });
});

test("colours and hits split a line without changing its words", () => {
  const line = "\u001b[31merr\u001b[0mor: \u001b[38;5;196mdeep\u001b[0m \u001b[1mbold\u001b[0m";
  const pieces = piecesOf(line, "error");
  expect(pieces.map((piece) => piece.text).join("")).toBe("error: deep bold");
  expect(
    pieces
      .filter((piece) => piece.hit)
      .map((piece) => piece.text)
      .join(""),
  ).toBe("error");
  expect(pieces[0]?.className).toContain("ansi-red-fg");
  expect(pieces.find((piece) => piece.text === "deep")?.color).toBe("rgb(255, 0, 0)");
  expect(pieces.at(-1)?.className).toContain("ansi-bold");
});
