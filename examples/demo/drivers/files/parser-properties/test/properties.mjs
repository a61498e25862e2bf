import { parse, print } from '../src/parser.mjs';

const plain = (entries) => JSON.stringify(entries.map(({ line, ...rest }) => rest));

/** Which property of the parser the journal violates, in words; null if it violates none. */
export function violation(source) {
  try {
    const { entries, diagnostics } = parse(source);
    const last = source.split('\n').length;
    if (diagnostics.some(({ line }) => line < 1 || line > last)) return 'a diagnostic has a line that the journal does not have';
    if (plain(parse(print(entries)).entries) !== plain(entries)) return 'a printed journal reads differently';
    return null;
  } catch (error) {
    return `the parser throws ${error.message}`;
  }
}
