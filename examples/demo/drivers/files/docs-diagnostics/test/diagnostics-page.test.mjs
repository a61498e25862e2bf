import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { diagnosticsPage } from '../tools/diagnostics-page.mjs';

test('docs/diagnostics.md is up to date', () => {
  const page = readFileSync(new URL('../docs/diagnostics.md', import.meta.url), 'utf8');
  assert.equal(page, diagnosticsPage(), 'write it again: node tools/diagnostics-page.mjs > docs/diagnostics.md');
});
