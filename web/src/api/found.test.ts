import { QueryClient } from "@tanstack/react-query";
import { expect, test, vi } from "vitest";
import { tasksByText } from "./queries";
import type { Task } from "./types";

const asked: Array<Record<string, unknown>> = [];

/** Two pages of tasks that wait, newest first: every tenth for a look. */
vi.mock("./client", () => ({
  api: {
    GET: async (_: string, { params }: { params: { query: Record<string, unknown> } }) => {
      asked.push(params.query);
      const from = Number(params.query["cursor"] ?? 0);
      const items = Array.from({ length: 200 }, (_one, at) => ({
        id: `task_${from + at}`,
        waiting_for: (from + at) % 10 === 0 ? "attention" : "review",
      }));
      return { data: { items, next: from < 200 ? "200" : null } };
    },
  },
  body: async (answer: Promise<{ data: unknown }>) => (await answer).data,
}));

test("a search reads on until it has found enough of what fits", async () => {
  const wanted = {
    name: "retry",
    states: ["waiting"] as const,
    fits: (task: Task) => task.waiting_for === "attention",
  };
  const found = await new QueryClient().fetchQuery(tasksByText("lab", "", wanted));
  expect(found.items.map((one) => one.id).slice(18, 22)).toEqual([
    "task_180",
    "task_190",
    "task_200",
    "task_210",
  ]);
  expect(found.items.length).toBe(30);
  expect(found.more).toBe(true);
  expect(asked.map((query) => query["cursor"])).toEqual([undefined, "200"]);
});
