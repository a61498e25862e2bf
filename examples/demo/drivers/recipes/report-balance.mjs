import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { generator } from '../random.mjs';

const JOURNALS = 20_000;

export const tests = ['test/balance.test.mjs'];

const cents = (text) => Number(text.replace('.', ''));

/** The command is only a new file. Whatever the journal: the accounts add up to the total, and so do the postings. */
export async function work({ tree }) {
  const { parse } = await import(pathToFileURL(join(tree.root, 'src/parser.mjs')));
  const { run } = await import(pathToFileURL(join(tree.root, 'src/commands/balance.mjs')));
  const random = generator(2);
  for (let count = 0; count < JOURNALS; count += 1) {
    const journal = parse(random.journal());
    const sums = run(journal).rows.map(([, sum]) => cents(sum));
    const total = sums.pop();
    const posted = journal.entries.flatMap(({ postings }) => postings).reduce((all, { amount }) => all + amount, 0);
    if (total !== posted || total !== sums.reduce((all, sum) => all + sum, 0)) throw new Error(`the total ${total} is wrong`);
  }
  console.log(`  ${JOURNALS} random journals add up`);
}
