import { EventStream, isFinal, pauseAfter } from "../live/stream";
import { LogBuffer } from "./buffer";
import type { LogState, Trouble } from "./protocol";

/** The server's largest piece, in bytes. */
export const CHUNK = 262_144;
/** Pieces that are asked for at one time: a browser has six connections to a host. */
const ABREAST = 3;
/** Most bytes that are kept; of a larger log, the end. */
const KEPT_MAX = 256 * 1024 * 1024;
/** A piece that has not come after this long does not come, in milliseconds. */
const ANSWER_MS = 30_000;
/** How often a piece of a download is tried. */
const DOWNLOAD_TRIES = 3;

interface ReaderOptions {
  task: string;
  attempt: string;
  /** Whether the attempt may still write. */
  live: boolean;
  /** Whether its page is seen: one that is not holds no connection. */
  seen: boolean;
  headers: Record<string, string>;
  /** The log has grown (`soon`), or is in another state. */
  changed: (soon: boolean) => void;
  fetch?: typeof fetch;
  keptMax?: number;
}

interface Piece {
  bytes: Uint8Array<ArrayBuffer>;
  /** Length of the whole log when it was read. */
  length: number;
}

/** A refusal with its status, or an answer that did not come whole (0). */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

function statusOf(error: unknown): number {
  return error instanceof Refused ? error.status : 0;
}

/** Reads the log of an attempt: what is there, then what comes. It tries again until it is well. */
export class LogReader {
  readonly log = new LogBuffer();
  state: LogState = "loading";
  total = 0;
  /** Bytes at the beginning that are not kept, because the log is too large. */
  skipped = 0;
  trouble: Trouble | undefined;
  private hasBegun = false;
  private isSeen: boolean;
  private stream: EventStream | undefined;
  /** Ends the pause before the next try. */
  private wake: (() => void) | undefined;
  private readonly options: ReaderOptions;
  private readonly address: string;

  constructor(options: ReaderOptions) {
    this.options = options;
    this.isSeen = options.seen;
    this.address = `/api/v1/tasks/${options.task}`;
  }

  /** Bytes of the log up to the end of what is here. */
  get have(): number {
    return this.skipped + this.log.length;
  }

  async open(): Promise<void> {
    for (let failures = 0; ; ) {
      const before = this.have;
      try {
        await this.readAll();
        break;
      } catch (error) {
        if (this.have > before) failures = 0;
        const status = statusOf(error);
        this.trouble = { status, final: isFinal(status) };
        this.options.changed(false);
        await this.pause(this.trouble.final ? undefined : pauseAfter(failures));
        failures += 1;
      }
    }
    if (!this.options.live) return this.become("complete");
    this.state = "cut";
    this.followOn();
  }

  /** Tries now. */
  retry(): void {
    this.wake?.();
    this.stream?.retryNow();
    if (this.isFollowing) this.followOn();
  }

  /** A page that is not seen holds no connection. */
  see(seen: boolean): void {
    this.isSeen = seen;
    if (!seen) {
      this.stream?.stop();
      this.stream = undefined;
    } else if (this.isFollowing) this.followOn();
  }

  /** All of the log, up to now: read again where it is not here. */
  async whole(): Promise<Blob> {
    const { skipped, have } = this;
    const kept = this.log.blob();
    const head = await this.range(0, skipped);
    const end = this.state === "complete" ? have : Math.max(have, (await this.patiently(have)).length);
    return new Blob([...head, kept, ...(await this.range(have, end))], { type: "text/plain" });
  }

  private get isFollowing(): boolean {
    return this.options.live && this.state !== "complete" && this.state !== "loading";
  }

  private async piece(offset: number, signal?: AbortSignal): Promise<Piece> {
    const late = AbortSignal.timeout(ANSWER_MS);
    const response = await (this.options.fetch ?? fetch)(
      `${this.address}/logs?attempt=${this.options.attempt}&offset=${offset}&limit=${CHUNK}`,
      { headers: this.options.headers, signal: signal ? AbortSignal.any([signal, late]) : late },
    );
    if (!response.ok) throw new Refused(response.status);
    const length = Number(response.headers.get("x-log-length") ?? 0);
    this.total = Math.max(this.total, length);
    return { bytes: new Uint8Array(await response.arrayBuffer()), length };
  }

  /** Reads what is there from where it is, in order, a few pieces at a time. */
  private async readAll(): Promise<void> {
    await this.begin();
    const abort = new AbortController();
    const flying: Array<{ offset: number; piece: Promise<Piece> }> = [];
    let next = this.have;
    try {
      while (this.have < this.total) {
        while (flying.length < ABREAST && next < this.total) {
          const piece = this.piece(next, abort.signal);
          // Whoever waits for it hears of its failure; the others are called off then.
          piece.catch(() => {});
          flying.push({ offset: next, piece });
          next += CHUNK;
        }
        const one = flying.shift();
        if (one?.offset !== this.have) {
          // The one before was short: the log's end, when it was asked for. It goes on from there.
          flying.length = 0;
          next = this.have;
          continue;
        }
        const { bytes, length } = await one.piece;
        if (bytes.length === 0) {
          if (length > this.have) throw new Refused(0);
          this.total = this.have;
        }
        this.take(bytes);
      }
    } finally {
      abort.abort();
    }
  }

  private async begin(): Promise<void> {
    if (this.hasBegun) return;
    const { bytes } = await this.piece(0);
    const keptMax = this.options.keptMax ?? KEPT_MAX;
    this.hasBegun = true;
    if (this.total > keptMax) this.skipped = this.total - keptMax;
    else this.log.append(bytes);
    this.trouble = undefined;
    this.options.changed(false);
  }

  private take(bytes: Uint8Array): void {
    this.log.append(bytes);
    this.trouble = undefined;
    this.options.changed(true);
  }

  private followOn(): void {
    if (this.stream || !this.isSeen) return;
    const own = new EventStream({
      url: () => `${this.address}/logs/stream?attempt=${this.options.attempt}&offset=${this.have}`,
      headers: this.options.headers,
      endEvent: "end",
      ...(this.options.fetch ? { fetch: this.options.fetch } : {}),
      handlers: {
        open: () => this.become("live"),
        lost: (status) => this.become("cut", { status, final: false }),
        refused: (status) => {
          this.stream = undefined;
          this.become("cut", { status, final: true });
        },
        end: () => {
          this.stream = undefined;
          this.become("complete");
        },
        message: ({ event, data }) => {
          if (event === "log" && own === this.stream)
            this.follow(JSON.parse(data) as { offset: number; data: string });
        },
      },
    });
    this.stream = own;
  }

  /** What is here already is not taken twice, and a gap is never written over. */
  private follow({ offset, data }: { offset: number; data: string }): void {
    if (offset > this.have) {
      this.stream?.stop();
      this.stream = undefined;
      this.followOn();
      return;
    }
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    this.take(bytes.subarray(this.have - offset));
  }

  private become(state: LogState, trouble?: Trouble): void {
    this.state = state;
    this.trouble = trouble;
    this.options.changed(false);
  }

  /** Waits so long, or until one is asked to try now; without a time, for that only. */
  private async pause(ms: number | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (ms !== undefined) setTimeout(resolve, ms);
    });
    this.wake = undefined;
  }

  /** All bytes from one place to another, for a download. */
  private async range(from: number, to: number): Promise<BlobPart[]> {
    const parts: BlobPart[] = [];
    for (let at = from; at < to; ) {
      const { bytes } = await this.patiently(at);
      if (bytes.length === 0) throw new Refused(0);
      const part = bytes.subarray(0, to - at);
      parts.push(part);
      at += part.length;
    }
    return parts;
  }

  /** A piece, tried a few times. */
  private async patiently(offset: number): Promise<Piece> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.piece(offset);
      } catch (error) {
        if (failures + 1 >= DOWNLOAD_TRIES || isFinal(statusOf(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseAfter(failures)));
      }
    }
  }
}
