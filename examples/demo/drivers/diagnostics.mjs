// What the two tasks that add a diagnostic have in common.

const TABLE = 'src/diagnostics.mjs';
const CODE = /(\{ code: ')T\d{3}(')/g;

/** Adds an entry at the end of the table, under the code that the task's goal gives it. */
export function register(tree, goal, name, meaning) {
  const code = new RegExp(`${name} as (T\\d{3})`).exec(goal)?.[1];
  if (!code) throw new Error(`the goal does not say which code ${name} gets`);
  const text = tree.read(TABLE);
  if (text.includes(`name: '${name}'`)) return;
  tree.write(TABLE, text.replace('\n];', () => `\n  { code: '${code}', name: '${name}', meaning: '${meaning}' },\n];`));
}

/** After both sides of a conflict were kept: what landed keeps its number, so the codes are given again in the table's order. */
export function renumber(path, text) {
  if (path !== TABLE) return text;
  let number = 0;
  return text.replace(CODE, (_, before, after) => {
    number += 1;
    return `${before}T${String(number).padStart(3, '0')}${after}`;
  });
}
