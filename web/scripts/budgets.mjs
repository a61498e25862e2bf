// Adds up the JavaScript that a page needs before it is whole, as it is sent,
// and fails when a budget is broken. Reads what `node build.mjs` wrote.
import { readFile } from "node:fs/promises";

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(await readFile(new URL("ui.manifest.json", dist), "utf8"));

/** Bytes of gzip, in thousands, for what the pages load at once. */
const BUDGETS = [
  { page: "log-in", kilobytes: 180, parts: ["index.html", "src/pages/login.tsx"] },
  {
    page: "overview",
    kilobytes: 180,
    parts: ["index.html", "src/shell/shell.tsx", "src/pages/overview.tsx", "src/charts/charts.tsx"],
  },
];

/** The files of some parts and of everything that they import at once. */
function filesOf(parts) {
  const files = new Set();
  const walk = (name) => {
    const part = manifest[name];
    if (!part) throw new Error(`${name} is not in the build`);
    if (files.has(part.file)) return;
    files.add(part.file);
    for (const next of part.imports ?? []) walk(next);
  };
  for (const part of parts) walk(part);
  return [...files].filter((file) => file.endsWith(".js"));
}

let broken = 0;
for (const { page, kilobytes, parts } of BUDGETS) {
  let bytes = 0;
  for (const file of filesOf(parts)) {
    bytes += (await readFile(new URL(`ui/${file}.gz`, dist))).length;
  }
  const used = bytes / 1000;
  const verdict = used <= kilobytes ? "ok" : "TOO LARGE";
  if (used > kilobytes) broken += 1;
  console.log(`${page.padEnd(10)} ${used.toFixed(1).padStart(6)} of ${kilobytes} KB gzip  ${verdict}`);
}
process.exit(broken === 0 ? 0 : 1);
