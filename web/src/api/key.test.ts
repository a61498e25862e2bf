import { expect, test, vi } from "vitest";
import { newKey } from "./key";

test("a key is new each time, where the browser makes no ids itself too", () => {
  vi.stubGlobal("crypto", { getRandomValues: (bytes: Uint8Array) => globalThis.structuredClone(bytes) });
  expect(newKey()).toBe("0".repeat(32));
  vi.unstubAllGlobals();
  const keys = Array.from({ length: 100 }, newKey);
  expect(new Set(keys).size).toBe(100);
  for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}$/);
});
