const OPTIONS = ['format', 'since', 'until'];
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** `{ command, file, options }`, or `{ problem }` in words. */
export function readArguments(argv) {
  const words = [];
  const options = {};
  for (let at = 0; at < argv.length; at += 1) {
    if (!argv[at].startsWith('--')) {
      words.push(argv[at]);
      continue;
    }
    const name = argv[at].slice(2);
    if (!OPTIONS.includes(name)) return { problem: `no option is called --${name}` };
    at += 1;
    const value = argv[at];
    if (value === undefined) return { problem: `--${name} needs a value` };
    if (name !== 'format' && !DATE.test(value)) return { problem: `--${name} needs a date such as 2026-01-31` };
    options[name] = value;
  }
  if (words.length > 2) return { problem: `unexpected argument: ${words[2]}` };
  return { command: words[0], file: words[1], options };
}

/** The journal with only the entries of the period; both ends belong to it. */
export function inPeriod(journal, { since = '', until = '9999-99-99' }) {
  return { ...journal, entries: journal.entries.filter(({ date }) => date >= since && date <= until) };
}
