// Amounts are whole cents: a sum of decimal fractions in floating point is not the sum that people mean.

const AMOUNT = /^(-?)(\d{1,12})(?:\.(\d{1,2}))?$/;

/** The amount in cents, or null if the text is not an amount. */
export function parseAmount(text) {
  const match = AMOUNT.exec(text ?? '');
  if (!match) return null;
  const cents = Number(match[2]) * 100 + Number((match[3] ?? '').padEnd(2, '0'));
  return match[1] && cents !== 0 ? -cents : cents;
}

/** The amount as text with two decimals, so that `parseAmount` gives it back. */
export function formatAmount(cents) {
  const size = Math.abs(cents);
  const fraction = String(size % 100).padStart(2, '0');
  return `${cents < 0 ? '-' : ''}${Math.floor(size / 100)}.${fraction}`;
}
