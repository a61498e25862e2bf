import { queryOptions } from "@tanstack/react-query";
import { api, body, call } from "./client";
import type {
  Agent,
  Artifact,
  Attempt,
  Candidate,
  Cluster,
  Conflict,
  Folder,
  Org,
  Page,
  Patch,
  PatchComment,
  PatchState,
  PlanDetail,
  PlanDiff,
  PlanRevision,
  PolicyView,
  Project,
  ProjectSettings,
  Receipt,
  State,
  Task,
  TaskChoice,
  TaskDetail,
  Token,
  TrainPlace,
} from "./types";

/** Longest page that the server gives. */
export const PAGE_MAX = 500;

/** Items of a list that is short as a rule, and whether there are more than these. */
export interface Head<T> {
  items: T[];
  more: boolean;
}

function head<T>(page: Page<unknown>): Head<T> {
  return { items: page.items as T[], more: Boolean(page.next) };
}

/** Reads a list to its end. */
async function everything<T>(read: (cursor: string | undefined) => Promise<Page<unknown>>): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    all.push(...(page.items as T[]));
    cursor = page.next ?? undefined;
  } while (cursor);
  return all;
}

const whose = (org: string | undefined) => (org === undefined ? (["lab"] as const) : (["org", org] as const));

/**
 * Names of everything that is kept, from the wide to the narrow, so that an
 * event can say with one name what it makes old.
 */
export const keys = {
  orgs: ["orgs"] as const,
  org: (org: string) => ["org", org] as const,
  tasks: (org: string) => ["org", org, "tasks"] as const,
  /** Trains of every project; whatever makes tasks old makes them old, too. */
  trains: (org: string) => ["org", org, "tasks", "train"] as const,
  agents: (org: string) => ["org", org, "agents"] as const,
  projects: (org: string) => ["org", org, "projects"] as const,
  patches: (org: string) => ["org", org, "patches"] as const,
  /** Without an org, here and below: the lab's own. */
  tokens: (org: string | undefined) => [...whose(org), "tokens"] as const,
  audit: (org: string | undefined, filter: AuditFilter) => [...whose(org), "audit", filter] as const,
  /** What has come to the audit log since it was read, whatever the filter. */
  auditNews: (org: string | undefined) => [...whose(org), "audit-news"] as const,
  board: (org: string) => ["board", org] as const,
  goal: (id: string) => ["goal", id] as const,
  /** Dependencies among the tasks of a goal; of every goal, if none is named. */
  edges: (goal?: string) => (goal ? (["edges", goal] as const) : (["edges"] as const)),
  /** Where tasks of a goal meet; of every goal, if none is named. */
  conflicts: (goal?: string) => (goal ? (["conflicts", goal] as const) : (["conflicts"] as const)),
  task: (id: string) => ["task", id] as const,
  patch: (id: string) => ["patch", id] as const,
  plans: (task: string) => ["plans", task] as const,
  project: (id: string) => ["project", id] as const,
  policies: (org: string) => ["org", org, "policies"] as const,
};

export const orgs = queryOptions({
  queryKey: keys.orgs,
  queryFn: () =>
    everything<Org>((cursor) =>
      body(api.GET("/v1/orgs", { params: { query: { cursor, limit: PAGE_MAX } } })),
    ),
});

/** One page of tasks in some states, newest first. */
export const tasksIn = (org: string, states: readonly State[]) =>
  queryOptions({
    queryKey: [...keys.tasks(org), { states }],
    queryFn: async ({ signal }) =>
      head<Task>(
        await body(
          api.GET("/v1/tasks", {
            params: { query: { org, state: states.join(","), limit: PAGE_MAX } },
            signal,
          }),
        ),
      ),
  });

/**
 * How many tasks of an org are in each state, archived ones left out. The server counts, so it is true
 * where a list is cut.
 */
export const taskCounts = (org: string) =>
  queryOptions({
    queryKey: [...keys.tasks(org), "counts"],
    queryFn: async ({ signal }): Promise<Partial<Record<State, number>>> => {
      const { orgs } = await body(api.GET("/v1/state", { params: { query: { org } }, signal }));
      return orgs[0]?.tasks ?? {};
    },
  });

/** For what no event tells of: it is read again now and then, and when the reader comes back. */
export const UNTOLD = { refetchInterval: 30_000, refetchOnWindowFocus: "always" } as const;

/** For what is beside the subject of a page and has no place of its own there to say that it could not be read. */
export const ASIDE = { meta: { aside: true } } as const;

/** Results on their way into a project's branches, each train in its order. */
export const train = (org: string, project: string) =>
  queryOptions({
    queryKey: [...keys.trains(org), project],
    queryFn: async ({ signal }) =>
      (await body(api.GET("/v1/projects/{id}/train", { params: { path: { id: project } }, signal })))
        .items as TrainPlace[],
  });

/** Most tasks that a search by title shows. */
const FOUND_MAX = 30;
/** Most pages that it reads: each looks at some thousand titles, and few of them may fit. */
const SEARCHED_PAGES_MAX = 20;

/** Tasks of a page of which many may not be wanted. */
const WANTED_PAGE = 200;

/** Which of the tasks that a search by title finds are wanted. */
interface Wanted {
  /** Tells searches apart. */
  name: string;
  states: readonly State[];
  /** What the server cannot be asked for. */
  fits: (task: Task) => boolean;
}

/** Tasks whose title has these words. */
export const tasksByText = (org: string, text: string, wanted?: Wanted) =>
  queryOptions({
    queryKey: [...keys.tasks(org), { text, wanted: wanted?.name }],
    queryFn: async ({ signal }): Promise<Head<Task>> => {
      const items: Task[] = [];
      let cursor: string | undefined;
      for (let read = 0; read < SEARCHED_PAGES_MAX && items.length < FOUND_MAX; read += 1) {
        const query = {
          org,
          cursor,
          limit: wanted ? WANTED_PAGE : FOUND_MAX,
          ...(text ? { text } : {}),
          ...(wanted ? { state: wanted.states.join(",") } : {}),
        };
        const page = await body(api.GET("/v1/tasks", { params: { query }, signal }));
        const found = page.items as unknown as Task[];
        items.push(...(wanted ? found.filter(wanted.fits) : found));
        cursor = page.next ?? undefined;
        if (!cursor) break;
      }
      return { items: items.slice(0, FOUND_MAX), more: cursor !== undefined || items.length > FOUND_MAX };
    },
  });

/** Everything that serves a goal, the goal included. */
export const tasksOfGoal = (org: string, goal: string) =>
  queryOptions({
    queryKey: [...keys.goal(goal), "tasks"],
    queryFn: ({ signal }) =>
      everything<Task>((cursor) =>
        body(
          api.GET("/v1/tasks", {
            params: { query: { org, goal, archived: true, cursor, limit: PAGE_MAX } },
            signal,
          }),
        ),
      ),
  });

/** Reads a task now: not what a read comes to that has begun before. */
export const readTask = async (id: string, signal?: AbortSignal) =>
  (await body(
    api.GET("/v1/tasks/{id}", { params: { path: { id } }, ...(signal ? { signal } : {}) }),
  )) as unknown as TaskDetail;

export const task = (id: string) =>
  queryOptions({
    queryKey: keys.task(id),
    queryFn: ({ signal }) => readTask(id, signal),
  });

/** The alternatives of a task. Whatever happens to one of them makes it old. */
export const choice = (org: string, id: string) =>
  queryOptions({
    queryKey: [...keys.tasks(org), "choice", id],
    queryFn: async ({ signal }) =>
      (await body(
        api.GET("/v1/tasks/{id}/choice", { params: { path: { id } }, signal }),
      )) as unknown as TaskChoice,
  });

/** Where tasks below a goal will touch the same. */
export const conflicts = (goal: string) =>
  queryOptions({
    queryKey: keys.conflicts(goal),
    queryFn: async ({ signal }) =>
      (await body(api.GET("/v1/tasks/{id}/conflicts", { params: { path: { id: goal } }, signal })))
        .items as Conflict[],
  });

const part = <T>(id: string, name: "attempts" | "receipts" | "candidates" | "artifacts") =>
  queryOptions({
    queryKey: [...keys.task(id), name],
    queryFn: ({ signal }) =>
      everything<T>((cursor) =>
        body(
          api.GET(`/v1/tasks/{id}/${name}`, {
            params: { path: { id }, query: { cursor } },
            signal,
          }) as Promise<{ data?: Page<unknown> }>,
        ),
      ),
  });

export const attempts = (id: string) => part<Attempt>(id, "attempts");
export const receipts = (id: string) => part<Receipt>(id, "receipts");
export const candidates = (id: string) => part<Candidate>(id, "candidates");

/** What attempts have left, oldest attempt first. */
export const artifacts = (id: string) => part<Artifact>(id, "artifacts");

/** A unified diff: a patch's, or a task's that has no patch. Named by its head, so it never gets old. */
export const diff = (of: { patch: string } | { task: string }, headCommit: string) =>
  queryOptions({
    queryKey: ["diff", of, headCommit],
    queryFn: async ({ signal }) => {
      const path = "patch" in of ? `/api/v1/patches/${of.patch}/diff` : `/api/v1/tasks/${of.task}/diff`;
      return (await call(path, { signal })).text();
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

export const agents = (org: string) =>
  queryOptions({
    queryKey: keys.agents(org),
    queryFn: ({ signal }) =>
      everything<Agent>((cursor) =>
        body(api.GET("/v1/agents", { params: { query: { org, cursor, limit: PAGE_MAX } }, signal })),
      ),
  });

export const clusters = (org: string) =>
  queryOptions({
    queryKey: [...keys.agents(org), "clusters"],
    queryFn: async ({ signal }) =>
      (await body(api.GET("/v1/clusters", { params: { query: { org } }, signal }))).items as Cluster[],
  });

export const projects = (org: string) =>
  queryOptions({
    queryKey: keys.projects(org),
    queryFn: async ({ signal }) => {
      const all = await everything<Project>((cursor) =>
        body(api.GET("/v1/projects", { params: { query: { org, cursor, limit: PAGE_MAX } }, signal })),
      );
      return all.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    },
  });

export const projectSettings = (id: string) =>
  queryOptions({
    queryKey: [...keys.project(id), "settings"],
    queryFn: async ({ signal }) =>
      (await body(
        api.GET("/v1/projects/{id}/settings", { params: { path: { id } }, signal }),
      )) as ProjectSettings,
  });

/** A folder of the repository at a commit: it never gets old. */
export const folder = (id: string, commit: string, path: string) =>
  queryOptions({
    queryKey: ["folder", id, commit, path],
    queryFn: async ({ signal }) =>
      (await body(
        api.GET("/v1/projects/{id}/tree", { params: { path: { id }, query: { commit, path } }, signal }),
      )) as Folder,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The policy of the org, of one of its projects or of a goal, and what is in force there. */
export const policy = (org: string, project: string | undefined, goal: string | undefined) =>
  queryOptions({
    queryKey: [...keys.policies(org), goal ?? project ?? null],
    queryFn: async ({ signal }): Promise<PolicyView> =>
      goal
        ? body(api.GET("/v1/tasks/{id}/policy", { params: { path: { id: goal } }, signal }))
        : project
          ? body(api.GET("/v1/projects/{id}/policy", { params: { path: { id: project } }, signal }))
          : body(api.GET("/v1/orgs/{org}/policy", { params: { path: { org } }, signal })),
  });

export const patches = (org: string, project: string | undefined, state: PatchState | undefined) =>
  queryOptions({
    queryKey: [...keys.patches(org), { project, state }],
    queryFn: async ({ signal }) =>
      head<Patch>(
        await body(
          api.GET("/v1/patches", {
            params: { query: { org, project, state, limit: PAGE_MAX } },
            signal,
          }),
        ),
      ),
  });

/** A patch with all of its discussion. */
export const patch = (id: string) =>
  queryOptions({
    queryKey: keys.patch(id),
    queryFn: async ({ signal }) => {
      const [found, comments] = await Promise.all([
        body(api.GET("/v1/patches/{id}", { params: { path: { id } }, signal })),
        everything<PatchComment>((cursor) =>
          body(
            api.GET("/v1/patches/{id}/comments", {
              params: { path: { id }, query: { cursor } },
              signal,
            }),
          ),
        ),
      ]);
      return { ...(found as Patch), comments };
    },
  });

/** Tokens of an org, or without one the lab's own: those that belong to none. */
export const tokens = (org: string | undefined) =>
  queryOptions({
    queryKey: keys.tokens(org),
    queryFn: async ({ signal }) => {
      const all = await everything<Token>((cursor) =>
        body(api.GET("/v1/tokens", { params: { query: { org, cursor, limit: PAGE_MAX } }, signal })),
      );
      return org === undefined ? all.filter((token) => !token.org) : all;
    },
  });

/** Which entries of the audit log: all words of one of these texts stand in them; times of the wire. */
export interface AuditFilter {
  texts?: readonly string[];
  since?: string;
  until?: string;
}

/** Revisions of a composite's plan, oldest first. */
export const plans = (task: string) =>
  queryOptions({
    queryKey: keys.plans(task),
    queryFn: async ({ signal }) => {
      const found = await body(api.GET("/v1/tasks/{id}/plans", { params: { path: { id: task } }, signal }));
      return (found.items as PlanRevision[]).sort((a, b) => a.number - b.number);
    },
  });

/** One revision with its tasks, and what it changes in the one before. */
export const plan = (task: string, number: number) =>
  queryOptions({
    queryKey: [...keys.plans(task), number],
    queryFn: async ({ signal }) => {
      const params = { path: { id: task, number } };
      const [detail, diff] = await Promise.all([
        body(api.GET("/v1/tasks/{id}/plans/{number}", { params, signal })),
        body(api.GET("/v1/tasks/{id}/plans/{number}/diff", { params, signal })),
      ]);
      return { detail: detail as unknown as PlanDetail, diff: diff as unknown as PlanDiff };
    },
  });
