import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
// @ts-expect-error: a script without types
import { typesOfSnapshot } from "../../scripts/api-types.mjs";

test("the client's types are those of the server's document (mend with: npm run types)", async () => {
  const kept = await readFile(new URL("./schema.d.ts", import.meta.url), "utf8");
  expect(kept === (await typesOfSnapshot())).toBe(true);
});
