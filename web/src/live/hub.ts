import type { LabEvent } from "../api/types";
import { EventStream } from "./stream";

/** What a page says to the hub. */
export type ToHub =
  | { type: "follow"; org: string; headers: Record<string, string> }
  | { type: "retry" }
  | { type: "here" }
  | { type: "bye" };

/** What the hub says to a page. */
export type FromHub =
  | { type: "live"; resumed: boolean }
  | { type: "lost" }
  | { type: "refused"; status: number }
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
  batch: LabEvent[];
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * One event stream for each org, however many pages follow it: a browser opens
 * six connections to a host, and a stream holds one of them.
 */
export class Hub {
  private readonly lines = new Map<string, Line>();
  private readonly seen = new Map<Page, number>();
  private readonly now: () => number;
  private readonly fetch: typeof fetch | undefined;

  constructor(now: () => number, fetch_?: typeof fetch) {
    this.now = now;
    this.fetch = fetch_;
  }

  hear(page: Page, message: ToHub): void {
    this.seen.set(page, this.now());
    switch (message.type) {
      case "follow":
        this.leave(page);
        this.seen.set(page, this.now());
        this.follow(page, message.org, message.headers);
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
    this.sweep();
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
      return;
    }
    const line: Line = {
      pages: new Set([page]),
      live: false,
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
    this.seen.delete(page);
    for (const [name, line] of this.lines) {
      line.pages.delete(page);
      if (line.pages.size === 0) {
        line.stream.stop();
        clearTimeout(line.timer);
        this.lines.delete(name);
      }
    }
  }

  private sweep(): void {
    const limit = this.now() - PAGE_GONE_MS;
    for (const [page, at] of this.seen) if (at < limit) this.leave(page);
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
