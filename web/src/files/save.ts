import { call } from "../api/client";
import { Problem } from "../api/problem";
import { tellProblem } from "../ui/toast";

/** How long an address of bytes is kept for the browser to read them, in milliseconds. */
const KEEP_MS = 60_000;

/** Gives bytes to the reader as a file. */
export function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MS);
}

/** The bytes of an answer, all of them: one that is cut off on the way is a problem, not a shorter file. */
export async function wholeOf(response: Response, size = lengthOf(response)): Promise<Blob> {
  let blob: Blob;
  try {
    blob = await response.blob();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw Problem.brokenOff();
  }
  if (size !== undefined && blob.size !== size) throw Problem.brokenOff();
  return blob;
}

/** How long the server says that it is, where that is the length of what the page gets. */
function lengthOf(response: Response): number | undefined {
  const length = response.headers.get("content-length");
  return length === null || response.headers.has("content-encoding") ? undefined : Number(length);
}

/** Fetches what is at this address, with the session's secret, and gives it to the reader; or says why not. */
export async function save(path: string, name: string, size?: number): Promise<void> {
  try {
    saveBlob(await wholeOf(await call(path), size), name);
  } catch (error) {
    tellProblem(`${name} could not be downloaded`, error);
  }
}
