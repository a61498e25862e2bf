import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { generator } from '../random.mjs';

const TABLES = 20_000;

export const tests = ['test/json.test.mjs'];

/** The format is only a new file. Whatever the cells: reading the output back gives them. */
export async function work({ tree }) {
  const { render } = await import(pathToFileURL(join(tree.root, 'src/formats/json.mjs')));
  const random = generator(5);
  for (let count = 0; count < TABLES; count += 1) {
    const rows = random.journal().split('\n').map((line) => [line, random.journal()]);
    const read = JSON.parse(render({ columns: ['a', 'b'], rows }));
    const same = read.length === rows.length && read.every(({ a, b }, at) => a === rows[at][0] && b === rows[at][1]);
    if (!same) throw new Error(`a table does not survive: ${JSON.stringify(rows)}`);
  }
  console.log(`  ${TABLES} random tables survive`);
}
