import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test, vi } from "vitest";
import { keys, train } from "../api/queries";
import type { EventKind, LabEvent } from "../api/types";
import { changedTasks, Refresher, staleKeys } from "./refresh";

const event = (kind: EventKind, task?: string, data = {}) =>
  ({ seq: 1, at: "", kind, org: "o", data, ...(task ? { task } : {}) }) as LabEvent;

test("an event names what it makes old", () => {
  const names = staleKeys("lab", [event("task.state", "task_1"), event("agent.state")]).map(String);
  const expected = [keys.tasks("lab"), keys.conflicts(), keys.task("task_1"), keys.agents("lab")];
  expect(names).toEqual(expected.map(String));
  expect(staleKeys("lab", [event("task.updated")]).map(String)).toContain(String(keys.edges()));
  // What becomes of a merge is told of one of its tasks, and shown in the trains and with each task.
  const told = event("candidate.state", "task_1", { tasks: ["task_1", "task_2"] });
  const merged = staleKeys("lab", [told]).map(String);
  expect(merged).toEqual([keys.trains("lab"), keys.task("task_1"), keys.task("task_2")].map(String));
  expect(train("lab", "project_1").queryKey.slice(0, -1)).toEqual(keys.trains("lab"));
  expect(keys.trains("lab").slice(0, 3)).toEqual(keys.tasks("lab"));
  // A claim is told as the task's state only, and fills a slot of an agent.
  const claimed = event("task.state", "task_1", { from: "ready", to: "running" });
  expect(staleKeys("lab", [claimed]).map(String)).toContain(String(keys.agents("lab")));
  expect([...changedTasks([event("attempt.phase", "task_2"), event("patch.comment", "task_3")])]).toEqual([
    "task_2",
  ]);
});

test("a change during a refresh is followed by another refresh", async () => {
  vi.useFakeTimers();
  const client = new QueryClient();
  let reads = 0;
  const read = async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    reads += 1;
    return reads;
  };
  const observer = new QueryObserver(client, { queryKey: ["x"], queryFn: read });
  const stop = observer.subscribe(() => {});
  await vi.advanceTimersByTimeAsync(200);
  const refresher = new Refresher(client, 50);
  refresher.ask(["x"]);
  await vi.advanceTimersByTimeAsync(50);
  for (let n = 0; n < 5; n += 1) refresher.ask(["x"]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(reads).toBe(3);
  stop();
  client.clear();
  vi.useRealTimers();
});
