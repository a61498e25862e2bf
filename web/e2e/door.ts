import { createServer, request } from "node:http";
import { freePort } from "./lab";

const EVENTS = "/api/events";

/** The way to a dashboard. Calls of shared workers, which the browser does not let a test see, pass it too. */
export class Door {
  /** Every call of the event stream that has come by. */
  readonly streams: string[] = [];
  private isShut = false;
  private refusal: number | undefined;
  private readonly to: URL;
  private readonly server = createServer((incoming, response) => {
    const path = incoming.url ?? "/";
    if (this.isShut) return void incoming.socket.destroy();
    if (path.startsWith(EVENTS)) {
      this.streams.push(path);
      if (this.refusal) return void response.writeHead(this.refusal).end();
    }
    const { method, headers } = incoming;
    const sent = request({ host: this.to.hostname, port: this.to.port, path, method, headers }, (got) => {
      response.writeHead(got.statusCode ?? 502, got.headers);
      got.on("error", () => response.destroy());
      got.pipe(response);
    });
    sent.on("error", () => response.destroy());
    response.on("close", () => sent.destroy());
    incoming.pipe(sent);
    return undefined;
  });

  private constructor(to: string) {
    this.to = new URL(to);
  }

  static async before(dashboard: string): Promise<{ door: Door; origin: string }> {
    const door = new Door(dashboard);
    const port = await freePort();
    await new Promise<void>((resolve) => door.server.listen(port, "127.0.0.1", resolve));
    return { door, origin: `http://127.0.0.1:${port}` };
  }

  /** From now on nothing comes through, and what was under way is cut. */
  shut(): void {
    this.isShut = true;
    this.server.closeAllConnections();
  }

  open(): void {
    this.isShut = false;
  }

  /** What event streams are answered with, instead of being let through. */
  refuseStreams(status: number | undefined): void {
    this.refusal = status;
  }

  takeAway(): void {
    this.shut();
    this.server.close();
  }
}
