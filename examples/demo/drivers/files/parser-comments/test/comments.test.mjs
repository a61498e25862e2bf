import assert from 'node:assert/strict';
import test from 'node:test';
import { parse } from '../src/parser.mjs';

test('comments after a semicolon mean nothing', () => {
  const { entries, diagnostics } = parse('; mine\n2026-01-05 A ; aside\n  food  1.00 ; half\n  cash  -1.00\n');
  assert.deepEqual(diagnostics, []);
  assert.equal(entries[0].text, 'A');
  assert.equal(entries[0].postings.length, 2);
});

test('a semicolon inside a word is no comment', () => {
  assert.equal(parse('2026-01-05 a;b\n').entries[0].text, 'a;b');
});

test('blocks of comments mean nothing, and lines keep their numbers', () => {
  const { entries } = parse('comment\n2026-01-01 not this\nend comment\n2026-01-05 A\n');
  assert.deepEqual(
    entries.map(({ text, line }) => [text, line]),
    [['A', 4]],
  );
});

test('a block without an end is reported where it starts', () => {
  const { diagnostics } = parse('2026-01-05 A\ncomment\nand on\n');
  assert.deepEqual(
    diagnostics.map(({ name, line }) => [name, line]),
    [['unclosed-comment', 2]],
  );
});
