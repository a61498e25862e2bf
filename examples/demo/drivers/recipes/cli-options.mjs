export const tests = ['test/arguments.test.mjs'];

const LOCAL = /function readArguments\(argv\) \{\n[\s\S]*?\n\}\n\n/;

export async function work({ tree }) {
  const path = 'src/cli.mjs';
  tree.write(path, tree.read(path).replace(LOCAL, ''));
  tree.edit(path, "\nimport { loadCommands,", "\nimport { inPeriod, readArguments } from './arguments.mjs';\nimport { loadCommands,");
  tree.edit(path, 'usage: tally COMMAND JOURNAL\\n', 'usage: tally COMMAND JOURNAL [--format NAME] [--since DATE] [--until DATE]\\n');
  tree.edit(
    path,
    "  const format = formats.get('text');\n",
    "  const format = formats.get(options.format ?? 'text');\n  if (!format) return { status: 2, out: '', err: `tally: the formats are: ${[...formats.keys()].join(', ')}\\n` };\n",
  );
  tree.edit(path, 'run(journal, options)', 'run(inPeriod(journal, options))');
}
