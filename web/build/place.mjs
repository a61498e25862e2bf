// Putting a folder of built files into its place.
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";

const compress = promisify(gzip);

/** The folder `web`. */
export const web = dirname(dirname(fileURLToPath(import.meta.url)));

/** Reads one source file, or says which command is missing. */
export async function source(path) {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`${path} cannot be read (${error.code}); run: npm ci --ignore-scripts`);
  }
}

/** Paths of all files below a folder, in order. */
export async function filesBelow(folder) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort();
}

/** Writes `path.gz` and returns its size. */
export async function writeCompressed(path, body) {
  const zipped = await compress(body, { level: constants.Z_BEST_COMPRESSION });
  await writeFile(`${path}.gz`, zipped);
  return zipped.length;
}

async function same(left, right) {
  const [a, b] = await Promise.all([filesBelow(left), filesBelow(right)]);
  if (a.join("\n") !== b.join("\n")) return false;
  for (const name of a) {
    const [x, y] = await Promise.all([readFile(join(left, name)), readFile(join(right, name))]);
    if (!x.equals(y)) return false;
  }
  return true;
}

/**
 * Lets `write` fill a folder beside `dist/NAME` and moves it there, so that a
 * build that fails halfway leaves what was there. Unchanged files keep their
 * modification times, so that cargo does not build the server anew.
 */
export async function intoPlace(name, write) {
  const dist = join(web, "dist");
  const next = join(dist, `.${name}-${process.pid}`);
  await mkdir(next, { recursive: true });
  try {
    const report = await write(next);
    const place = join(dist, name);
    if (await same(next, place)) return `web/dist/${name} is up to date`;
    await rm(place, { recursive: true, force: true });
    await rename(next, place).catch(() => cp(next, place, { recursive: true }));
    return report;
  } finally {
    await rm(next, { recursive: true, force: true });
  }
}
