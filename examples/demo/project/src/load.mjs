import { readdirSync } from 'node:fs';

/** The modules of a folder by the `name` they export; a new command or format is only a new file. */
export async function loadAll(folder) {
  const found = new Map();
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.mjs')) continue;
    const module = await import(new URL(file, folder));
    found.set(module.name, module);
  }
  return found;
}

export const loadCommands = () => loadAll(new URL('./commands/', import.meta.url));
export const loadFormats = () => loadAll(new URL('./formats/', import.meta.url));
