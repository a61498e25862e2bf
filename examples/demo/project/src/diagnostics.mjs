// Everything that can be wrong with a journal. People look the codes up and scripts match on them, so each has one number for
// ever: numbers are given in order, without a gap, and never twice (`tools/lint.mjs` holds us to it).

export const DIAGNOSTICS = [
  { code: 'T001', name: 'unreadable-line', meaning: 'the line is neither an entry nor a posting' },
  { code: 'T002', name: 'bad-amount', meaning: 'the posting has no amount that can be read' },
  { code: 'T003', name: 'unbalanced', meaning: 'the postings of the entry do not sum to zero' },
];

/** The code and the name of a diagnostic; the name must be in the table. */
export function diagnostic(name) {
  const found = DIAGNOSTICS.find((each) => each.name === name);
  if (!found) throw new Error(`no diagnostic is called ${name}`);
  return { code: found.code, name: found.name };
}
