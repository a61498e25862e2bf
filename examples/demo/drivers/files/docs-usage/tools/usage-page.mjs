// Prints docs/usage.md: what every command and every format really answers.

import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from '../src/cli.mjs';
import { loadCommands, loadFormats } from '../src/load.mjs';

const JOURNAL = 'examples/household.journal';
const read = (file) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

async function shown(...argv) {
  const { status, out, err } = await main(argv, read);
  if (status !== 0) throw new Error(`tally ${argv.join(' ')} ends with ${status}: ${err}`);
  const lines = `$ tally ${argv.join(' ')}\n${out}`.trimEnd().split('\n');
  return lines.map((line) => `${`    ${line}`.trimEnd()}\n`).join('');
}

export async function usagePage() {
  const parts = ['# Usage\n\nEverything here was run; nothing was typed.\n'];
  for (const { name, summary } of (await loadCommands()).values()) {
    parts.push(`\n## tally ${name}\n\nShows ${summary}.\n\n${await shown(name, JOURNAL)}`);
  }
  for (const format of (await loadFormats()).keys()) {
    parts.push(`\n## --format ${format}\n\n${await shown('print', JOURNAL, '--format', format, '--until', '2026-01-31')}`);
  }
  return parts.join('');
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) process.stdout.write(await usagePage());
