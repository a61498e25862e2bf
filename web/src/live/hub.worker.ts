/// <reference lib="webworker" />
import { type FromHub, Hub, type Page, type ToHub } from "./hub";

declare const self: SharedWorkerGlobalScope;

const hub = new Hub(() => Date.now());

self.addEventListener("connect", (event) => {
  const port = event.ports[0];
  if (!port) return;
  const page: Page = { send: (message: FromHub) => port.postMessage(message) };
  port.addEventListener("message", (said: MessageEvent<ToHub>) => hub.hear(page, said.data));
  port.start();
});
