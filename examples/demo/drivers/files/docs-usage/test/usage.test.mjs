import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { usagePage } from '../tools/usage-page.mjs';

test('docs/usage.md is up to date', async () => {
  const page = readFileSync(new URL('../docs/usage.md', import.meta.url), 'utf8');
  assert.equal(page, await usagePage(), 'write it again: node tools/usage-page.mjs > docs/usage.md');
});
