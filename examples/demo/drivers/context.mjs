import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What happened before this try: the log of the check that failed, if one did, and the conflict of the earlier work with what
 * has landed since, if there is one. Without a folder, or with an empty one, nothing happened.
 */
export function readContext(folder) {
  const read = (name) => {
    const path = folder && join(folder, name);
    return path && existsSync(path) ? readFileSync(path, 'utf8') : null;
  };
  const failedLog = read('failed-check.log');
  const conflict = read('conflict.json');
  if (failedLog !== null) console.log('an earlier try failed a check; reading its log');
  if (conflict !== null) console.log('an earlier try conflicts with what has landed; reading the markers');
  return { failedLog, conflict: conflict === null ? null : JSON.parse(conflict) };
}
