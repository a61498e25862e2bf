import { Colourer, languageOf, type Token } from "../code/colours";
import type { DiffFile, Hunk } from "./model";

/** Colours of the lines of one hunk, by the place of the line in it. */
export type HunkTokens = ReadonlyArray<Token[] | undefined>;

/** Colours hunks in a worker, each when it comes into sight. */
export class Highlighter {
  private readonly colourer = new Colourer();
  private readonly done = new Map<Hunk, HunkTokens>();
  private readonly begun = new Set<Hunk>();
  private readonly onDone: () => void;

  constructor(onDone: () => void) {
    this.onDone = onDone;
  }

  close(): void {
    this.colourer.close();
  }

  /** The colours of a hunk, if they are known; asks for them otherwise. */
  of(file: DiffFile, hunk: Hunk): HunkTokens | undefined {
    const known = this.done.get(hunk);
    if (known || this.begun.has(hunk)) return known;
    this.begun.add(hunk);
    const language = languageOf(file.path);
    if (language) void this.colour(hunk, language);
    return undefined;
  }

  private async colour(hunk: Hunk, language: string): Promise<void> {
    // Both sides are read as they stand in their files; a line of both has the new one's colours.
    const side = (drop: "insert" | "delete") => {
      const lines = hunk.lines.filter((line) => line.kind !== drop);
      return this.colourer.lines(language, lines.map((line) => line.text).join("\n"));
    };
    const [before, after] = await Promise.all([side("insert"), side("delete")]);
    let oldAt = 0;
    let newAt = 0;
    const tokens = hunk.lines.map((line) => {
      const own = line.kind === "delete" ? before?.[oldAt] : after?.[newAt];
      if (line.kind !== "insert") oldAt += 1;
      if (line.kind !== "delete") newAt += 1;
      return own;
    });
    this.done.set(hunk, tokens);
    this.onDone();
  }
}
