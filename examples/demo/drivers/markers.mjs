// Resolves conflicts from the markers that git left in the files: the only place where both sides can be seen.

/** The file as a list of plain texts and conflicts `{ ours, theirs }`, each a list of lines; a base section is skipped. */
export function parseMarkers(text) {
  const parts = [];
  let plain = [];
  let side = null;
  let conflict = null;
  for (const line of text.split('\n')) {
    if (side === null && line.startsWith('<<<<<<< ')) {
      parts.push(plain);
      plain = [];
      conflict = { ours: [], theirs: [] };
      side = 'ours';
    } else if (side === 'ours' && line.startsWith('||||||| ')) side = 'base';
    else if ((side === 'ours' || side === 'base') && line === '=======') side = 'theirs';
    else if (side === 'theirs' && line.startsWith('>>>>>>> ')) {
      parts.push(conflict);
      side = null;
    } else if (side === null) plain.push(line);
    else if (side !== 'base') conflict[side].push(line);
  }
  if (side !== null) throw new Error('a conflict has no end');
  parts.push(plain);
  return parts;
}

/**
 * Resolves each file by keeping the lines of both sides: what has landed first, then the earlier work on this task. `settle`
 * of the recipe then puts right what is only right on one side alone.
 */
export function resolveConflicts(tree, paths, settle) {
  for (const path of paths) {
    const parts = parseMarkers(tree.read(path));
    const count = parts.filter((part) => !Array.isArray(part)).length;
    if (count === 0) throw new Error(`${path} is said to conflict, but has no markers`);
    const lines = parts.flatMap((part) => {
      if (Array.isArray(part)) return part;
      console.log(`  ${path}: keeps ${part.ours.length} line(s) that landed and ${part.theirs.length} of the earlier work`);
      return [...part.ours, ...part.theirs];
    });
    const text = lines.join('\n');
    tree.write(path, settle ? settle(path, text) : text);
  }
}
