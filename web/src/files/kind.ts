/** What a browser can show of a file, by its name; the server decides the same way. */
export type Shown = "picture" | "text" | "nothing";

const PICTURES = ["png", "jpg", "jpeg", "gif", "webp"];
/** What is surely not text. Everything else is looked at. */
const BINARY = [
  "pdf",
  "zip",
  "gz",
  "tgz",
  "xz",
  "bz2",
  "zst",
  "7z",
  "jar",
  "wasm",
  "mp4",
  "webm",
  "mp3",
  "woff2",
];

function ending(path: string): string {
  return /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
}

export function shownAs(path: string): Shown {
  const end = ending(path);
  if (PICTURES.includes(end)) return "picture";
  return BINARY.includes(end) ? "nothing" : "text";
}

/** Whether a file is written to be read, and is drawn as what it means. */
export function isDocument(path: string): boolean {
  return ["md", "markdown"].includes(ending(path));
}

/** The commit that somebody names, if it is a whole id: the server takes no part of one. */
export function commitOf(text: string): string | undefined {
  const id = text.trim().toLowerCase();
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(id) ? id : undefined;
}

/** The place that a link in the file `from` names, in the same repository; `undefined` if it is outside. */
export function placeBeside(from: string, link: string): string | undefined {
  const parts = link.startsWith("/") ? [] : from.split("/").slice(0, -1);
  for (const part of link.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Text of these bytes, or `undefined` if they are none: a NUL among the first is in no text. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.subarray(0, 8_000).includes(0)) return undefined;
  return new TextDecoder().decode(bytes);
}
