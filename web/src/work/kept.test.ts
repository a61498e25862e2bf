import { expect, test } from "vitest";
import { EMPTY } from "./form";
import { forgetForm, keepForm, keyOf, readForm } from "./kept";

function storage() {
  const held = new Map<string, string>();
  return {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => void held.set(key, value),
    removeItem: (key: string) => void held.delete(key),
  };
}

const ONE = { id: "org_1", name: "one" };
const TWO = { id: "org_2", name: "two" };

test("half a form is read by who wrote it, in the org that it is for, until it was started", () => {
  const store = storage();
  const form = { ...EMPTY, title: "Release", project: "parser" };
  const key = keyOf({ role: "operator", org: ONE }, "one");
  keepForm(key, form, store);
  expect(readForm(keyOf({ role: "operator", org: ONE }, "one"), store)).toEqual(form);
  const others = [
    keyOf({ role: "operator", org: TWO }, "two"),
    keyOf({ role: "admin", org: ONE }, "one"),
    keyOf({ role: "operator", org: null }, "one"),
    keyOf({ role: "operator", org: null }, "two"),
  ];
  for (const other of others) expect(readForm(other, store)).toEqual(EMPTY);
  forgetForm(key, store);
  expect(readForm(key, store)).toEqual(EMPTY);
});

test("what is kept and no form is not read", () => {
  const store = storage();
  store.setItem("broken", "{broken");
  expect(readForm("broken", store)).toEqual(EMPTY);
});
