// Builds what the binary serves into dist: the page of the API (dist/docs) and
// the dashboard (dist/ui), each file that gets smaller by it with a .gz beside
// it, so that the server compresses nothing while it answers. Run by `make
// web`; `cargo build` never runs it.
import { buildDocs } from "./build/docs.mjs";
import { buildUi } from "./build/ui.mjs";

console.log(await buildDocs());
console.log(await buildUi());
