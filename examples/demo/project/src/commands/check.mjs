export const name = 'check';
export const summary = 'what is wrong with the journal';

export function run({ diagnostics }) {
  const rows = diagnostics.map(({ line, code, name: problem, detail }) => [String(line), code, problem, detail]);
  return { columns: ['line', 'code', 'problem', 'detail'], rows };
}
