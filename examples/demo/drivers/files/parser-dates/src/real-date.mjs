const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const isLeap = (year) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

/** Whether `YYYY-MM-DD` is a day of the Gregorian calendar. */
export function isRealDate(text) {
  const [year, month, day] = text.split('-').map(Number);
  if (month < 1 || month > 12 || day < 1) return false;
  return day <= DAYS[month - 1] + (month === 2 && isLeap(year) ? 1 : 0);
}
