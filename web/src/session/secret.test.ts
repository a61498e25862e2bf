import { afterEach, expect, test, vi } from "vitest";
import { currentSecret, dropSecret, keepSecret } from "./secret";

afterEach(() => vi.unstubAllGlobals());

test("the end of a session takes its secret, and nothing that somebody has written", () => {
  const held = new Map([["devlab.new-work.operator.all.lab", "half a form"]]);
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => held.set(key, value),
    removeItem: (key: string) => held.delete(key),
    clear: () => held.clear(),
  });
  keepSecret("half of it");
  expect(currentSecret()).toBe("half of it");
  dropSecret();
  expect(currentSecret()).toBeNull();
  expect([...held.keys()]).toEqual(["devlab.new-work.operator.all.lab"]);
});
