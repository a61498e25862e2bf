// Finds the rule by which a format quotes its fields, from the examples in the log of a failed check. Nothing here knows which
// characters CSV quotes: another log gives another rule.

const STRING = '("(?:[^"\\\\]|\\\\.)*")';
const EXAMPLE = new RegExp(`text ${STRING} expected ${STRING} actual ${STRING}`, 'g');

/** The pairs of a text and how it must be written, as the failed check printed them. */
export function readExamples(log) {
  return [...log.matchAll(EXAMPLE)].map(([, text, expected]) => ({ text: JSON.parse(text), expected: JSON.parse(expected) }));
}

const unusual = (text) => [...new Set(text.replace(/[\p{L}\p{N} ]/gu, ''))];

/** The characters that are written twice inside the quotes, or null if doubling does not explain the example. */
function doubledIn(text, inner) {
  if (text === inner) return [];
  const found = unusual(text).find((each) => text.replaceAll(each, each + each) === inner);
  return found ? [found] : null;
}

/** `{ quote, doubled, special }`: fields with a `special` character get a `quote` on both ends, `doubled` ones written twice. */
export function findRule(examples) {
  if (examples.length === 0) throw new Error('the log of the failed check shows no example');
  const quotes = new Set();
  const doubled = new Set();
  const special = new Set();
  for (const { text, expected } of examples) {
    const quote = expected[0];
    const inner = expected.slice(1, -1);
    const twice = expected.length >= 2 && expected.at(-1) === quote ? doubledIn(text, inner) : null;
    if (twice === null) throw new Error(`no quoting explains ${JSON.stringify(text)} as ${JSON.stringify(expected)}`);
    quotes.add(quote);
    for (const each of twice) doubled.add(each);
    for (const each of unusual(text)) special.add(each);
  }
  if (quotes.size !== 1) throw new Error(`the examples use more than one quote: ${[...quotes].join(' ')}`);
  return { quote: [...quotes][0], doubled: [...doubled], special: [...special].sort() };
}

/** The rule as the source of a `field` function. */
export function fieldSource({ quote, doubled, special }) {
  const escaped = special.map((each) => (/[\]\\^-]/.test(each) ? `\\${each}` : JSON.stringify(each).slice(1, -1).replace('\\"', '"')));
  const twice = doubled.map((each) => `.replaceAll(${JSON.stringify(each)}, ${JSON.stringify(each + each)})`).join('');
  const mark = JSON.stringify(quote);
  return [
    `const SPECIAL = /[${escaped.join('')}]/;`,
    `export const field = (text) => (SPECIAL.test(text) ? ${mark} + text${twice} + ${mark} : text);`,
  ].join('\n');
}
