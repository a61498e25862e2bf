// Runs every test file in one process, which is several times faster than one process each.
import { readdirSync } from 'node:fs';

const here = new URL('./', import.meta.url);
for (const file of readdirSync(here).sort()) {
  if (file.endsWith('.test.mjs')) await import(new URL(file, here));
}
