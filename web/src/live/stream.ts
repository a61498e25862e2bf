import { type SseMessage, SseParser } from "./sse";

/** What a stream tells its owner. */
interface StreamHandlers {
  /** The stream is open. `resumed` is false when it began at "now", so that earlier reads may be old. */
  open: (resumed: boolean) => void;
  message: (message: SseMessage) => void;
  /** The connection was cut, or refused for now with a status (0 without an answer); it is being made again. */
  lost: (status: number) => void;
  /** The server refused: the session is over (401), or this is not for the caller. */
  refused: (status: number) => void;
  /** The server ended the stream with this event, and there is no more. */
  end?: () => void;
}

interface StreamOptions {
  /** Address for going on after `lastId`. */
  url: (lastId: string | undefined) => string;
  headers: Record<string, string>;
  handlers: StreamHandlers;
  /** Name of the event that ends the stream for good. */
  endEvent?: string;
  fetch?: typeof fetch;
}

/** Without a byte for this long the connection is dead: the server sends a comment every 15 s. */
const SILENCE_MS = 40_000;
const RETRY_FIRST_MS = 400;
const RETRY_MAX_MS = 8_000;

/** How long to wait before the next try after so many failures, in milliseconds. */
export function pauseAfter(failures: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failures);
}

/** Whether an answer stays as it is however often one asks: it is not about the moment, or about the way there. */
export function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
}

/** A stream that connects again by itself and goes on after the last event it has seen. */
export class EventStream {
  private lastId: string | undefined;
  private failures = 0;
  private abort: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOpen = false;
  private stopped = false;
  private readonly options: StreamOptions;

  constructor(options: StreamOptions, lastId?: string) {
    this.options = options;
    this.lastId = lastId;
    void this.connect();
  }

  /** Place of the last event. */
  get last(): string | undefined {
    return this.lastId;
  }

  /** Connects now instead of when the pause is over, or in place of a try that nobody answers. */
  retryNow(): void {
    if (this.stopped || this.isOpen) return;
    clearTimeout(this.timer);
    const hanging = this.abort;
    void this.connect();
    hanging?.abort();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.abort?.abort();
  }

  private async connect(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    let silence: ReturnType<typeof setTimeout> | undefined;
    let status = 0;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MS);
    };
    try {
      heard();
      const resumed = this.lastId !== undefined;
      const response = await (this.options.fetch ?? fetch)(this.options.url(this.lastId), {
        headers: { Accept: "text/event-stream", ...this.options.headers },
        signal: abort.signal,
        cache: "no-store",
      });
      if (this.stopped || this.abort !== abort) return;
      if (isFinal(response.status)) {
        this.stopped = true;
        this.options.handlers.refused(response.status);
        return;
      }
      if (!response.ok || !response.body) {
        status = response.status;
        throw new Error(`status ${status}`);
      }
      this.failures = 0;
      this.isOpen = true;
      this.options.handlers.open(resumed);
      if (await this.read(response.body, heard)) return;
    } catch {
      // Told below: a cut and a refusal to connect are the same to the reader.
    } finally {
      clearTimeout(silence);
    }
    // Another try has taken the place of this one.
    if (this.abort !== abort) return;
    this.abort = undefined;
    this.isOpen = false;
    this.again(status);
  }

  /** True when the stream has ended for good. */
  private async read(body: ReadableStream<Uint8Array>, heard: () => void): Promise<boolean> {
    const parser = new SseParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.stopped) return this.stopped;
      heard();
      for (const message of parser.push(decoder.decode(value, { stream: true }))) {
        if (message.id !== undefined) this.lastId = message.id;
        if (message.event === this.options.endEvent) {
          this.stopped = true;
          this.options.handlers.end?.();
          return true;
        }
        this.options.handlers.message(message);
      }
    }
  }

  private again(status: number): void {
    if (this.stopped) return;
    this.options.handlers.lost(status);
    this.timer = setTimeout(() => void this.connect(), pauseAfter(this.failures));
    this.failures += 1;
  }
}
