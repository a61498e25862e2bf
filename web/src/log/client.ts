import { Problem } from "../api/problem";
import { sessionHeaders } from "../session/session";
import { ERROR_WORDS } from "./buffer";
import { type Found, type FromLog, type LogState, PAGE_LINES, type ToLog, type Trouble } from "./protocol";

export interface LogView {
  lines: number;
  bytes: number;
  total: number;
  skipped: number;
  state: LogState;
  /** What went wrong last, until it is well again. */
  trouble: Trouble | undefined;
}

interface Download {
  resolve: (blob: Blob) => void;
  reject: (problem: Problem) => void;
}

/** Pages of lines that are kept here; the worker has all of them. */
const PAGES_MAX = 60;

/**
 * A worker that nobody uses yet. Its script is read while the page still asks which log it is to show:
 * that of the first one, as each log has a worker to itself.
 */
let spare = "Worker" in globalThis ? begin() : undefined;

function begin(): Worker {
  return new Worker(new URL("./log.worker.ts", import.meta.url), { type: "module" });
}

// Whoever takes it would not hear that its script did not come.
spare?.addEventListener("error", () => {
  spare = undefined;
});

function take(): Worker {
  const worker = spare ?? begin();
  spare = undefined;
  return worker;
}

/** A log that a worker keeps, as a page sees it: a few pages of lines, and how much there is. */
export class LogClient {
  private readonly worker: Worker;
  private readonly pages = new Map<number, string[]>();
  private readonly asked = new Set<number>();
  private readonly watchers = new Set<() => void>();
  private readonly waiting = new Map<number, (found: Found) => void>();
  private readonly placing = new Map<number, (line: number) => void>();
  private readonly downloads = new Map<number, Download>();
  private next = 1;
  private view: LogView = { lines: 0, bytes: 0, total: 0, skipped: 0, state: "loading", trouble: undefined };
  private readonly hide = () => this.send({ type: "seen", seen: !document.hidden });

  constructor(task: string, attempt: string, live: boolean) {
    this.worker = take();
    this.worker.addEventListener("message", (event: MessageEvent<FromLog>) => this.hear(event.data));
    // Its file did not come, or it broke: there will be no more lines.
    this.worker.addEventListener("error", () =>
      this.change({ ...this.view, trouble: { status: 0, final: true } }),
    );
    // A page that is opened in the background hears of no change until it is looked at.
    this.send({ type: "open", task, attempt, live, seen: !document.hidden, headers: sessionHeaders() });
    document.addEventListener("visibilitychange", this.hide);
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.hide);
    this.worker.terminate();
  }

  readonly get = () => this.view;

  readonly subscribe = (watch: () => void) => {
    this.watchers.add(watch);
    return () => this.watchers.delete(watch);
  };

  /** A line, if it is here; asks for it otherwise. */
  line(index: number): string | undefined {
    const page = Math.floor(index / PAGE_LINES);
    const known = this.pages.get(page);
    const line = known?.[index % PAGE_LINES];
    if (line === undefined && !this.asked.has(page)) {
      this.asked.add(page);
      this.send({ type: "lines", page });
    }
    return line;
  }

  /** Lines that have a word. */
  find(word: string): Promise<Found> {
    return this.search([word]);
  }

  /** Lines that look as if something went wrong. */
  errors(): Promise<Found> {
    return this.search(ERROR_WORDS);
  }

  /** Line that has a byte of the log. */
  lineAt(byte: number): Promise<number> {
    const id = this.next++;
    this.send({ type: "at", id, byte });
    return new Promise((resolve) => this.placing.set(id, resolve));
  }

  /** All of it, or a problem that says why it is not to be had. */
  blob(): Promise<Blob> {
    const id = this.next++;
    this.send({ type: "blob", id });
    return new Promise((resolve, reject) => this.downloads.set(id, { resolve, reject }));
  }

  /** Reads on now, instead of after the pause or not at all. */
  retry(): void {
    this.send({ type: "retry" });
  }

  private search(words: string[]): Promise<Found> {
    const id = this.next++;
    this.send({ type: "find", id, words });
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }

  private send(message: ToLog): void {
    this.worker.postMessage(message);
  }

  private hear(message: FromLog): void {
    switch (message.type) {
      case "grown": {
        // The last page was not full when it was read.
        const last = Math.floor(Math.max(0, this.view.lines - 1) / PAGE_LINES);
        if (message.lines !== this.view.lines || message.bytes !== this.view.bytes) {
          this.asked.delete(last);
          this.send({ type: "lines", page: last });
          this.asked.add(last);
        }
        const { lines, bytes, total, skipped, state, trouble } = message;
        this.change({ lines, bytes, total, skipped, state, trouble });
        break;
      }
      case "lines":
        this.pages.delete(message.page);
        this.pages.set(message.page, message.lines);
        this.asked.delete(message.page);
        for (const oldest of this.pages.keys()) {
          if (this.pages.size <= PAGES_MAX) break;
          this.pages.delete(oldest);
        }
        this.change({ ...this.view });
        break;
      case "found":
        this.waiting.get(message.id)?.({ lines: [...message.lines], more: message.more });
        this.waiting.delete(message.id);
        break;
      case "at":
        this.placing.get(message.id)?.(message.line);
        this.placing.delete(message.id);
        break;
      case "blob":
        this.downloads.get(message.id)?.resolve(message.blob);
        this.downloads.delete(message.id);
        break;
      case "broken":
        this.downloads.get(message.id)?.reject(Problem.brokenOff(message.status));
        this.downloads.delete(message.id);
        break;
    }
  }

  private change(next: LogView): void {
    this.view = next;
    for (const watch of this.watchers) watch();
  }
}
