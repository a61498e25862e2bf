import { execFileSync } from 'node:child_process';

export const tests = ['test/usage.test.mjs'];

export async function work({ tree }) {
  const page = execFileSync(process.execPath, ['tools/usage-page.mjs'], { cwd: tree.root, encoding: 'utf8' });
  tree.write('docs/usage.md', page);
}
