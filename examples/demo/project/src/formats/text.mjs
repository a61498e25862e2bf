// For people: columns as wide as what they hold.

export const name = 'text';

/** One cell; a cell never breaks its line. */
export const field = (text) => text.replace(/[\r\n]+/g, ' ');

export function render({ columns, rows }) {
  const lines = [columns, ...rows].map((cells) => cells.map(field));
  const widths = columns.map((_, at) => Math.max(...lines.map((cells) => cells[at].length)));
  return lines.map((cells) => `${cells.map((cell, at) => cell.padEnd(widths[at])).join('  ').trimEnd()}\n`).join('');
}
