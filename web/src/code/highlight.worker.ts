/// <reference lib="webworker" />
import type { ElementContent, Root } from "hast";
import { common, createLowlight } from "lowlight";
import type { FromHighlighter, ToHighlighter, Token } from "./colours";

declare const self: DedicatedWorkerGlobalScope;

const lowlight = createLowlight(common);
/** Longer texts stay without colours: nobody reads them line by line. */
const CHARS_MAX = 200_000;

function flatten(
  nodes: ReadonlyArray<ElementContent | Root["children"][number]>,
  names: string,
  lines: Token[][],
): void {
  for (const node of nodes) {
    if (node.type === "text") {
      node.value.split("\n").forEach((text, at) => {
        if (at > 0) lines.push([]);
        if (text) lines.at(-1)?.push({ text, className: names });
      });
    } else if (node.type === "element") {
      const own = node.properties["className"];
      flatten(node.children, Array.isArray(own) ? own.join(" ") : names, lines);
    }
  }
}

self.addEventListener("message", (event: MessageEvent<ToHighlighter>) => {
  const { id, language, text } = event.data;
  let lines: Token[][] | undefined;
  if (lowlight.registered(language) && text.length <= CHARS_MAX) {
    lines = [[]];
    flatten(lowlight.highlight(language, text).children, "", lines);
  }
  self.postMessage({ id, lines } satisfies FromHighlighter);
});
