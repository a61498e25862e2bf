/** One event of a stream of server-sent events. */
export interface SseMessage {
  id: string | undefined;
  event: string;
  data: string;
}

/**
 * Reads server-sent events (WHATWG HTML §9.2) from the chunks of a fetch body.
 * EventSource cannot send the session's header.
 */
export class SseParser {
  private rest = "";
  private data: string[] = [];
  private event = "message";
  private id: string | undefined;

  /** The complete events of one more chunk. */
  push(chunk: string): SseMessage[] {
    const text = this.rest + chunk;
    const found: SseMessage[] = [];
    let from = 0;
    for (;;) {
      const end = text.slice(from).search(/[\r\n]/);
      if (end < 0) break;
      const at = from + end;
      // A CR at the end may be the first half of CR LF.
      if (text[at] === "\r" && at + 1 === text.length) break;
      const next = text[at] === "\r" && text[at + 1] === "\n" ? at + 2 : at + 1;
      const message = this.line(text.slice(from, at));
      if (message) found.push(message);
      from = next;
    }
    this.rest = text.slice(from);
    return found;
  }

  private line(line: string): SseMessage | undefined {
    if (line === "") return this.dispatch();
    if (line.startsWith(":")) return undefined;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id") this.id = value;
    return undefined;
  }

  private dispatch(): SseMessage | undefined {
    const message =
      this.data.length > 0 ? { id: this.id, event: this.event, data: this.data.join("\n") } : undefined;
    this.data = [];
    this.event = "message";
    return message;
  }
}
