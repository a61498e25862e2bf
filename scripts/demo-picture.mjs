#!/usr/bin/env node
// Draws docs/images/demo.svg from a real run: `scripts/demo-picture.mjs target/release/devlab`.
// Runs `devlab demo --once` in a pseudo-terminal (util-linux `script`), takes what happened until
// two thirds of the run, the live table at that moment, and the last line.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const devlab = resolve(process.argv[2] ?? "target/release/devlab");
const out = new URL("../docs/images/demo.svg", import.meta.url);
const STORY_LINES = 14;
const FONT = 14;
const [CHAR, LINE] = [8.43, 21];
const COLOURS = { 31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#56d4dd" };

function record() {
  const dir = mkdtempSync(join(tmpdir(), "devlab-picture-"));
  const file = join(dir, "typescript");
  try {
    const command = `stty cols 100 rows 50; '${devlab.replaceAll("'", "'\\''")}' demo --once`;
    execFileSync("script", ["-qec", command, file], { stdio: "ignore", timeout: 240_000 });
    return readFileSync(file, "utf8").replaceAll("\r", "");
  } finally {
    rmSync(dir, { recursive: true });
  }
}

// Every redrawing ends by moving the cursor up to the start of the table.
function frames(text) {
  return text.split(/\x1b\[\d+F/).map((part) => {
    const [before, table] = part.split("\x1b[?7l");
    return { story: before.split("\n").filter((line) => plain(line).trim()), table: table?.split("\x1b[?7h")[0] };
  });
}

function plain(text) {
  return text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");
}

function spans(line) {
  let style = "";
  return line
    .split(/(\x1b\[[0-9;]*m)/)
    .map((piece) => {
      const codes = piece.match(/^\x1b\[([0-9;]*)m$/);
      if (!codes) {
        const text = plain(piece).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
        return text && `<tspan${style}>${text}</tspan>`;
      }
      style = "";
      for (const code of codes[1].split(";")) {
        if (COLOURS[code]) style += ` fill="${COLOURS[code]}"`;
        if (code === "1") style += ' font-weight="bold"';
        if (code === "2") style += ' opacity="0.6"';
      }
      return "";
    })
    .join("");
}

const text = record();
const all = frames(text).filter((frame) => frame.table);
const until = Math.floor((all.length * 2) / 3);
const story = all.slice(0, until + 1).flatMap((frame) => frame.story);
const last = text.split("\n").findLast((line) => plain(line).startsWith("✓"));
if (!last) throw new Error("the demo did not succeed: run it by hand to see why");
const lines = [
  "\x1b[1m$ devlab demo\x1b[0m",
  ...story.slice(-STORY_LINES),
  ...all[until].table.split("\n").slice(0, -1),
  "\x1b[2m  …\x1b[0m",
  `\x1b[32m${plain(last)}\x1b[0m`,
];
const width = Math.ceil(Math.max(...lines.map((line) => plain(line).length)) * CHAR + 48);
const height = lines.length * LINE + 40;
const rows = lines.map((line, i) => `<text x="24" y="${36 + i * LINE}" xml:space="preserve">${spans(line)}</text>`);
writeFileSync(
  out,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A run of devlab demo in a terminal">
<rect width="100%" height="100%" rx="10" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace" font-size="${FONT}" fill="#e6edf3">
${rows.join("\n")}
</g>
</svg>
`,
);
