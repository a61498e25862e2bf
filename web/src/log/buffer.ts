/** A log as bytes, with the place of each line. Kept by a worker, so that a page stays fluid. */

const LF = 10;
const CR = 13;
const FIRST_CAPACITY = 1 << 20;
/** Longest piece of a line that is shown, in bytes. */
export const LINE_BYTES_MAX = 8_192;
/** Most lines that a search finds. */
export const FOUND_MAX = 100_000;

/** Words that are likely to stand where something went wrong. */
export const ERROR_WORDS = ["error", "failed", "failure", "panic", "fatal", "exception", "traceback"];

/** So many bytes are searched at once. */
const SEARCHED = 1 << 22;
/** One letter for each byte, so that places in a text are places in its bytes. */
const latin = new TextDecoder("latin1");

interface Needle {
  low: Uint8Array;
  up: Uint8Array;
  /** How it looks among bytes that were read as letters, in lower case. */
  forms: string[];
}

function needleOf(word: string): Needle {
  const encoder = new TextEncoder();
  const low = encoder.encode(word.toLowerCase());
  const large = encoder.encode(word.toUpperCase());
  // A letter whose two cases differ in length is looked for as it stands.
  const up = large.length === low.length ? large : low;
  const forms = new Set([low, up].map((bytes) => latin.decode(bytes).toLowerCase()));
  return { low, up, forms: [...forms] };
}

export class LogBuffer {
  private bytes = new Uint8Array(FIRST_CAPACITY);
  private used = 0;
  private starts = new Float64Array(1024);
  private count = 1;
  private readonly decoder = new TextDecoder();

  /** Length in bytes. */
  get length(): number {
    return this.used;
  }

  /** Lines, the last one also if it has no end yet, but not if it is empty. */
  get lines(): number {
    return this.starts[this.count - 1] === this.used ? this.count - 1 : this.count;
  }

  append(chunk: Uint8Array): void {
    this.reserve(this.used + chunk.length);
    this.bytes.set(chunk, this.used);
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
      if (this.count === this.starts.length) {
        const wider = new Float64Array(this.starts.length * 2);
        wider.set(this.starts);
        this.starts = wider;
      }
      this.starts[this.count] = this.used + at + 1;
      this.count += 1;
    }
    this.used += chunk.length;
  }

  /** Text of a line without its end. What a carriage return has overwritten is left out. */
  line(index: number): string {
    let from = this.starts[index] ?? this.used;
    let to = index + 1 < this.count ? (this.starts[index + 1] ?? this.used) - 1 : this.used;
    if (to > from && this.bytes[to - 1] === CR) to -= 1;
    const back = this.bytes.subarray(from, to).lastIndexOf(CR);
    if (back >= 0) from += back + 1;
    const cut = to - from > LINE_BYTES_MAX;
    const text = this.decoder.decode(this.bytes.subarray(from, cut ? from + LINE_BYTES_MAX : to));
    return cut ? `${text}… (${to - from - LINE_BYTES_MAX} more bytes)` : text;
  }

  slice(from: number, to: number): string[] {
    const lines: string[] = [];
    for (let index = Math.max(0, from); index < Math.min(to, this.lines); index += 1) {
      lines.push(this.line(index));
    }
    return lines;
  }

  /** Line that has this byte. */
  lineAt(byte: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.starts[middle] ?? 0) <= byte) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Lines that have one of these words, letters of either case, and whether there are more of them. */
  find(words: readonly string[]): { lines: Uint32Array<ArrayBuffer>; more: boolean } {
    const needles = words.filter((word) => word !== "").map(needleOf);
    const overlap = Math.max(0, ...needles.map((needle) => needle.low.length - 1));
    const found: number[] = [];
    for (let from = 0; from < this.used && found.length <= FOUND_MAX; from += SEARCHED) {
      const to = Math.min(this.used, from + SEARCHED + overlap);
      // The browser's own search of strings is many times faster than a loop over bytes.
      const text = latin.decode(this.bytes.subarray(from, to)).toLowerCase();
      const lines = new Set<number>();
      for (const needle of needles) {
        for (const form of needle.forms) this.findIn(text, from, form, needle, lines);
      }
      for (const line of [...lines].sort((a, b) => a - b)) if (line !== found.at(-1)) found.push(line);
    }
    return { lines: Uint32Array.from(found.slice(0, FOUND_MAX)), more: found.length > FOUND_MAX };
  }

  /** Adds the lines of one piece of the log that have one form of a word. One hit a line is enough. */
  private findIn(text: string, from: number, form: string, needle: Needle, lines: Set<number>): void {
    let line = this.lineAt(from);
    for (let at = text.indexOf(form); at >= 0 && at < SEARCHED; ) {
      if (!this.is(needle, from + at)) {
        at = text.indexOf(form, at + 1);
        continue;
      }
      line = this.lineFrom(line, from + at);
      lines.add(line);
      if (lines.size > FOUND_MAX) return;
      const next = line + 1 < this.count ? (this.starts[line + 1] ?? this.used) : this.used;
      at = text.indexOf(form, next - from);
    }
  }

  /** All of it, for a download. */
  blob(): Blob {
    return new Blob([this.bytes.slice(0, this.used)], { type: "text/plain" });
  }

  private is(needle: Needle, at: number): boolean {
    const { low, up } = needle;
    if (at + low.length > this.used) return false;
    for (let i = 0; i < low.length; i += 1) {
      const byte = this.bytes[at + i];
      if (byte !== low[i] && byte !== up[i]) return false;
    }
    return true;
  }

  /** The line of a byte, when it is not before line `from`. */
  private lineFrom(from: number, byte: number): number {
    // Most often it is near; then walking is faster than halving.
    for (let line = from; line < from + 8; line += 1) {
      if (line + 1 >= this.count || (this.starts[line + 1] ?? 0) > byte) return line;
    }
    return this.lineAt(byte);
  }

  private reserve(length: number): void {
    if (length <= this.bytes.length) return;
    let capacity = this.bytes.length;
    while (capacity < length) capacity *= 2;
    const wider = new Uint8Array(capacity);
    wider.set(this.bytes.subarray(0, this.used));
    this.bytes = wider;
  }
}
