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

/** Colours texts in a worker that begins with the first of them. */
export class Colourer {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, (lines: Token[][] | undefined) => void>();
  private next = 1;

  close(): void {
    this.worker?.terminate();
  }

  /** Pieces of each line; `undefined` if the language is unknown or the text too long. */
  lines(language: string, text: string): Promise<Token[][] | undefined> {
    if (!this.worker) {
      this.worker = new Worker(new URL("./highlight.worker.ts", import.meta.url), { type: "module" });
      this.worker.addEventListener("message", (event: MessageEvent<FromHighlighter>) => {
        this.waiting.get(event.data.id)?.(event.data.lines);
        this.waiting.delete(event.data.id);
      });
    }
    const id = this.next++;
    this.worker.postMessage({ id, language, text } satisfies ToHighlighter);
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }
}
