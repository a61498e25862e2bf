// For programs.

export const name = 'json';

export const field = (text) => JSON.stringify(text);

export function render({ columns, rows }) {
  const object = (cells) => `{${cells.map((cell, at) => `${field(columns[at])}: ${field(cell)}`).join(', ')}}`;
  return `[${rows.map((cells) => `\n  ${object(cells)}`).join(',')}\n]\n`;
}
