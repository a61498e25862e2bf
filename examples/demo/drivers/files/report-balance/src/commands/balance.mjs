import { formatAmount } from '../money.mjs';

export const name = 'balance';
export const summary = 'the sum of every account';

export function run({ entries }) {
  const sums = new Map();
  for (const { account, amount } of entries.flatMap(({ postings }) => postings)) {
    sums.set(account, (sums.get(account) ?? 0) + amount);
  }
  const rows = [...sums].sort().map(([account, sum]) => [account, formatAmount(sum)]);
  const total = [...sums.values()].reduce((all, sum) => all + sum, 0);
  return { columns: ['account', 'balance'], rows: [...rows, ['total', formatAmount(total)]] };
}
