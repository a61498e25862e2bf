// Prints docs/diagnostics.md: every diagnostic with a journal that causes it.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DIAGNOSTICS } from '../src/diagnostics.mjs';
import { parse } from '../src/parser.mjs';

const CAUSES = {
  'unreadable-line': 'what is this\n',
  'bad-amount': '2026-01-05 Groceries\n  food  lots\n',
  unbalanced: '2026-01-05 Groceries\n  food   42.50\n  cash  -42.05\n',
  'unclosed-comment': 'comment\nand so on\n',
  'impossible-date': '2026-02-30 Groceries\n',
};

/** The page; throws if a diagnostic has no journal here, or its journal causes another one. */
export function diagnosticsPage() {
  const sections = DIAGNOSTICS.map(({ code, name, meaning }) => {
    const source = CAUSES[name];
    if (!source) throw new Error(`no journal shows ${name}`);
    const caused = parse(source).diagnostics;
    if (caused.length !== 1 || caused[0].code !== code) throw new Error(`the journal of ${name} causes ${JSON.stringify(caused)}`);
    const { line, detail } = caused[0];
    const shown = source.trimEnd().split('\n').map((text) => `    ${text}\n`).join('');
    return `## ${code} ${name}\n\nReported when ${meaning}. This journal has it in line ${line} (\`${detail}\`):\n\n${shown}`;
  });
  return `# What can be wrong with a journal\n\n${sections.join('\n')}`;
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) process.stdout.write(diagnosticsPage());
