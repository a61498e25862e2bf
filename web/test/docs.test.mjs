// The documentation page must work under the server's strict content security
// policy and without internet: these tests read what `node build.mjs` wrote.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";

const dist = new URL("../dist/docs/", import.meta.url);
const page = await readFile(new URL("index.html", dist), "utf8");

test("every file the page loads is in the build, at an absolute address", async () => {
  const loaded = [...page.matchAll(/<(?:script|link)[^>]*(?:src|href)="([^"]+)"/g)].map((m) => m[1]);
  assert.equal(loaded.length, 3);
  const built = await readdir(dist);
  for (const address of loaded) {
    assert.ok(address.startsWith("/docs/"), `${address} depends on a trailing slash`);
    assert.ok(built.includes(address.slice("/docs/".length)), `${address} was not built`);
  }
});

test("the page has no inline script, handler or outside address", () => {
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)/);
  assert.doesNotMatch(page, /\son[a-z]+=/);
  assert.doesNotMatch(page, /(?:src|href)="(?:https?:)?\/\//);
  assert.match(page, /load-fonts="false"/);
});

test("each compressed file is its neighbour", async () => {
  const built = await readdir(dist);
  const plain = built.filter((name) => !name.endsWith(".gz"));
  assert.ok(plain.includes("rapidoc-min.js"));
  for (const name of plain) {
    const [body, zipped] = await Promise.all([
      readFile(new URL(name, dist)),
      readFile(new URL(`${name}.gz`, dist)),
    ]);
    assert.ok(gunzipSync(zipped).equals(body), `${name}.gz differs`);
  }
});

test("the bundle's licences are served beside it", async () => {
  const built = await readdir(dist);
  assert.ok(built.includes("rapidoc.LICENSE.txt"));
  assert.ok(built.includes("rapidoc-min.js.LICENSE.txt"));
});
