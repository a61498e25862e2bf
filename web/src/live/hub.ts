import type { LabEvent } from "../api/types";
import { EventStream } from "./stream";

/** What a page says to the hub. */
export type ToHub =
  | { type: "follow"; org: string; headers: Record<string, string>; shown: boolean }
  /** It has come before somebody's eyes, or has gone from there. */
  | { type: "shown"; shown: boolean }
  | { type: "retry" }
  | { type: "here" }
  | { type: "bye" };

/** What the hub says to a page. */
export type FromHub =
  | { type: "live"; resumed: boolean }
  | { type: "lost" }
  | { type: "refused"; status: number }
  /** The page is told of nothing: it was silent for too long, or was refused. It has to follow anew. */
  | { type: "gone" }
  /** Whether any page that follows the same is shown. */
  | { type: "shown"; shown: boolean }
  | { type: "events"; events: LabEvent[] };

/** The end of a channel to one page: a MessagePort, or the page itself. */
export interface Page {
  send: (message: FromHub) => void;
}

/** Events are told in batches, so that a burst costs a page one message. */
const BATCH_MS = 100;
/** Pages that have been silent for this long are gone. Hidden pages may call once a minute only. */
export const PAGE_GONE_MS = 150_000;

interface Line {
  stream: EventStream;
  pages: Set<Page>;
  live: boolean;
  shown: boolean;
  batch: LabEvent[];
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * One event stream for each org, however many pages follow it: a browser opens
 * six connections to a host, and a stream holds one of them.
 */
export class Hub {
  private readonly lines = new Map<string, Line>();
  private readonly heard = new Map<Page, number>();
  private readonly shown = new Set<Page>();
  private readonly now: () => number;
  private readonly fetch: typeof fetch | undefined;

  constructor(now: () => number, fetch_?: typeof fetch) {
    this.now = now;
    this.fetch = fetch_;
  }

  hear(page: Page, message: ToHub): void {
    this.heard.set(page, this.now());
    switch (message.type) {
      case "follow":
        this.leave(page);
        this.heard.set(page, this.now());
        this.see(page, message.shown);
        this.follow(page, message.org, message.headers);
        break;
      case "shown":
        this.see(page, message.shown);
        break;
      case "retry":
        for (const line of this.lines.values()) line.stream.retryNow();
        break;
      case "bye":
        this.leave(page);
        break;
      case "here":
        break;
    }
    const asks = message.type !== "follow" && message.type !== "bye";
    if (asks && !this.isFollowing(page)) page.send({ type: "gone" });
    this.sweep();
    for (const line of this.lines.values()) this.tellShown(line);
  }

  /** Streams that are open: for tests. */
  get size(): number {
    return this.lines.size;
  }

  private follow(page: Page, org: string, headers: Record<string, string>): void {
    // Another login is another line: it may see other things.
    const name = JSON.stringify([org, headers]);
    const known = this.lines.get(name);
    if (known) {
      known.pages.add(page);
      page.send(known.live ? { type: "live", resumed: true } : { type: "lost" });
      page.send({ type: "shown", shown: known.shown });
      return;
    }
    const line: Line = {
      pages: new Set([page]),
      live: false,
      shown: false,
      batch: [],
      timer: undefined,
      stream: new EventStream({
        url: (last) =>
          `/api/events?org=${encodeURIComponent(org)}${last === undefined ? "" : `&after=${last}`}`,
        headers,
        ...(this.fetch ? { fetch: this.fetch } : {}),
        handlers: {
          open: (resumed) => {
            line.live = true;
            tell(line, { type: "live", resumed });
          },
          message: (message) => {
            line.batch.push(JSON.parse(message.data) as LabEvent);
            line.timer ??= setTimeout(() => flush(line), BATCH_MS);
          },
          lost: () => {
            flush(line);
            line.live = false;
            tell(line, { type: "lost" });
          },
          refused: (status) => {
            this.lines.delete(name);
            tell(line, { type: "refused", status });
          },
        },
      }),
    };
    this.lines.set(name, line);
  }

  private leave(page: Page): void {
    this.heard.delete(page);
    this.shown.delete(page);
    for (const [name, line] of this.lines) {
      line.pages.delete(page);
      if (line.pages.size === 0) {
        line.stream.stop();
        clearTimeout(line.timer);
        this.lines.delete(name);
      }
    }
  }

  private isFollowing(page: Page): boolean {
    for (const line of this.lines.values()) if (line.pages.has(page)) return true;
    return false;
  }

  private see(page: Page, shown: boolean): void {
    if (shown) this.shown.add(page);
    else this.shown.delete(page);
  }

  private tellShown(line: Line): void {
    const shown = [...line.pages].some((page) => this.shown.has(page));
    if (shown === line.shown) return;
    line.shown = shown;
    tell(line, { type: "shown", shown });
  }

  private sweep(): void {
    const limit = this.now() - PAGE_GONE_MS;
    for (const [page, at] of this.heard) {
      if (at >= limit) continue;
      this.leave(page);
      // It may have slept only, with the machine or because the browser has let it.
      page.send({ type: "gone" });
    }
  }
}

function tell(line: Line, message: FromHub): void {
  for (const page of line.pages) page.send(message);
}

function flush(line: Line): void {
  clearTimeout(line.timer);
  line.timer = undefined;
  if (line.batch.length === 0) return;
  const events = line.batch;
  line.batch = [];
  tell(line, { type: "events", events });
}
