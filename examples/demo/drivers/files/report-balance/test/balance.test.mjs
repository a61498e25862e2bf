import assert from 'node:assert/strict';
import test from 'node:test';
import { run } from '../src/commands/balance.mjs';
import { parse } from '../src/parser.mjs';

test('the balance sums every account without rounding', () => {
  const journal = parse('2026-01-05 A\n  food  0.10\n  food  0.20\n  cash  -0.30\n2026-01-06 B\n  cash  5\n  equity  -5\n');
  assert.deepEqual(run(journal).rows, [
    ['cash', '4.70'],
    ['equity', '-5.00'],
    ['food', '0.30'],
    ['total', '0.00'],
  ]);
});

test('a journal without postings has a total of nothing', () => {
  assert.deepEqual(run(parse('')).rows, [['total', '0.00']]);
});
