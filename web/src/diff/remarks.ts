import type { Side } from "./model";

/**
 * Remarks on lines travel in the words of a comment, in the form that
 * compilers made a habit: a paragraph that begins with `path:line: `, or
 * `path:line (removed): ` for a line that is gone. So they reach everyone who
 * reads the comment: the agent, the command line, a forge.
 */
export interface Anchor {
  path: string;
  side: Side;
  line: number;
}

export interface Remark {
  anchor: Anchor | undefined;
  text: string;
}

const PLACE = /:(\d+)( \(removed\))?: /g;
const NO_SPACE = /^\S+$/;

/**
 * Where a paragraph's remark stands, and what it says. A path may have spaces
 * and colons in it: what is a file of the change is a path, and so is what has
 * no space, as a file that an earlier head changed. All else is prose.
 */
function headOf(paragraph: string, paths: ReadonlySet<string>): Required<Remark> | undefined {
  const [line = ""] = paragraph.split("\n", 1);
  const places = [...line.matchAll(PLACE)].map((found) => ({ found, path: line.slice(0, found.index) }));
  const place =
    places.find(({ path }) => paths.has(path)) ?? places.slice(0, 1).find(({ path }) => NO_SPACE.test(path));
  if (!place) return undefined;
  const [whole, number, removed] = place.found;
  return {
    anchor: { path: place.path, side: removed ? "old" : "new", line: Number(number) },
    text: paragraph.slice(place.path.length + whole.length),
  };
}

/** The remarks of a comment, those without a line too; `paths` are the files of the change. */
export function remarksOf(body: string, paths: ReadonlySet<string>): Remark[] {
  const found: Remark[] = [];
  for (const paragraph of body.trim().split(/\n{2,}/)) {
    const remark = headOf(paragraph, paths);
    const last = found.at(-1);
    if (remark) found.push(remark);
    else if (last) last.text += `\n\n${paragraph}`;
    else if (paragraph) found.push({ anchor: undefined, text: paragraph });
  }
  return found;
}

/** A comment that has these remarks: what is general first. */
export function bodyOf(general: string, remarks: ReadonlyArray<{ anchor: Anchor; text: string }>): string {
  const lines = remarks.map(({ anchor, text }) => {
    const removed = anchor.side === "old" ? " (removed)" : "";
    return `${anchor.path}:${anchor.line}${removed}: ${text.trim()}`;
  });
  return [general.trim(), ...lines].filter(Boolean).join("\n\n");
}
