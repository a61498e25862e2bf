// Adds up the JavaScript that a page needs before it is whole, as it is sent,
// and fails when a budget is broken. Reads what `node build.mjs` wrote.
import { readdir, readFile } from "node:fs/promises";

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(await readFile(new URL("ui.manifest.json", dist), "utf8"));

/**
 * Bytes of gzip, in thousands, for what the pages load at once. What their parts load later by
 * themselves is named too, so that nothing comes without a decision.
 */
const BUDGETS = [
  { page: "log-in", kilobytes: 180, parts: ["index.html", "src/pages/login.tsx"], workers: [], later: [] },
  {
    page: "overview",
    kilobytes: 180,
    parts: ["index.html", "src/shell/shell.tsx", "src/pages/overview.tsx", "src/charts/charts.tsx"],
    workers: ["hub.worker"],
    later: [
      "src/shell/palette.tsx",
      "src/shell/help.tsx",
      "src/shell/menu-sheet.tsx",
      "src/ui/toaster.tsx",
      "bulk-bar",
    ],
  },
];

/** What somebody has to ask for: a page, or a dialog. */
function undecided({ parts, later }) {
  // The entry has all pages, each for its own address.
  const own = parts.filter((name) => name !== "index.html");
  const found = own
    .flatMap((name) => manifest[name]?.dynamicImports ?? [])
    .map((name) => manifest[name].src ?? manifest[name].name);
  return found.filter((name) => !parts.includes(name) && !later.includes(name));
}

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
const assets = await readdir(new URL("ui/assets/", dist));
for (const { page, kilobytes, parts, workers, later } of BUDGETS) {
  const more = undecided({ parts, later });
  if (more.length > 0) throw new Error(`${page}: say whether it loads ${more.join(", ")} at once or later`);
  const running = workers.map((name) => {
    const file = assets.find((file) => file.startsWith(`${name}-`) && file.endsWith(".js"));
    if (!file) throw new Error(`${name} is not in the build`);
    return `assets/${file}`;
  });
  let bytes = 0;
  for (const file of [...filesOf(parts), ...running]) {
    bytes += (await readFile(new URL(`ui/${file}.gz`, dist))).length;
  }
  const used = bytes / 1000;
  const verdict = used <= kilobytes ? "ok" : "TOO LARGE";
  if (used > kilobytes) broken += 1;
  console.log(`${page.padEnd(10)} ${used.toFixed(1).padStart(6)} of ${kilobytes} KB gzip  ${verdict}`);
}
process.exit(broken === 0 ? 0 : 1);
