import { formatAmount } from '../money.mjs';

export const name = 'monthly';
export const summary = 'what went into every account, by month';

export function run({ entries }) {
  const sums = new Map();
  for (const { date, postings } of entries) {
    for (const { account, amount } of postings) {
      const key = `${date.slice(0, 7)} ${account}`;
      sums.set(key, (sums.get(key) ?? 0) + amount);
    }
  }
  const rows = [...sums].sort().map(([key, sum]) => [...key.split(' '), formatAmount(sum)]);
  return { columns: ['month', 'account', 'amount'], rows };
}
