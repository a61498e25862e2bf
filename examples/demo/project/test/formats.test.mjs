import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { loadFormats } from '../src/load.mjs';

const awkward = JSON.parse(readFileSync(new URL('./fixtures/awkward.json', import.meta.url), 'utf8'));

for (const [name, { field }] of await loadFormats()) {
  test(`the format ${name} keeps awkward texts`, () => {
    assert.ok(awkward[name], `test/fixtures/awkward.json has no list for ${name}`);
    const wrong = awkward[name].filter(([text, expected]) => field(text) !== expected);
    const shown = wrong.map(([text, expected]) => {
      const [from, want, got] = [text, expected, field(text)].map((each) => JSON.stringify(each));
      return `  text ${from} expected ${want} actual ${got}`;
    });
    assert.ok(wrong.length === 0, `the format ${name} does not keep these texts:\n${shown.join('\n')}\n`);
  });
}
