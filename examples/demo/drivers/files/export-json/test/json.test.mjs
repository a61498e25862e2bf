import assert from 'node:assert/strict';
import test from 'node:test';
import { render } from '../src/formats/json.mjs';

test('rows become objects with the columns as keys', () => {
  const rows = [
    ['food', '42.50'],
    ['the "big" one', '1.00'],
  ];
  assert.deepEqual(JSON.parse(render({ columns: ['account', 'balance'], rows })), [
    { account: 'food', balance: '42.50' },
    { account: 'the "big" one', balance: '1.00' },
  ]);
  assert.deepEqual(JSON.parse(render({ columns: ['account'], rows: [] })), []);
});
