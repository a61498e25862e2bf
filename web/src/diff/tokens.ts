import type { DiffFile, Hunk } from "./model";

/** A piece of a line with the colour of what it is. */
export interface Token {
  text: string;
  className: string;
}

export interface ToHighlighter {
  id: number;
  language: string;
  text: string;
}

export interface FromHighlighter {
  id: number;
  lines: Token[][] | undefined;
}

const BY_END: Record<string, string> = {
  rs: "rust",
  ts: "typescript",
  tsx: "typescript",
  mts: "typescript",
  cts: "typescript",
  js: "javascript",
  jsx: "javascript",
  mjs: "javascript",
  cjs: "javascript",
  json: "json",
  py: "python",
  go: "go",
  rb: "ruby",
  java: "java",
  kt: "kotlin",
  swift: "swift",
  c: "c",
  h: "c",
  cc: "cpp",
  cpp: "cpp",
  hpp: "cpp",
  cs: "csharp",
  php: "php",
  lua: "lua",
  pl: "perl",
  r: "r",
  sh: "bash",
  bash: "bash",
  zsh: "bash",
  yml: "yaml",
  yaml: "yaml",
  toml: "ini",
  ini: "ini",
  md: "markdown",
  html: "xml",
  xml: "xml",
  svg: "xml",
  css: "css",
  scss: "scss",
  less: "less",
  sql: "sql",
  graphql: "graphql",
  diff: "diff",
  patch: "diff",
  mk: "makefile",
};

/** The language of a file, by its name. */
export function languageOf(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name === "Makefile" || name === "GNUmakefile") return "makefile";
  const dot = name.lastIndexOf(".");
  return dot < 0 ? undefined : BY_END[name.slice(dot + 1).toLowerCase()];
}

/** Colours of the lines of one hunk, by the place of the line in it. */
export type HunkTokens = ReadonlyArray<Token[] | undefined>;

/** Colours hunks in a worker, each when it comes into sight. */
export class Highlighter {
  private worker: Worker | undefined;
  private readonly done = new Map<Hunk, HunkTokens>();
  private readonly begun = new Set<Hunk>();
  private readonly waiting = new Map<number, (lines: Token[][] | undefined) => void>();
  private next = 1;
  private readonly onDone: () => void;

  constructor(onDone: () => void) {
    this.onDone = onDone;
  }

  close(): void {
    this.worker?.terminate();
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
    const side = (drop: "insert" | "delete") => hunk.lines.filter((line) => line.kind !== drop);
    const [before, after] = await Promise.all([
      this.ask(language, side("insert")),
      this.ask(language, side("delete")),
    ]);
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

  private ask(language: string, lines: Hunk["lines"]): Promise<Token[][] | undefined> {
    if (!this.worker) {
      this.worker = new Worker(new URL("./highlight.worker.ts", import.meta.url), { type: "module" });
      this.worker.addEventListener("message", (event: MessageEvent<FromHighlighter>) => {
        this.waiting.get(event.data.id)?.(event.data.lines);
        this.waiting.delete(event.data.id);
      });
    }
    const id = this.next++;
    const text = lines.map((line) => line.text).join("\n");
    this.worker.postMessage({ id, language, text } satisfies ToHighlighter);
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }
}
