import { call } from "../api/client";
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

/** Fetches what is at this address, with the session's secret, and gives it to the reader. */
export async function save(path: string, name: string): Promise<void> {
  try {
    saveBlob(await (await call(path)).blob(), name);
  } catch (error) {
    tellProblem(`${name} could not be downloaded`, error);
  }
}
