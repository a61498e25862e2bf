import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { generator } from '../random.mjs';

const JOURNALS = 20_000;

export const tests = ['test/monthly.test.mjs'];

const cents = (text) => Number(text.replace('.', ''));

/** The command is only a new file. Whatever the journal: all months together are all postings. */
export async function work({ tree }) {
  const { parse } = await import(pathToFileURL(join(tree.root, 'src/parser.mjs')));
  const { run } = await import(pathToFileURL(join(tree.root, 'src/commands/monthly.mjs')));
  const random = generator(3);
  for (let count = 0; count < JOURNALS; count += 1) {
    const journal = parse(random.journal());
    const listed = run(journal).rows.reduce((all, [, , amount]) => all + cents(amount), 0);
    const posted = journal.entries.flatMap(({ postings }) => postings).reduce((all, { amount }) => all + amount, 0);
    if (listed !== posted) throw new Error(`the months add up to ${listed}, not to ${posted}`);
  }
  console.log(`  ${JOURNALS} random journals add up`);
}
