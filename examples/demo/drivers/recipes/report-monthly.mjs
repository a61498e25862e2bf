export const tests = ['test/monthly.test.mjs'];

/** The command is only a new file: commands are found by name. */
export async function work() {}
