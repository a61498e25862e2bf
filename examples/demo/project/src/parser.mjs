// Reads a journal. Nothing in a journal can make it throw: what it cannot read, it reports with the number of the line.

import { diagnostic } from './diagnostics.mjs';
import { formatAmount, parseAmount } from './money.mjs';

const HEAD = /^(\d{4}-\d{2}-\d{2})\s+(\S.*)$/;
const POSTING = /^\s+(\S+)(?:\s+(\S+))?\s*$/;

/** The entries of the journal in the order of the file, and what is wrong with it. */
export function parse(source) {
  const entries = [];
  const diagnostics = [];
  const report = (name, line, detail) => diagnostics.push({ ...diagnostic(name), line, detail });
  const lines = source.split(/\r?\n/).map((text, index) => ({ text, number: index + 1 }));

  for (const { text, number } of lines) {
    if (text.trim() === '') continue;

    const head = HEAD.exec(text);
    if (head) {
      entries.push({ date: head[1], text: head[2].trim(), line: number, postings: [] });
      continue;
    }

    const posting = POSTING.exec(text);
    if (!posting || entries.length === 0) {
      report('unreadable-line', number, text.trim());
      continue;
    }
    const amount = parseAmount(posting[2]);
    if (amount === null) report('bad-amount', number, posting[2] ?? '');
    else entries.at(-1).postings.push({ account: posting[1], amount });
  }

  for (const { line, postings } of entries) {
    const sum = postings.reduce((total, { amount }) => total + amount, 0);
    if (sum !== 0) report('unbalanced', line, formatAmount(sum));
  }
  return { entries, diagnostics };
}

/** The journal as text, in the form that `parse` reads. */
export function print(entries) {
  const posting = ({ account, amount }) => `  ${account}  ${formatAmount(amount)}\n`;
  return entries.map(({ date, text, postings }) => `${date} ${text}\n${postings.map(posting).join('')}`).join('\n');
}
