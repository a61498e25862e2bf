import assert from 'node:assert/strict';
import test from 'node:test';
import { main } from '../src/cli.mjs';

const JOURNAL = '2026-01-05 A, b\n  food  1\n  cash  -1\n2026-02-05 C\n  rent  2\n  cash  -2\n';
const tally = (...argv) => main(argv, () => JOURNAL);

test('a format can be chosen, and texts survive it', async () => {
  const { out } = await tally('print', 'x', '--format', 'csv');
  assert.equal(out.split('\n')[1], '2026-01-05,"A, b",food,1.00');
  const rows = JSON.parse((await tally('--format', 'json', 'balance', 'x')).out);
  assert.deepEqual(rows.at(-1), { account: 'total', balance: '0.00' });
});

test('a period can be chosen, both ends included', async () => {
  const accounts = async (...options) => (await tally('balance', 'x', ...options)).out.match(/^(food|rent)/gm);
  assert.deepEqual(await accounts('--since', '2026-02-05'), ['rent']);
  assert.deepEqual(await accounts('--until', '2026-01-05'), ['food']);
  assert.deepEqual(await accounts('--since', '2026-01-05', '--until', '2026-02-05'), ['food', 'rent']);
});

test('wrong options are refused in words', async () => {
  const error = async (...argv) => (await tally(...argv)).err;
  assert.match(await error('print', 'x', '--colour', 'red'), /no option is called --colour/);
  assert.match(await error('print', 'x', '--since'), /--since needs a value/);
  assert.match(await error('print', 'x', '--since', 'May'), /--since needs a date/);
  assert.match(await error('print', 'x', 'y'), /unexpected argument: y/);
  assert.match(await error('print', 'x', '--format', 'xml'), /the formats are: csv, json, text/);
});
