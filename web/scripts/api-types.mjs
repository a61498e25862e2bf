// Writes src/api/schema.d.ts from the OpenAPI document that the server's
// snapshot test keeps. With --check it only says whether the file is current.
//
// usage: node scripts/api-types.mjs [--check]
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const SNAPSHOT = new URL(
  "../../crates/devlab-testing/tests/it/snapshots/it__openapi__openapi.snap",
  import.meta.url,
);
const TYPES = new URL("../src/api/schema.d.ts", import.meta.url);

/** The document inside the snapshot, whose head is YAML between two `---`. */
function documentOf(snapshot) {
  const end = snapshot.indexOf("\n---\n", 3);
  if (!snapshot.startsWith("---\n") || end < 0) throw new Error("the snapshot has no head");
  return JSON.parse(snapshot.slice(end + 5));
}

/** The types as text. */
export async function typesOfSnapshot() {
  const document = documentOf(await readFile(SNAPSHOT, "utf8"));
  const head = "// Generated from the server's OpenAPI document by `npm run types`; not to be edited.\n\n";
  return head + astToString(await openapiTS(document));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const wanted = await typesOfSnapshot();
  if (process.argv.includes("--check")) {
    const is = await readFile(TYPES, "utf8").catch(() => "");
    if (is !== wanted) {
      console.error("src/api/schema.d.ts is not what the OpenAPI snapshot says; run: npm run types");
      process.exit(1);
    }
  } else {
    await writeFile(TYPES, wanted);
  }
}
