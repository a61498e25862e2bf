import assert from 'node:assert/strict';
import test from 'node:test';
import { main } from '../src/cli.mjs';

const JOURNAL = '2026-01-05 Groceries\n  food  42.50\n  cash  -42.50\n';
const tally = (...argv) => main(argv, () => JOURNAL);

test('print shows every posting', async () => {
  const { status, out } = await tally('print', 'x');
  assert.equal(status, 0);
  assert.deepEqual(out.split('\n')[1].split(/\s+/), ['2026-01-05', 'Groceries', 'food', '42.50']);
});

test('check fails when something is wrong', async () => {
  assert.equal((await tally('check', 'x')).status, 0);
  const { status, out } = await main(['check', 'x'], () => 'what\n');
  assert.equal(status, 1);
  assert.match(out, /T001 {2}unreadable-line/);
});

test('a wrong call says how it is called', async () => {
  for (const argv of [[], ['print'], ['dance', 'x']]) {
    const { status, err } = await tally(...argv);
    assert.equal(status, 2);
    assert.match(err, /usage: tally COMMAND JOURNAL/);
  }
});

test('a file that cannot be read is an error, not a crash', async () => {
  const { status, err } = await main(['print', 'x'], () => {
    throw new Error('no such file');
  });
  assert.equal(status, 1);
  assert.equal(err, 'tally: no such file\n');
});
