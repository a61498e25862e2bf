import assert from 'node:assert/strict';
import test from 'node:test';
import { formatAmount, parseAmount } from '../src/money.mjs';

test('amounts are read as whole cents', () => {
  assert.equal(parseAmount('12'), 1200);
  assert.equal(parseAmount('12.5'), 1250);
  assert.equal(parseAmount('-0.07'), -7);
  assert.equal(parseAmount('-0.00'), 0);
});

test('what is not an amount is refused', () => {
  for (const text of ['', '-', '.5', '1.', '1.234', '1e3', '1,50', '12 ', undefined]) {
    assert.equal(parseAmount(text), null, `${text} is not an amount`);
  }
});

test('an amount survives being written and read', () => {
  for (const cents of [0, 1, -1, 99, 100, -12345, 99999999999999]) {
    assert.equal(parseAmount(formatAmount(cents)), cents);
  }
});
