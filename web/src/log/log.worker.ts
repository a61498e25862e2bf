/// <reference lib="webworker" />
import type { LogBuffer } from "./buffer";
import { type FromLog, PAGE_LINES, type ToLog } from "./protocol";
import { LogReader, Refused } from "./reader";

declare const self: DedicatedWorkerGlobalScope;

/** Growth is told at most this often, in milliseconds. */
const TELL_MS = 100;

let reader: LogReader | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Whether the page has the first lines: it would ask for them, and wait meanwhile. */
let hasBegun = false;

function send(message: FromLog, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

function lines(log: LogBuffer, page: number): void {
  const first = page * PAGE_LINES;
  send({ type: "lines", page, lines: log.slice(first, first + PAGE_LINES) });
}

function tell(): void {
  clearTimeout(timer);
  timer = undefined;
  if (!reader) return;
  const { log, total, have, skipped, state, trouble } = reader;
  if (!hasBegun && log.lines > 0) {
    hasBegun = true;
    lines(log, 0);
  }
  send({
    type: "grown",
    lines: log.lines,
    bytes: log.length,
    total: Math.max(total, have),
    skipped,
    state,
    trouble,
  });
}

function open({ task, attempt, live, seen, headers }: Extract<ToLog, { type: "open" }>): void {
  const changed = (soon: boolean) => {
    if (soon) timer ??= setTimeout(tell, TELL_MS);
    else tell();
  };
  reader = new LogReader({ task, attempt, live, seen, headers, changed });
  void reader.open();
}

async function blob(from: LogReader, id: number): Promise<void> {
  try {
    send({ type: "blob", id, blob: await from.whole() });
  } catch (error) {
    send({ type: "broken", id, status: error instanceof Refused ? error.status : 0 });
  }
}

function hear(message: Exclude<ToLog, { type: "open" }>, from: LogReader): void {
  switch (message.type) {
    case "lines":
      lines(from.log, message.page);
      break;
    case "find": {
      const { lines, more } = from.log.find(message.words);
      send({ type: "found", id: message.id, lines, more }, [lines.buffer]);
      break;
    }
    case "at": {
      const line = from.log.lineAt(Math.max(0, message.byte - from.skipped));
      send({ type: "at", id: message.id, line });
      break;
    }
    case "blob":
      void blob(from, message.id);
      break;
    case "retry":
      from.retry();
      break;
    case "seen":
      from.see(message.seen);
      break;
  }
}

self.addEventListener("message", ({ data: message }: MessageEvent<ToLog>) => {
  if (message.type === "open") open(message);
  else if (reader) hear(message, reader);
});
