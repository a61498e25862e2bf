import { formatAmount } from '../money.mjs';

export const name = 'print';
export const summary = 'every posting of the journal';

export function run({ entries }) {
  const rows = entries.flatMap(({ date, text, postings }) =>
    postings.map(({ account, amount }) => [date, text, account, formatAmount(amount)]),
  );
  return { columns: ['date', 'text', 'account', 'amount'], rows };
}
