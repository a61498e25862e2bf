/** What a page asks of the worker that keeps a log. */
export type ToLog =
  | { type: "open"; task: string; attempt: string; live: boolean; headers: Record<string, string> }
  | { type: "lines"; page: number }
  | { type: "find"; id: number; words: string[] }
  | { type: "at"; id: number; byte: number }
  | { type: "blob" }
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
    }
  | { type: "lines"; page: number; lines: string[] }
  | { type: "found"; id: number; lines: Uint32Array<ArrayBuffer> }
  | { type: "at"; id: number; line: number }
  | { type: "blob"; blob: Blob }
  | { type: "failed"; status: number };

export type LogState = "loading" | "live" | "cut" | "complete";

/** Lines that are asked for together. */
export const PAGE_LINES = 200;
