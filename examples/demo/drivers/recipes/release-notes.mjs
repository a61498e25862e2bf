export async function work({ tree, goal }) {
  const version = /version (\d+\.\d+\.\d+)/.exec(goal)?.[1];
  if (!version) throw new Error('the goal does not name a version');
  const fragments = tree.list('changes');
  if (fragments.length === 0) throw new Error('changes/ has nothing to release');
  const notes = fragments.map((path) => `- ${tree.read(path).trim()}\n`).sort();
  tree.write('CHANGELOG.md', `# Changes\n\n## ${version}\n\n${notes.join('')}`);
  for (const path of fragments) tree.remove(path);
  const manifest = tree.read('package.json');
  tree.write('package.json', manifest.replace(/"version": "[^"]*"/, `"version": "${version}"`));
}
