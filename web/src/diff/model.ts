import gitDiff from "gitdiff-parser";
import { bytes, count } from "../text/words";

export type Side = "old" | "new";

export interface DiffLine {
  kind: "insert" | "delete" | "normal";
  text: string;
  old: number | undefined;
  new: number | undefined;
}

export interface Hunk {
  head: string;
  lines: DiffLine[];
}

export interface DiffFile {
  path: string;
  /** Where it was, if it was moved. */
  from: string | undefined;
  change: "add" | "delete" | "modify" | "rename" | "copy";
  binary: boolean;
  added: number;
  removed: number;
  hunks: Hunk[];
}

/** The server cuts a diff that is larger than its limit, and says so in the last line. */
export interface Diff {
  files: DiffFile[];
  /** The limit in bytes, if it was cut there: the last file may go on, and others may follow. */
  cut: number | undefined;
}

/** What stands above the hunks of a file and is lost by the parser: names with spaces, what is binary, moved and changed. */
interface Head {
  /** The name, if the file had the same before: `a/NAME b/NAME`. */
  name: string | undefined;
  change: DiffFile["change"] | undefined;
  /** Where it was, if it was moved. */
  from: string | undefined;
  binary: boolean;
}

const FIRST = "diff --git ";

function headsOf(text: string): Head[] {
  const heads: Head[] = [];
  let head: Head | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith(FIRST)) {
      const names = line.slice(FIRST.length);
      const name = names.slice(2, (names.length - 1) / 2);
      const isSame = names === `a/${name} b/${name}`;
      head = { name: isSame ? name : undefined, change: undefined, from: undefined, binary: false };
      heads.push(head);
    } else if (line.startsWith("@@ ")) head = undefined;
    else if (head && line.startsWith("new file mode ")) head.change = "add";
    else if (head && line.startsWith("deleted file mode ")) head.change = "delete";
    else if (head && /^(rename|copy) from /.test(line)) {
      head.change = line.startsWith("rename") ? "rename" : "copy";
      head.from = line.slice(line.indexOf(" from ") + " from ".length);
    } else if (head && /^(Binary files .* differ|GIT binary patch)$/.test(line)) head.binary = true;
  }
  return heads;
}

/** A name with a space in it has a tab behind it, where a time would stand. */
function named(path: string): string {
  return path.replace(/\t$/, "");
}

/** The server's last line of a diff that is cut. No line of a diff itself begins like it. */
const CUT = /\n# cut after (\d+) bytes\n?$/;

/** The lines that came whole: a limit in bytes knows neither lines nor letters. */
function wholeLines(sent: string): { text: string; cut: number | undefined } {
  const found = CUT.exec(sent.slice(-80));
  if (!found) return { text: sent, cut: undefined };
  const text = sent.slice(0, sent.length - found[0].length);
  return { text: text.slice(0, text.lastIndexOf("\n") + 1), cut: Number(found[1]) };
}

export function parseDiff(sent: string): Diff {
  const { text, cut } = wholeLines(sent);
  const heads = headsOf(text);
  const files = gitDiff.parse(text).map((file, at): DiffFile => {
    const head = heads[at];
    const hunks = file.hunks.map((hunk) => ({
      head: hunk.content,
      lines: hunk.changes.map(
        (change): DiffLine => ({
          kind: change.type,
          text: change.content,
          old:
            change.type === "normal"
              ? change.oldLineNumber
              : change.type === "delete"
                ? change.lineNumber
                : undefined,
          new:
            change.type === "normal"
              ? change.newLineNumber
              : change.type === "insert"
                ? change.lineNumber
                : undefined,
        }),
      ),
    }));
    const all = hunks.flatMap((hunk) => hunk.lines);
    const gone = file.newPath === "/dev/null";
    return {
      path: head?.name || named(gone ? file.oldPath : file.newPath),
      from: head?.from,
      change: head?.change ?? file.type,
      binary: head?.binary || Boolean(file.isBinary),
      added: all.filter((line) => line.kind === "insert").length,
      removed: all.filter((line) => line.kind === "delete").length,
      hunks,
    };
  });
  return { files, cut };
}

/** How many files are shown, as the server counts them: one that was moved is one removed and one added. */
function shownOf(diff: Diff): number {
  return diff.files.reduce((sum, file) => sum + (file.change === "rename" ? 2 : 1), 0);
}

/** What a diff that is cut does not show, of a change of so many files, if that is known. */
export function cutWords(diff: Diff, files: number | undefined): string | undefined {
  if (diff.cut === undefined) return undefined;
  const shown = shownOf(diff);
  const cut = `The diff is cut after ${bytes(diff.cut)}`;
  if (files !== undefined && shown >= files) return `${cut}: the last file is not shown to its end.`;
  const first = shown === 1 ? "the first file" : `the first ${shown} files`;
  const part = files === undefined ? first : `${shown} of ${count(files, "file")}`;
  return `${cut}: ${part} ${shown === 1 ? "is" : "are"} shown, the last one perhaps not to its end.`;
}

/** A line of the screen. Indices name a file, a hunk in it and a line in that. */
export type Row =
  | { kind: "file"; file: number }
  | { kind: "note"; file: number; text: string }
  | { kind: "hunk"; file: number; hunk: number }
  | { kind: "line"; file: number; hunk: number; line: number }
  | { kind: "pair"; file: number; hunk: number; left: number | undefined; right: number | undefined }
  | { kind: "talk"; file: number; side: Side; number: number }
  | { kind: "end"; file: number };

/** Names a line of a file for remarks. */
export function spot(file: string, side: Side, number: number): string {
  return `${side}:${number}:${file}`;
}

/** Where remarks stand below a line: by `spot`. */
export type Talks = ReadonlySet<string>;

const CUT_HERE = "The diff is cut here: what follows in this file, and other files, are not shown.";

/** All rows of a diff; files in `folded` show their head only. */
export function rowsOf(
  diff: Diff,
  view: "unified" | "split",
  folded: ReadonlySet<string>,
  talks: Talks,
): Row[] {
  const rows: Row[] = [];
  diff.files.forEach((file, at) => {
    rows.push({ kind: "file", file: at });
    if (folded.has(file.path)) return;
    const isCut = diff.cut !== undefined && at === diff.files.length - 1;
    if (file.binary) rows.push({ kind: "note", file: at, text: "A binary file; its content is not shown." });
    else if (file.hunks.length === 0 && !isCut) {
      rows.push({
        kind: "note",
        file: at,
        text: file.from ? "Moved without changes." : "No lines are changed.",
      });
    }
    file.hunks.forEach((hunk, index) => {
      rows.push({ kind: "hunk", file: at, hunk: index });
      if (view === "unified") unified(rows, file, at, hunk, index, talks);
      else split(rows, file, at, hunk, index, talks);
    });
    if (isCut && !file.binary) rows.push({ kind: "note", file: at, text: CUT_HERE });
    rows.push({ kind: "end", file: at });
  });
  return rows;
}

function talk(rows: Row[], file: DiffFile, at: number, line: DiffLine, talks: Talks): void {
  if (talks.size === 0) return;
  for (const side of ["old", "new"] as const) {
    // A line that stands on both sides has its remarks on the new one.
    const number = side === "new" ? line.new : line.kind === "delete" ? line.old : undefined;
    if (number !== undefined && talks.has(spot(file.path, side, number))) {
      rows.push({ kind: "talk", file: at, side, number });
    }
  }
}

function unified(rows: Row[], file: DiffFile, at: number, hunk: Hunk, index: number, talks: Talks): void {
  hunk.lines.forEach((line, number) => {
    rows.push({ kind: "line", file: at, hunk: index, line: number });
    talk(rows, file, at, line, talks);
  });
}

function split(rows: Row[], file: DiffFile, at: number, hunk: Hunk, index: number, talks: Talks): void {
  const { lines } = hunk;
  let next = 0;
  while (next < lines.length) {
    const first = lines[next];
    if (first?.kind === "normal") {
      rows.push({ kind: "pair", file: at, hunk: index, left: next, right: next });
      talk(rows, file, at, first, talks);
      next += 1;
      continue;
    }
    const left: number[] = [];
    const right: number[] = [];
    for (; next < lines.length && lines[next]?.kind !== "normal"; next += 1) {
      (lines[next]?.kind === "delete" ? left : right).push(next);
    }
    for (let row = 0; row < Math.max(left.length, right.length); row += 1) {
      rows.push({ kind: "pair", file: at, hunk: index, left: left[row], right: right[row] });
      for (const side of [left[row], right[row]]) {
        const line = side === undefined ? undefined : lines[side];
        if (line) talk(rows, file, at, line, talks);
      }
    }
  }
}
