import assert from 'node:assert/strict';
import test from 'node:test';
import { render } from '../src/formats/csv.mjs';

test('a table becomes a line of names and a line per row', () => {
  const table = {
    columns: ['account', 'balance'],
    rows: [
      ['food', '42.50'],
      ['cash', '-42.50'],
    ],
  };
  assert.equal(render(table), 'account,balance\nfood,42.50\ncash,-42.50\n');
});
