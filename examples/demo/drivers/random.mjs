// Random journals from a seed: the same seed gives the same journals on every machine.

const PIECES = {
  date: ['2026-01-05', '2026-02-30', '1999-12-31', '26-1-5', ''],
  text: ['Groceries', 'a; b', '"x", y', '  spaced  ', 'Miete für März', '\t', ''],
  account: ['food', 'cash', 'a:b', '-', ';x', ''],
  amount: ['1.00', '-1.00', '0.07', '-0', '12', '1e3', '999999999999.99', '1,5', '', '1.00 x'],
  line: ['', '   ', 'comment', 'end comment', '; aside', '  ; aside', 'what', '\u00a0', '2026-01-05'],
};

/** `journal()` and `pick(list)`, driven by a 32-bit xorshift generator. */
export function generator(seed) {
  let state = seed * 2654435761 + 1;
  const below = (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  const pick = (list) => list[below(list.length)];
  const line = () => {
    const kind = below(10);
    if (kind < 3) return `${pick(PIECES.date)} ${pick(PIECES.text)}`;
    if (kind < 9) return `  ${pick(PIECES.account)}  ${pick(PIECES.amount)}`;
    return pick(PIECES.line);
  };
  const journal = () => Array.from({ length: below(9) }, line).join('\n');
  return { journal, pick };
}
