import assert from 'node:assert/strict';
import test from 'node:test';
import { parse } from '../src/parser.mjs';
import { isRealDate } from '../src/real-date.mjs';

test('days of the calendar are known', () => {
  for (const date of ['2026-01-31', '2024-02-29', '2000-02-29']) assert.ok(isRealDate(date), date);
  for (const date of ['2026-02-29', '1900-02-29', '2026-04-31', '2026-13-01', '2026-00-10', '2026-01-00']) {
    assert.ok(!isRealDate(date), date);
  }
});

test('an entry with an impossible date is reported', () => {
  const { diagnostics } = parse('2026-01-05 A\n2026-02-30 B\n');
  assert.deepEqual(
    diagnostics.map(({ name, line, detail }) => [name, line, detail]),
    [['impossible-date', 2, '2026-02-30']],
  );
});
