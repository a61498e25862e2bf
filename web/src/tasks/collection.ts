import { type Query, type QueryClient, type QueryKey, queryOptions } from "@tanstack/react-query";
import { api, body } from "../api/client";
import { asProblem } from "../api/problem";
import { keys, PAGE_MAX, readTask } from "../api/queries";
import type { Task } from "../api/types";
import { isFinal } from "../live/stream";

/** Most tasks that a board holds: the newest. */
const BOARD_TASKS_MAX = 20_000;
/** Most changed tasks that are read one by one; with more, the list is read again. */
const READ_SINGLY_MAX = 40;
/** How long the read of a changed task may take, in milliseconds: changes that came after it wait for it. */
const READ_TIMEOUT = 30_000;

/** Tasks of an org, newest first, while they are being read and afterwards. */
export interface TaskSet {
  tasks: Task[];
  /** Whether all of them are here. */
  complete: boolean;
  /** Whether older ones were left out. */
  cut: boolean;
}

/** All tasks of an org that are not archived. The first page is there before the last one is read. */
export const boardTasks = (client: QueryClient, org: string) =>
  queryOptions({
    queryKey: keys.board(org),
    queryFn: async ({ signal }): Promise<TaskSet> => {
      const key = keys.board(org);
      const before = client.getQueryData<TaskSet>(key);
      const tasks: Task[] = [];
      let cursor: string | undefined;
      do {
        const page = await body(
          api.GET("/v1/tasks", { params: { query: { org, cursor, limit: PAGE_MAX } }, signal }),
        );
        tasks.push(...(page.items as unknown as Task[]));
        cursor = page.next ?? undefined;
        // A board that is read again keeps what it shows until all is here.
        if (cursor && !before) {
          client.setQueryData<TaskSet>(key, { tasks: [...tasks], complete: false, cut: false });
        }
      } while (cursor && tasks.length < BOARD_TASKS_MAX);
      return { tasks, complete: true, cut: cursor !== undefined };
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Puts changed tasks into a list that is newest first, archived ones too; new ones go to its head. */
export function withChanges(list: readonly Task[], changed: ReadonlyMap<string, Task>): Task[] {
  const left = new Map(changed);
  const kept: Task[] = [];
  for (const old of list) {
    const next = left.get(old.id);
    left.delete(old.id);
    kept.push(next ?? old);
  }
  const added = [...left.values()];
  added.sort((a, b) => (a.id < b.id ? 1 : -1));
  return added.length === 0 ? kept : [...added, ...kept];
}

/**
 * Puts a value in place of a list's. A list that is to be read again is so afterwards too, and one that
 * could not be read is left: whoever reads it again finds the change.
 */
function put<T>(client: QueryClient, key: QueryKey, change: (now: T) => T): void {
  const state = client.getQueryState<T>(key);
  if (state?.data === undefined || state.status === "error") return;
  client.setQueryData<T>(key, change(state.data));
  if (state.isInvalidated) void client.invalidateQueries({ queryKey: key, exact: true, refetchType: "none" });
}

/** The lists that are kept whole. */
function lists(client: QueryClient, org: string): Query[] {
  const cache = client.getQueryCache();
  return [keys.board(org), ["goal"]].flatMap((queryKey) => cache.findAll({ queryKey }));
}

/** Lists to be read once more when the read that is under way has ended. */
const again = new WeakSet<Query>();

/**
 * Begins to read again everything that is kept whole. No read is cut short: in a lab where much happens
 * none would ever end. What is being read is read once more, because it may not know of the change.
 */
function readAgain(client: QueryClient, org: string): void {
  for (const query of lists(client, org)) {
    const read = () => void client.invalidateQueries({ queryKey: query.queryKey, exact: true });
    if (query.state.fetchStatus !== "fetching") {
      read();
    } else if (!again.has(query)) {
      again.add(query);
      afterRead(query, () => {
        again.delete(query);
        // What is being read by now has begun after the change.
        if (query.state.fetchStatus !== "fetching") read();
      });
    }
  }
}

/** Does something after what is being read was put in place. */
function afterRead(query: Query, run: () => void): void {
  void Promise.resolve(query.promise)
    .catch(() => {})
    .then(() => setTimeout(run));
}

/** Whether a read went wrong in a way that says nothing about the task. */
function isUnknown(read: PromiseSettledResult<unknown>): boolean {
  return read.status === "rejected" && !isFinal(asProblem(read.reason).status);
}

/** Changes that came while a list was being read: the read may not know of them. */
const missed = new WeakMap<Query, Set<string>>();

function applyAfterwards(client: QueryClient, org: string, query: Query, changed: ReadonlySet<string>): void {
  const known = missed.get(query);
  if (known) {
    for (const id of changed) known.add(id);
    return;
  }
  const own = new Set(changed);
  missed.set(query, own);
  afterRead(query, () => {
    missed.delete(query);
    void applyChanges(client, org, own);
  });
}

/** The changes that are being applied. */
const turns = new WeakMap<QueryClient, Promise<void>>();

/**
 * Brings the lists that are kept whole (the board's, and those of goals) up to
 * date after some tasks have changed. One after the other: what was read
 * earlier is never put in later.
 */
export function applyChanges(client: QueryClient, org: string, changed: ReadonlySet<string>): Promise<void> {
  const turn = (turns.get(client) ?? Promise.resolve()).then(() => applyNow(client, org, changed));
  turns.set(
    client,
    turn.catch(() => {}),
  );
  return turn;
}

async function applyNow(client: QueryClient, org: string, changed: ReadonlySet<string>): Promise<void> {
  if (changed.size === 0) return;
  if (changed.size > READ_SINGLY_MAX) {
    readAgain(client, org);
    return;
  }
  const board = client.getQueryData<TaskSet>(keys.board(org));
  const goals = client.getQueriesData<Task[]>({ queryKey: ["goal"] });
  for (const query of lists(client, org)) {
    if (query.state.fetchStatus === "fetching") applyAfterwards(client, org, query, changed);
  }
  if (!board && goals.length === 0) return;
  // Not by the cache: it would join a read that is under way, which may have begun before the change.
  const read = await Promise.allSettled(
    [...changed].map((id) => readTask(id, AbortSignal.timeout(READ_TIMEOUT))),
  );
  const found = new Map<string, Task>();
  for (const one of read) if (one.status === "fulfilled") found.set(one.value.id, one.value);
  put<TaskSet>(client, keys.board(org), (now) => ({
    ...now,
    tasks: withChanges(now.tasks, found).filter((one) => !one.archived),
  }));
  // A goal keeps what was archived of it: it counts, and others depend on it.
  for (const [key] of goals) {
    const goal = key[1];
    const own = new Map([...found].filter(([, one]) => one.goal_id === goal));
    if (own.size === 0) continue;
    put<Task[]>(client, key, (now) => withChanges(now, own));
  }
  // The stream does not tell of it again, such as when the lab broke down right after it had told.
  if (read.some(isUnknown)) readAgain(client, org);
}
