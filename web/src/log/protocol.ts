/** What a page asks of the worker that keeps a log. */
export type ToLog =
  | {
      type: "open";
      task: string;
      attempt: string;
      live: boolean;
      /** Whether the page is seen when it is opened; `seen` says what becomes of that. */
      seen: boolean;
      headers: Record<string, string>;
    }
  | { type: "lines"; page: number }
  | { type: "find"; id: number; words: string[] }
  | { type: "at"; id: number; byte: number }
  /** All of it, the part that is not here too. */
  | { type: "blob"; id: number }
  /** Tries now what waits for its next try, or what was refused. */
  | { type: "retry" }
  /** A page that is not seen holds no connection. */
  | { type: "seen"; seen: boolean };

/** What the worker answers. */
export type FromLog =
  | {
      type: "grown";
      lines: number;
      /** Bytes that are here, and all that there are. */
      bytes: number;
      total: number;
      /** Bytes at the beginning that are not kept, because the log is too large. */
      skipped: number;
      state: LogState;
      /** What went wrong last, until it is well again. */
      trouble: Trouble | undefined;
    }
  | { type: "lines"; page: number; lines: string[] }
  | { type: "found"; id: number; lines: Uint32Array<ArrayBuffer>; more: boolean }
  | { type: "at"; id: number; line: number }
  | { type: "blob"; id: number; blob: Blob }
  /** There is no such blob: it broke off, or the server refused with a status. */
  | { type: "broken"; id: number; status: number };

/** Lines that a search has found, from 0. */
export interface Found {
  lines: readonly number[];
  /** Whether there are more than these. */
  more: boolean;
}

export type LogState = "loading" | "live" | "cut" | "complete";

/** Why the log is not read any further at the moment. */
export interface Trouble {
  /** Status of a refusal; 0 when no answer came, or not all of it. */
  status: number;
  /** Whether it is not tried again by itself. */
  final: boolean;
}

/** Lines that are asked for together. */
export const PAGE_LINES = 200;
