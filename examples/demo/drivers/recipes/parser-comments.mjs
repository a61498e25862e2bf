import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { register, renumber } from '../diagnostics.mjs';
import { generator } from '../random.mjs';

const JOURNALS = 15_000;

export const settle = renumber;
export const tests = ['test/comments.test.mjs'];

/** Comments mean nothing: with comments put anywhere, a journal must read as it did without them. */
async function tryComments(root) {
  const { parse } = await import(pathToFileURL(join(root, 'src/parser.mjs')));
  const random = generator(4);
  const plain = (source) => {
    const { entries, diagnostics } = parse(source);
    return JSON.stringify([entries.map(({ line, ...rest }) => rest), diagnostics.map(({ line, ...rest }) => rest)]);
  };
  for (let count = 0; count < JOURNALS; count += 1) {
    const lines = random.journal().split('\n').map((line) => line.replaceAll(';', ',').replace(/^(end )?comment$/, ''));
    const commented = lines.flatMap((line) =>
      random.pick([[line], [line, '; aside'], [`${line} ; aside`], ['comment', '2026-01-01 not an entry', 'end comment', line]]),
    );
    const [without, having] = [lines.join('\n'), commented.join('\n')];
    if (plain(without) !== plain(having)) throw new Error(`comments change how this journal reads:\n${having}`);
  }
  console.log(`  ${JOURNALS} random journals read the same with comments`);
}

export async function work({ tree, goal }) {
  register(tree, goal, 'unclosed-comment', 'a block of comments has no end');
  tree.edit(
    'src/parser.mjs',
    "\nimport { diagnostic } from './diagnostics.mjs';",
    "\nimport { withoutComments } from './comments.mjs';\nimport { diagnostic } from './diagnostics.mjs';",
  );
  tree.edit('src/parser.mjs', 'for (const { text, number } of lines) {', 'for (const { text, number } of withoutComments(lines, report)) {');
  tree.edit(
    'docs/format.md',
    '- Blank lines mean nothing.\n',
    '- Blank lines mean nothing.\n- A comment goes from a semicolon, at the start of a line or after a blank, to the end of the line.\n  A block of comments goes from a line `comment` to a line `end comment`.\n',
  );
  await tryComments(tree.root);
}
