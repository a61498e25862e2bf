#!/usr/bin/env node
// Checks that every relative link and picture in a committed Markdown file
// leads to a file of this repository, and every #anchor to a heading there.
// Links to other hosts are not followed.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));

const pages = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"])
  .toString()
  .split("\0")
  .filter((path) => path !== "" && existsSync(path));

/** A page's text without fenced and inline code, where brackets are no links. */
const prose = (path) =>
  readFileSync(path, "utf8")
    .replace(/^(`{3,}|~{3,}).*?^\1\s*$/gms, "")
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, " "));

/** The anchors that a page's headings get, by the rule common to git hosts. */
const anchors = (path) => {
  const found = new Map();
  const text = readFileSync(path, "utf8").replace(/^(`{3,}|~{3,}).*?^\1\s*$/gms, "");
  const list = [...text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map(([, heading]) => {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    const count = found.get(slug) ?? 0;
    found.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  return new Set(list);
};

const problems = [];
let count = 0;
for (const page of pages) {
  const text = prose(page);
  const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const named = [...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)];
  const tags = [...text.matchAll(/<(?:img|a|source)[^>]*\s(?:src|href|srcset)="([^"]+)"/g)];
  for (const [, link] of [...inline, ...named, ...tags]) {
    if (/^[a-z][a-z0-9+.-]*:/i.test(link) || link.startsWith("//")) continue;
    count += 1;
    const [path, anchor] = decodeURIComponent(link).split("#");
    const target = path === "" ? page : normalize(path.startsWith("/") ? path.slice(1) : join(dirname(page), path));
    if (target.startsWith("..") || !existsSync(target)) {
      problems.push(`${page}: ${link} leads to nothing`);
    } else if (anchor && statSync(target).isFile() && target.endsWith(".md") && !anchors(target).has(anchor)) {
      problems.push(`${page}: ${link} names no heading of ${target}`);
    }
  }
}

for (const problem of problems) console.error(problem);
console.log(`${count} links in ${pages.length} pages, ${problems.length} broken`);
process.exit(problems.length === 0 ? 0 : 1);
