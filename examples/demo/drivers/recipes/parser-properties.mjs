import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { generator } from '../random.mjs';

const JOURNALS = 220_000;
const REPORT_EVERY = 20_000;

export const tests = ['test/properties.test.mjs'];

/** What kind of outcome a journal has: which diagnostics, in which order, and the shape of its first entries. */
function outcome({ entries, diagnostics }) {
  const shape = entries.slice(0, 3).map(({ postings }) => Math.min(postings.length, 3));
  return `${diagnostics.slice(0, 3).map(({ name }) => name).join(' ')} / ${shape.join(' ')}`;
}

/** Takes lines away as long as the outcome stays the same. */
function shrink(source, kind, parse) {
  let lines = source.split('\n');
  for (let at = 0; at < lines.length; ) {
    const fewer = lines.toSpliced(at, 1);
    if (outcome(parse(fewer.join('\n'))) === kind) lines = fewer;
    else at += 1;
  }
  return lines.join('\n');
}

export async function work({ tree }) {
  const { parse } = await import(pathToFileURL(join(tree.root, 'src/parser.mjs')));
  const { violation } = await import(pathToFileURL(join(tree.root, 'test/properties.mjs')));
  const random = generator(1);
  const smallest = new Map();
  for (let count = 1; count <= JOURNALS; count += 1) {
    const source = random.journal();
    const problem = violation(source);
    if (problem) throw new Error(`${problem}:\n${source}`);
    const kind = outcome(parse(source));
    if (!smallest.has(kind)) smallest.set(kind, shrink(source, kind, parse));
    if (count % REPORT_EVERY === 0) console.log(`  ${count} of ${JOURNALS} journals, ${smallest.size} kinds of outcome`);
  }
  const corpus = [...smallest.values()].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  tree.write('test/fixtures/corpus.json', `${JSON.stringify([...new Set(corpus)], null, 1)}\n`);
}
