// For spreadsheets.

export const name = 'csv';

export const field = (text) => text;

export function render({ columns, rows }) {
  return [columns, ...rows].map((cells) => `${cells.map(field).join(',')}\n`).join('');
}
