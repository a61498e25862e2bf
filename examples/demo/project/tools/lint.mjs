// What a machine can hold us to, beyond the tests. Prints every finding; exits with 1 if there is one.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DIAGNOSTICS } from '../src/diagnostics.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const findings = [];

function files(folder = '') {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    if (name === '.git' || name === 'node_modules') return [];
    return statSync(join(root, path)).isDirectory() ? files(path) : [path];
  });
}

for (const path of files()) {
  const text = readFileSync(join(root, path), 'utf8');
  if (!text.endsWith('\n')) findings.push(`${path}: the last line has no end`);
  text.split('\n').forEach((line, at) => {
    const place = `${path}:${at + 1}`;
    if (/[ \t]$/.test(line)) findings.push(`${place}: blanks at the end of the line`);
    if (/^(<{7}|>{7})( |$)/.test(line)) findings.push(`${place}: a conflict is not resolved`);
  });
}

DIAGNOSTICS.forEach(({ code, name }, at) => {
  const expected = `T${String(at + 1).padStart(3, '0')}`;
  if (code !== expected) findings.push(`src/diagnostics.mjs: ${name} has the code ${code}, but is number ${expected} of the table`);
  if (DIAGNOSTICS.findIndex((each) => each.name === name) !== at) findings.push(`src/diagnostics.mjs: ${name} is there twice`);
});

const changes = existsSync(join(root, 'changes')) ? readdirSync(join(root, 'changes')) : [];
for (const path of changes) {
  const lines = readFileSync(join(root, 'changes', path), 'utf8').trimEnd().split('\n');
  if (lines.length !== 1) findings.push(`changes/${path}: a change is one line`);
}

if (existsSync(join(root, 'CHANGELOG.md'))) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const newest = /^## (\S+)/m.exec(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))?.[1];
  if (newest !== version) findings.push(`CHANGELOG.md: its newest version is ${newest}, but package.json says ${version}`);
}

for (const finding of findings) console.log(finding);
process.exitCode = findings.length > 0 ? 1 : 0;
