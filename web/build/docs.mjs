// The page of the API: a page, a script and a style of ours, and one pinned bundle.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { intoPlace, source, web, writeCompressed } from "./place.mjs";

const bundle = join(web, "node_modules", "rapidoc");

/** Largest file that may end up in the binary; a bundle that outgrows it is a decision. */
const FILE_BYTES_MAX = 1_500_000;

/** Every file of the page: its name in dist/docs and where it comes from. */
const FILES = [
  ["index.html", join(web, "docs", "index.html")],
  ["docs.js", join(web, "docs", "docs.js")],
  ["docs.css", join(web, "docs", "docs.css")],
  ["rapidoc-min.js", join(bundle, "dist", "rapidoc-min.js")],
  ["rapidoc-min.js.LICENSE.txt", join(bundle, "dist", "rapidoc-min.js.LICENSE.txt")],
  ["rapidoc.LICENSE.txt", join(bundle, "LICENSE.txt")],
];

export function buildDocs() {
  return intoPlace("docs", async (folder) => {
    const lines = [];
    for (const [name, from] of FILES) {
      const body = await source(from);
      if (body.length > FILE_BYTES_MAX) {
        throw new Error(`${name} has ${body.length} bytes; the limit is ${FILE_BYTES_MAX}`);
      }
      await writeFile(join(folder, name), body);
      const zipped = await writeCompressed(join(folder, name), body);
      const hash = createHash("sha256").update(body).digest("hex").slice(0, 12);
      lines.push(
        `${name.padEnd(28)} ${String(body.length).padStart(8)} ${String(zipped).padStart(8)} gz  ${hash}`,
      );
    }
    return lines.join("\n");
  });
}
