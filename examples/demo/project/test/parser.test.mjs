import assert from 'node:assert/strict';
import test from 'node:test';
import { parse, print } from '../src/parser.mjs';

const names = (source) => parse(source).diagnostics.map(({ name, line }) => `${line} ${name}`);

test('entries and their postings are read', () => {
  const { entries, diagnostics } = parse('2026-01-05 Groceries, weekly\n  food  42.50\n  cash  -42.50\n');
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(entries, [
    {
      date: '2026-01-05',
      text: 'Groceries, weekly',
      line: 1,
      postings: [
        { account: 'food', amount: 4250 },
        { account: 'cash', amount: -4250 },
      ],
    },
  ]);
});

test('what is wrong is reported with its line', () => {
  assert.deepEqual(names('what\n'), ['1 unreadable-line']);
  assert.deepEqual(names('  food  1.00\n'), ['1 unreadable-line']);
  assert.deepEqual(names('2026-01-05 A\n  food  lots\n'), ['2 bad-amount']);
  assert.deepEqual(names('\n2026-01-05 A\n  food  1.00\n'), ['2 unbalanced']);
});

test('a printed journal reads the same', () => {
  const { entries } = parse('2026-01-05 A\n  food  1.00\n  cash  -1.00\n2026-01-06 B\n');
  const again = parse(print(entries)).entries;
  const plain = (list) => list.map(({ line, ...rest }) => rest);
  assert.deepEqual(plain(again), plain(entries));
});
