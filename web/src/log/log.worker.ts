/// <reference lib="webworker" />
import { EventStream } from "../live/stream";
import { LogBuffer } from "./buffer";
import { type FromLog, type LogState, PAGE_LINES, type ToLog } from "./protocol";

declare const self: DedicatedWorkerGlobalScope;

/** The server's largest piece, in bytes. */
const CHUNK = 262_144;
/** Pieces that are asked for at one time: a browser has six connections to a host. */
const ABREAST = 3;
/** Most bytes that are kept; of a larger log, the end. */
const KEPT_MAX = 256 * 1024 * 1024;
/** Growth is told at most this often, in milliseconds. */
const TELL_MS = 100;

const log = new LogBuffer();
let opened: Extract<ToLog, { type: "open" }> | undefined;
let stream: EventStream | undefined;
let state: LogState = "loading";
let total = 0;
let skipped = 0;
let seen = true;
let timer: ReturnType<typeof setTimeout> | undefined;

function send(message: FromLog, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

function tell(): void {
  clearTimeout(timer);
  timer = undefined;
  send({
    type: "grown",
    lines: log.lines,
    bytes: log.length,
    total: Math.max(total, skipped + log.length),
    skipped,
    state,
  });
}

function tellSoon(): void {
  timer ??= setTimeout(tell, TELL_MS);
}

function address(kind: "logs" | "logs/stream", offset: number | string): string {
  if (!opened) throw new Error("no log is open");
  const limit = kind === "logs" ? `&limit=${CHUNK}` : "";
  return `/api/v1/tasks/${opened.task}/${kind}?attempt=${opened.attempt}&offset=${offset}${limit}`;
}

async function piece(offset: number): Promise<Uint8Array> {
  const response = await fetch(address("logs", offset), { headers: opened?.headers ?? {} });
  if (!response.ok) throw response.status;
  total = Math.max(total, Number(response.headers.get("x-log-length") ?? 0));
  return new Uint8Array(await response.arrayBuffer());
}

/** Reads what is there, in order, a few pieces at a time. */
async function load(): Promise<void> {
  const first = await piece(0);
  if (total > KEPT_MAX) skipped = total - KEPT_MAX;
  else log.append(first);
  tell();
  let next = skipped + log.length;
  let flying: Array<{ offset: number; bytes: Promise<Uint8Array> }> = [];
  for (let have = next; have < total; have = skipped + log.length) {
    while (flying.length < ABREAST && next < total) {
      flying.push({ offset: next, bytes: piece(next) });
      next += CHUNK;
    }
    const one = flying.shift();
    if (!one || one.offset !== have) {
      // The one before was short: the log's end, when it was asked for. It goes on from there.
      await Promise.allSettled(flying.map((each) => each.bytes));
      flying = [];
      next = have;
      continue;
    }
    const bytes = await one.bytes;
    if (bytes.length === 0) break;
    log.append(bytes);
    tellSoon();
  }
}

function followOn(): void {
  if (!opened || stream || !seen) return;
  stream = new EventStream({
    url: () => address("logs/stream", skipped + log.length),
    headers: opened.headers,
    endEvent: "end",
    handlers: {
      open: () => become("live"),
      lost: () => become("cut"),
      refused: (status) => {
        stream = undefined;
        send({ type: "failed", status });
      },
      end: () => {
        stream = undefined;
        become("complete");
      },
      message: (message) => {
        if (message.event !== "log") return;
        const { offset, data } = JSON.parse(message.data) as { offset: number; data: string };
        const have = skipped + log.length;
        // What is here already is not taken twice, and a gap is never written over.
        if (offset > have) {
          stream?.stop();
          stream = undefined;
          followOn();
          return;
        }
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        log.append(bytes.subarray(have - offset));
        tellSoon();
      },
    },
  });
}

function become(next: LogState): void {
  state = next;
  tell();
}

async function open(message: Extract<ToLog, { type: "open" }>): Promise<void> {
  opened = message;
  try {
    await load();
  } catch (error) {
    send({ type: "failed", status: typeof error === "number" ? error : 0 });
    return;
  }
  if (message.live) followOn();
  else become("complete");
}

async function blob(): Promise<Blob> {
  const head: BlobPart[] = [];
  for (let offset = 0; offset < skipped; offset += CHUNK) {
    const bytes = await piece(offset);
    head.push(new Uint8Array(bytes.subarray(0, Math.min(bytes.length, skipped - offset))));
  }
  return new Blob([...head, log.blob()], { type: "text/plain" });
}

self.addEventListener("message", (event: MessageEvent<ToLog>) => {
  const message = event.data;
  switch (message.type) {
    case "open":
      void open(message);
      break;
    case "lines": {
      const from = message.page * PAGE_LINES;
      send({ type: "lines", page: message.page, lines: log.slice(from, from + PAGE_LINES) });
      break;
    }
    case "find": {
      const lines = log.find(message.words);
      send({ type: "found", id: message.id, lines }, [lines.buffer]);
      break;
    }
    case "at":
      send({ type: "at", id: message.id, line: log.lineAt(Math.max(0, message.byte - skipped)) });
      break;
    case "blob":
      void blob().then((whole) => send({ type: "blob", blob: whole }));
      break;
    case "seen":
      seen = message.seen;
      if (!seen) {
        stream?.stop();
        stream = undefined;
      } else if (opened?.live && state !== "complete" && state !== "loading") {
        followOn();
      }
      break;
  }
});
