export const tests = ['test/json.test.mjs'];

/** The format is only a new file: formats are found by name. */
export async function work() {}
