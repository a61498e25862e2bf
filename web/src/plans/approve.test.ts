import { expect, test } from "vitest";
import { approvalOf, byPolicy } from "./approve";

test("an approval says of work under way only what its approver says", () => {
  expect(approvalOf("Go.", "")).toEqual({ why: "Go." });
  expect(approvalOf("", "finish")).toEqual({ why: "", running: "finish" });
});

test("what policy says of it is told as far as it is known", () => {
  const field = { name: "running", value: "finish", from: "org", number: 1 };
  expect(byPolicy([field])).toBe("As policy says: it goes on to its end");
  expect([byPolicy(undefined), byPolicy([])]).toEqual(["As policy says", "As policy says"]);
});
