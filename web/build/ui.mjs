// The dashboard: what vite makes of src, compressed, with the licences of what is in it.
import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { filesBelow, intoPlace, source, web, writeCompressed } from "./place.mjs";

/** Largest file that may end up in the binary: the layout of graphs has 1.6 MB. */
const FILE_BYTES_MAX = 1_800_000;
/** Files that do not get smaller. */
const COMPRESSED = /\.(woff2|png|jpg|webp)$/;
/** What the build is made from, besides src. */
const INPUTS = ["index.html", "vite.config.ts", "package-lock.json", "build/ui.mjs", "build/place.mjs"];

export async function buildUi() {
  const stamp = join(web, "dist", "ui.stamp");
  const wanted = await inputs();
  const built = await readFile(stamp, "utf8").catch(() => "");
  const there = (await filesBelow(join(web, "dist", "ui"))).length > 0;
  if (built === wanted && there) return "web/dist/ui is up to date";
  const report = await intoPlace("ui", write);
  await writeFile(stamp, wanted);
  return report;
}

/** A name for the state of everything that the build reads. */
async function inputs() {
  const hash = createHash("sha256");
  const sources = (await filesBelow(join(web, "src"))).filter((path) => !path.includes(".test."));
  for (const path of [...INPUTS, ...sources.map((one) => join("src", one))]) {
    hash
      .update(path)
      .update("\0")
      .update(await source(join(web, path)))
      .update("\0");
  }
  return hash.digest("hex");
}

async function write(folder) {
  const { build } = await import("vite").catch(() => {
    throw new Error("vite is not installed; run: npm ci --ignore-scripts");
  });
  await build({ root: web, logLevel: "warn", build: { outDir: folder, emptyOutDir: true } });
  // Which chunk needs which: for the budgets, not for the binary.
  await rename(join(folder, ".vite", "manifest.json"), join(web, "dist", "ui.manifest.json"));
  await rm(join(folder, ".vite"), { recursive: true });
  await writeFile(join(folder, "licences.txt"), await licences());
  let [files, bytes, zipped] = [0, 0, 0];
  for (const name of await filesBelow(folder)) {
    const body = await readFile(join(folder, name));
    if (body.length > FILE_BYTES_MAX) {
      throw new Error(`${name} has ${body.length} bytes; the limit is ${FILE_BYTES_MAX}`);
    }
    files += 1;
    bytes += body.length;
    zipped += COMPRESSED.test(name) ? body.length : await writeCompressed(join(folder, name), body);
  }
  return `web/dist/ui: ${files} files, ${bytes} bytes, ${zipped} as they are sent`;
}

/** The licence of every package that is in the build or was used by it at run time. */
async function licences() {
  const lock = JSON.parse(await source(join(web, "package-lock.json")));
  const parts = ["The dashboard contains these packages.\n"];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (!path || entry.dev || entry.optional || entry.devOptional) continue;
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const file = (await filesOf(join(web, path))).find((one) => /^licen[cs]e(\.md|\.txt)?$/i.test(one));
    const text = file ? await readFile(join(web, path, file), "utf8") : `Licence: ${entry.license}\n`;
    parts.push(
      `${"=".repeat(72)}\n${name} ${entry.version} (${entry.license})\nhttps://www.npmjs.com/package/${name}\n\n${text.trim()}\n`,
    );
  }
  return parts.join("\n");
}

async function filesOf(folder) {
  const { readdir } = await import("node:fs/promises");
  return readdir(folder).catch(() => []);
}
