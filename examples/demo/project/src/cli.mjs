// The command line as a function: arguments in; status, output and errors out. `bin/tally.mjs` connects it to the world.

import { loadCommands, loadFormats } from './load.mjs';
import { parse } from './parser.mjs';

function readArguments(argv) {
  const [command, file, ...rest] = argv;
  if (rest.length > 0) return { problem: `unexpected argument: ${rest[0]}` };
  return { command, file, options: {} };
}

function usage(commands) {
  const lines = [...commands.values()].map(({ name, summary }) => `  ${name.padEnd(10)}${summary}\n`);
  return `usage: tally COMMAND JOURNAL\n\n${lines.join('')}`;
}

/** Runs one command; `read` gives the text of a file or throws. */
export async function main(argv, read) {
  const commands = await loadCommands();
  const formats = await loadFormats();
  const { command, file, options, problem } = readArguments(argv);
  if (problem) return { status: 2, out: '', err: `tally: ${problem}\n` };
  if (!commands.has(command) || !file) return { status: 2, out: '', err: usage(commands) };

  const format = formats.get('text');

  let source;
  try {
    source = read(file);
  } catch (error) {
    return { status: 1, out: '', err: `tally: ${error.message}\n` };
  }
  const journal = parse(source);
  const out = format.render(commands.get(command).run(journal, options));
  return { status: command === 'check' && journal.diagnostics.length > 0 ? 1 : 0, out, err: '' };
}
