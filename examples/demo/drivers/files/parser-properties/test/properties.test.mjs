import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { violation } from './properties.mjs';

const corpus = JSON.parse(readFileSync(new URL('./fixtures/corpus.json', import.meta.url), 'utf8'));

test(`the parser keeps its properties on ${corpus.length} journals`, () => {
  assert.ok(corpus.length > 50);
  for (const source of corpus) assert.equal(violation(source), null, source);
});
