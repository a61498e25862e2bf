import assert from 'node:assert/strict';
import test from 'node:test';
import { run } from '../src/commands/monthly.mjs';
import { parse } from '../src/parser.mjs';

test('months are kept apart', () => {
  const journal = parse('2026-01-05 A\n  food  1\n  cash  -1\n2026-01-31 B\n  food  2\n  cash  -2\n2026-02-01 C\n  food  4\n  cash  -4\n');
  assert.deepEqual(run(journal).rows, [
    ['2026-01', 'cash', '-3.00'],
    ['2026-01', 'food', '3.00'],
    ['2026-02', 'cash', '-4.00'],
    ['2026-02', 'food', '4.00'],
  ]);
});
