import { existsSync } from 'node:fs';
import { join } from 'node:path';

const CHANGELOG = 'CHANGELOG.md';

export async function work({ tree, goal }) {
  const version = /version (\d+\.\d+\.\d+)/.exec(goal)?.[1];
  if (!version) throw new Error('the goal does not name a version');
  const fragments = tree.list('changes');
  const earlier = existsSync(join(tree.root, CHANGELOG)) ? tree.read(CHANGELOG).match(/^- .*$/gm) : [];
  const notes = [...earlier, ...fragments.map((path) => `- ${tree.read(path).trim()}`)].sort();
  if (notes.length === 0) throw new Error('changes/ has nothing to release');
  tree.write(CHANGELOG, `# Changes\n\n## ${version}\n\n${notes.join('\n')}\n`);
  for (const path of fragments) tree.remove(path);
  const manifest = tree.read('package.json');
  tree.write('package.json', manifest.replace(/"version": "[^"]*"/, `"version": "${version}"`));
}
