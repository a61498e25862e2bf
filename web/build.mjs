// Copies the API documentation page and its one pinned bundle to dist/docs,
// each file with a .gz beside it, so that the server compresses nothing while
// it answers. Run by `make web`; `cargo build` never runs it.
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";

const compress = promisify(gzip);
const here = dirname(fileURLToPath(import.meta.url));
const bundle = join(here, "node_modules", "rapidoc");

/** Largest file that may end up in the binary; a bundle that outgrows it is a decision. */
const FILE_BYTES_MAX = 1_500_000;

/** Every file of the page: its name in dist/docs and where it comes from. */
const FILES = [
  ["index.html", join(here, "docs", "index.html")],
  ["docs.js", join(here, "docs", "docs.js")],
  ["docs.css", join(here, "docs", "docs.css")],
  ["rapidoc-min.js", join(bundle, "dist", "rapidoc-min.js")],
  ["rapidoc-min.js.LICENSE.txt", join(bundle, "dist", "rapidoc-min.js.LICENSE.txt")],
  ["rapidoc.LICENSE.txt", join(bundle, "LICENSE.txt")],
];

/** Reads one source file, or says which command is missing. */
async function source(path) {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`${path} cannot be read (${error.code}); run: npm ci --ignore-scripts`);
  }
}

/** Writes the whole page into `folder` and returns one line per file. */
async function writePage(folder) {
  const lines = [];
  for (const [name, from] of FILES) {
    const body = await source(from);
    if (body.length > FILE_BYTES_MAX) {
      throw new Error(`${name} has ${body.length} bytes; the limit is ${FILE_BYTES_MAX}`);
    }
    const zipped = await compress(body, { level: constants.Z_BEST_COMPRESSION });
    await writeFile(join(folder, name), body);
    await writeFile(join(folder, `${name}.gz`), zipped);
    const hash = createHash("sha256").update(body).digest("hex").slice(0, 12);
    lines.push(`${name.padEnd(28)} ${String(body.length).padStart(8)} ${String(zipped.length).padStart(8)} gz  ${hash}`);
  }
  return lines;
}

/** True when both folders hold the same files with the same bytes. */
async function same(left, right) {
  const names = (folder) => readdir(folder).then((list) => list.sort(), () => []);
  const [a, b] = await Promise.all([names(left), names(right)]);
  if (a.join("\n") !== b.join("\n")) return false;
  for (const name of a) {
    const [x, y] = await Promise.all([readFile(join(left, name)), readFile(join(right, name))]);
    if (!x.equals(y)) return false;
  }
  return true;
}

// Built beside its place and then moved, so that a build that fails halfway
// leaves the page that was there. An unchanged page keeps its modification
// times, so that cargo does not build the server anew.
const dist = join(here, "dist");
const next = join(dist, `.docs-${process.pid}`);
await mkdir(next, { recursive: true });
try {
  const lines = await writePage(next);
  const place = join(dist, "docs");
  if (await same(next, place)) {
    console.log("web/dist/docs is up to date");
  } else {
    await rm(place, { recursive: true, force: true });
    await rename(next, place).catch(() => cp(next, place, { recursive: true }));
    console.log(lines.join("\n"));
  }
} finally {
  await rm(next, { recursive: true, force: true });
}
