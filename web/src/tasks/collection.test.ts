import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test, vi } from "vitest";
import { Problem } from "../api/problem";
import { keys } from "../api/queries";
import type { Task } from "../api/types";
import { applyChanges, type TaskSet } from "./collection";

const task = (id: string, title: string) => ({ id, title, goal_id: "task_goal", archived: false }) as Task;

const answer = vi.hoisted(() =>
  vi.fn(async (_id: string, _signal?: AbortSignal): Promise<string | undefined> => undefined),
);
const problem = (status: number) =>
  new Problem({ status, code: "", title: "", detail: "", help: "", request_id: "" });

vi.mock("../api/queries", async (original) => ({
  ...(await original<typeof import("../api/queries")>()),
  readTask: (id: string, signal?: AbortSignal) =>
    answer(id, signal).then((title) => ({ ...task(id, title ?? "new"), archived: id === "task_archived" })),
}));

test("a change that comes while a list is being read is in it afterwards", async () => {
  const client = new QueryClient();
  let give: (set: TaskSet) => void = () => {};
  const read = client.fetchQuery({
    queryKey: keys.board("lab"),
    queryFn: () =>
      new Promise<TaskSet>((resolve) => {
        give = resolve;
      }),
  });
  const readGoal = client.fetchQuery({
    queryKey: [...keys.goal("task_goal"), "tasks"],
    queryFn: () => Promise.resolve([] as Task[]),
  });
  await applyChanges(client, "lab", new Set(["task_1"]));
  await applyChanges(client, "lab", new Set(["task_2"]));
  // The server had answered before either of them.
  give({ tasks: [task("task_1", "old")], complete: true, cut: false });
  await Promise.all([read, readGoal]);
  await vi.waitFor(() => {
    const titles = client.getQueryData<TaskSet>(keys.board("lab"))?.tasks.map((one) => [one.id, one.title]);
    expect(titles).toEqual([
      ["task_2", "new"],
      ["task_1", "new"],
    ]);
    expect(client.getQueryData<Task[]>([...keys.goal("task_goal"), "tasks"])?.length).toBe(2);
  });
});

test("a change whose task could not be read makes the lists old, unless the task is not there any more", async () => {
  const client = new QueryClient();
  const goal = [...keys.goal("task_goal"), "tasks"];
  client.setQueryData<TaskSet>(keys.board("lab"), { tasks: [], complete: true, cut: false });
  client.setQueryData<Task[]>(goal, []);
  const old = () => [keys.board("lab"), goal].map((key) => client.getQueryState(key)?.isInvalidated);
  answer.mockRejectedValueOnce(problem(404));
  await applyChanges(client, "lab", new Set(["task_1"]));
  expect(old()).toEqual([false, false]);
  answer.mockRejectedValueOnce(Problem.offline());
  await applyChanges(client, "lab", new Set(["task_1", "task_2"]));
  expect(old()).toEqual([true, true]);
  expect(client.getQueryData<TaskSet>(keys.board("lab"))?.tasks.map((one) => one.id)).toEqual(["task_2"]);
});

test("what is archived leaves the board, and stays in its goal", async () => {
  const client = new QueryClient();
  const tasks = [task("task_archived", "old"), task("task_1", "old")];
  const goalTasks = [...keys.goal("task_goal"), "tasks"];
  client.setQueryData<TaskSet>(keys.board("lab"), { tasks, complete: true, cut: false });
  client.setQueryData<Task[]>(goalTasks, tasks);
  await applyChanges(client, "lab", new Set(["task_archived"]));
  expect(client.getQueryData<TaskSet>(keys.board("lab"))?.tasks.map((one) => one.id)).toEqual(["task_1"]);
  expect(client.getQueryData<Task[]>(goalTasks)?.map((one) => [one.id, one.archived])).toEqual([
    ["task_archived", true],
    ["task_1", false],
  ]);
});

test("a change that comes while a task is being read is not answered by that read", async () => {
  const client = new QueryClient();
  const tasks = [task("task_1", "old")];
  client.setQueryData<TaskSet>(keys.board("lab"), { tasks, complete: true, cut: false });
  let give: (title: string) => void = () => {};
  answer.mockReturnValueOnce(
    new Promise((resolve) => {
      give = resolve;
    }),
  );
  const first = applyChanges(client, "lab", new Set(["task_1"]));
  const second = applyChanges(client, "lab", new Set(["task_1"]));
  await vi.waitFor(() => expect(answer).toHaveBeenCalled());
  give("between");
  await Promise.all([first, second]);
  expect(client.getQueryData<TaskSet>(keys.board("lab"))?.tasks.map((one) => one.title)).toEqual(["new"]);
});

test("a read that is never answered holds up later changes for half a minute at most", async () => {
  const client = new QueryClient();
  const tasks = [task("task_2", "old"), task("task_1", "old")];
  client.setQueryData<TaskSet>(keys.board("lab"), { tasks, complete: true, cut: false });
  const limit = new AbortController();
  const timeout = vi.spyOn(AbortSignal, "timeout").mockReturnValueOnce(limit.signal);
  answer.mockImplementationOnce(
    (_id, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(Problem.offline()));
      }),
  );
  const first = applyChanges(client, "lab", new Set(["task_1"]));
  const second = applyChanges(client, "lab", new Set(["task_2"]));
  await vi.waitFor(() => expect(timeout).toHaveBeenCalledWith(30_000));
  limit.abort();
  await Promise.all([first, second]);
  expect(client.getQueryData<TaskSet>(keys.board("lab"))?.tasks.map((one) => one.title)).toEqual([
    "new",
    "old",
  ]);
  expect(client.getQueryState(keys.board("lab"))?.isInvalidated).toBe(true);
  timeout.mockRestore();
});

test("many changes while a list is being read make it be read once more, and no read is cut short", async () => {
  const client = new QueryClient();
  const board = keys.board("lab");
  const ends: Array<(set: TaskSet) => void> = [];
  const queryFn = vi.fn(
    ({ signal }: { signal: AbortSignal }) =>
      new Promise<TaskSet>((resolve, reject) => {
        ends.push(resolve);
        signal.addEventListener("abort", () => reject(new Error("cut short")));
      }),
  );
  const observer = new QueryObserver(client, {
    queryKey: board,
    queryFn,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const leave = observer.subscribe(() => {});
  const many = (from: number) => new Set(Array.from({ length: 50 }, (_, at) => `task_${from + at}`));
  const set = (title: string): TaskSet => ({ tasks: [task("task_1", title)], complete: true, cut: false });
  await applyChanges(client, "lab", many(0));
  await applyChanges(client, "lab", many(50));
  await applyChanges(client, "lab", many(100));
  expect(queryFn).toHaveBeenCalledTimes(1);
  ends[0]?.(set("old"));
  await vi.waitFor(() => expect(queryFn).toHaveBeenCalledTimes(2));
  ends[1]?.(set("new"));
  await vi.waitFor(() => expect(client.getQueryState(board)?.fetchStatus).toBe("idle"));
  expect(client.getQueryData<TaskSet>(board)?.tasks[0]?.title).toBe("new");
  // Whatever waits for a turn of the event loop has had it.
  await new Promise((resolve) => setTimeout(resolve));
  expect(queryFn).toHaveBeenCalledTimes(2);
  leave();
});

test("a list that could not be read is not said to be whole because a task has changed", async () => {
  const client = new QueryClient();
  const board = keys.board("lab");
  client.setQueryData<TaskSet>(board, { tasks: [task("task_1", "old")], complete: false, cut: false });
  const read = client.fetchQuery({
    queryKey: board,
    queryFn: () => Promise.reject(Problem.offline()),
    retry: false,
  });
  await expect(read).rejects.toThrow();
  await applyChanges(client, "lab", new Set(["task_1"]));
  expect(client.getQueryState(board)?.status).toBe("error");
});
