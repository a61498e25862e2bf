import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function listFiles(folder, under = '') {
  if (!existsSync(join(folder, under))) return [];
  return readdirSync(join(folder, under)).flatMap((name) => {
    const path = join(under, name);
    return statSync(join(folder, path)).isDirectory() ? listFiles(folder, path) : [path];
  });
}

/** The tree at `root`, with the new files of the recipe in `files`. Every change can be made again without harm. */
export function openTree(root, files) {
  const source = fileURLToPath(files);
  let changes = 0;

  const read = (path) => readFileSync(join(root, path), 'utf8');

  function write(path, text) {
    const full = join(root, path);
    if (existsSync(full) && readFileSync(full, 'utf8') === text) return;
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    changes += 1;
    console.log(`  writes ${path}`);
  }

  return {
    root,
    read,
    write,
    list: (folder) => listFiles(root, folder),
    changed: () => changes > 0,

    /** Writes the recipe's new files; those that earlier work left in the tree stay as they are. */
    copyFiles() {
      for (const path of listFiles(source)) {
        if (!existsSync(join(root, path))) write(path, readFileSync(join(source, path), 'utf8'));
      }
    },

    /** Replaces `anchor`, which must be there exactly once, unless `replacement` is there already. */
    edit(path, anchor, replacement) {
      const text = read(path);
      if (text.includes(replacement)) return;
      if (text.split(anchor).length !== 2) throw new Error(`${path} does not have the one place to change: ${anchor}`);
      write(path, text.replace(anchor, () => replacement));
    },

    remove(path) {
      unlinkSync(join(root, path));
      changes += 1;
      console.log(`  removes ${path}`);
    },
  };
}
