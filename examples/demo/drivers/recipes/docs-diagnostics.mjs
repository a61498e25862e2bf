import { execFileSync } from 'node:child_process';

export const tests = ['test/diagnostics-page.test.mjs'];

export async function work({ tree }) {
  const page = execFileSync(process.execPath, ['tools/diagnostics-page.mjs'], { cwd: tree.root, encoding: 'utf8' });
  tree.write('docs/diagnostics.md', page);
}
