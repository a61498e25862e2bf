import { expect, test } from "vitest";
import { once } from "./once";
import { Problem } from "./problem";

const problem = (status: number) =>
  new Problem({ status, code: "", title: "", detail: "", help: "", request_id: "" });

/** Sends something that ends so, and gives the key that it carried. */
async function sent(asked: unknown, end?: Error, now = 0): Promise<string> {
  let key = "";
  const send = async (headers: { "Idempotency-Key": string }) => {
    key = headers["Idempotency-Key"];
    if (end) throw end;
  };
  await once("/v1/goals", asked, send, now).catch(() => {});
  return key;
}

test("a request is the same until its answer is known", async () => {
  const first = await sent("a", Problem.offline());
  for (const status of [408, 425, 500, 502, 504]) expect(await sent("a", problem(status))).toBe(first);
  expect(await sent("a")).toBe(first);
  expect(await sent("a"), "it was done: the same again is wanted again").not.toBe(first);
});

test("after a refusal, with other words and much later it is another one", async () => {
  const refused = await sent("b", problem(422));
  const lost = await sent("b", Problem.offline());
  expect(lost).not.toBe(refused);
  expect(await sent("c", Problem.offline())).not.toBe(lost);
  expect(await sent("b", Problem.offline(), 60_000)).toBe(lost);
  expect(await sent("b", undefined, 3_600_000)).not.toBe(lost);
});

test("what is sent twice at one time is sent with one key", async () => {
  const keys: string[] = [];
  const send = async (headers: { "Idempotency-Key": string }) => void keys.push(headers["Idempotency-Key"]);
  await Promise.all([once("/v1/goals", "d", send), once("/v1/goals", "d", send)]);
  expect(keys[0]).toBe(keys[1]);
});
