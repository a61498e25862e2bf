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

const HEAD = /^(\S+):(\d+)( \(removed\))?: /;

/** The remarks of a comment, those without a line too. */
export function remarksOf(body: string): Remark[] {
  const found: Remark[] = [];
  for (const paragraph of body.trim().split(/\n{2,}/)) {
    const head = HEAD.exec(paragraph);
    if (head?.[1]) {
      found.push({
        anchor: { path: head[1], side: head[3] ? "old" : "new", line: Number(head[2]) },
        text: paragraph.slice(head[0].length),
      });
      continue;
    }
    const last = found.at(-1);
    if (last) last.text += `\n\n${paragraph}`;
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
