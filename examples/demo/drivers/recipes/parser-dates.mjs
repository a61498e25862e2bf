import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { register, renumber } from '../diagnostics.mjs';

const YEARS = 800;

export const settle = renumber;
export const tests = ['test/dates.test.mjs'];

const two = (number) => String(number).padStart(2, '0');

/** Compares with the platform's calendar: every day of two cycles of 400 years, and days around the end of every month. */
async function tryEveryDay(root) {
  const { isRealDate } = await import(pathToFileURL(join(root, 'src/real-date.mjs')));
  let days = 0;
  for (let year = 1000; year < 1000 + YEARS; year += 1) {
    for (let month = 0; month <= 13; month += 1) {
      for (let day = 0; day <= 32; day += 1) {
        const date = new Date(Date.UTC(year, month - 1, day));
        const exists = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
        const text = `${year}-${two(month)}-${two(day)}`;
        if (isRealDate(text) !== exists) throw new Error(`${text} is ${exists ? '' : 'not '}in the calendar`);
        days += 1;
      }
    }
  }
  console.log(`  ${days} dates agree with the calendar`);
}

export async function work({ tree, goal }) {
  register(tree, goal, 'impossible-date', 'the date of the entry is not in the calendar');
  tree.edit(
    'src/parser.mjs',
    "import { formatAmount, parseAmount } from './money.mjs';",
    "import { formatAmount, parseAmount } from './money.mjs';\nimport { isRealDate } from './real-date.mjs';",
  );
  tree.edit(
    'src/parser.mjs',
    '    if (head) {\n      entries.push',
    "    if (head) {\n      if (!isRealDate(head[1])) report('impossible-date', number, head[1]);\n      entries.push",
  );
  await tryEveryDay(tree.root);
}
