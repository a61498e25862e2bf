import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { attempts, task as taskQuery, tasksOfGoal } from "./api/queries";
import { follow, unfollow } from "./live/live";
import { onEventsOf } from "./live/wire";
import { NotFound, PageFailed, RouteFailed } from "./pages/lost";
import {
  auditSearch,
  boardSearch,
  goalSearch,
  newSearch,
  patchesSearch,
  policySearch,
  taskSearch,
  tokensSearch,
} from "./search";
import { endSession, principal } from "./session/session";
import { Skeleton } from "./ui/empty";

interface Context {
  client: QueryClient;
}

const ORG_KEY = "devlab.org";

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: RouteFailed,
});

const login = createRoute({
  getParentRoute: () => root,
  path: "login",
  validateSearch: (search: Record<string, unknown>): { next?: string } =>
    typeof search["next"] === "string" && search["next"].startsWith("/o/") ? { next: search["next"] } : {},
  component: lazyRouteComponent(() => import("./pages/login"), "LoginPage"),
  errorComponent: RouteFailed,
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  errorComponent: RouteFailed,
  beforeLoad: async () => {
    const who = await principal();
    if (!who) throw redirect({ to: "/login" });
    const org = who.org?.name ?? localStorage.getItem(ORG_KEY) ?? "default";
    throw redirect({ to: "/o/$org", params: { org }, replace: true });
  },
});

const org = createRoute({
  getParentRoute: () => root,
  path: "o/$org",
  beforeLoad: async ({ params, location, context }) => {
    const who = await principal();
    if (!who) throw redirect({ to: "/login", search: { next: location.href } });
    localStorage.setItem(ORG_KEY, params.org);
    await follow(params.org, {
      events: onEventsOf(context.client, params.org),
      back: (resumed) =>
        void (resumed
          ? context.client.refetchQueries({
              type: "active",
              predicate: (query) => query.state.status === "error",
            })
          : context.client.invalidateQueries()),
      over: sessionOver,
    });
    return { principal: who };
  },
  component: lazyRouteComponent(() => import("./shell/shell"), "Shell"),
  errorComponent: RouteFailed,
  pendingComponent: () => <Skeleton rows={8} className="max-w-lg" />,
});

const overview = createRoute({
  getParentRoute: () => org,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/overview"), "OverviewPage"),
});

const board = createRoute({
  getParentRoute: () => org,
  path: "board",
  validateSearch: boardSearch,
  component: lazyRouteComponent(() => import("./pages/board"), "BoardPage"),
});

const goal = createRoute({
  getParentRoute: () => org,
  path: "goals/$goal",
  validateSearch: goalSearch,
  // Reading begins while the page's code is still coming.
  loader: ({ context: { client }, params }) => {
    void client.prefetchQuery(taskQuery(params.goal));
    void client.prefetchQuery(tasksOfGoal(params.org, params.goal));
    void import("./graph/graph");
  },
  component: lazyRouteComponent(() => import("./pages/goal"), "GoalPage"),
});

const task = createRoute({
  getParentRoute: () => org,
  path: "tasks/$task",
  validateSearch: taskSearch,
  loaderDeps: ({ search: { tab } }) => ({ tab }),
  loader: ({ context: { client }, params, deps }) => {
    void client.prefetchQuery(taskQuery(params.task));
    void client.prefetchQuery(attempts(params.task));
    if (deps.tab === "log") void import("./log/log-view");
    if (deps.tab === "changes") void import("./diff/review");
  },
  component: lazyRouteComponent(() => import("./pages/task"), "TaskPage"),
});

const agents = createRoute({
  getParentRoute: () => org,
  path: "agents",
  component: lazyRouteComponent(() => import("./pages/agents"), "AgentsPage"),
});

const projects = createRoute({
  getParentRoute: () => org,
  path: "projects",
  component: lazyRouteComponent(() => import("./pages/projects"), "ProjectsPage"),
});

const project = createRoute({
  getParentRoute: () => org,
  path: "projects/$project",
  validateSearch: patchesSearch,
  component: lazyRouteComponent(() => import("./pages/project"), "ProjectPage"),
});

const newWork = createRoute({
  getParentRoute: () => org,
  path: "new",
  validateSearch: newSearch,
  component: lazyRouteComponent(() => import("./pages/new-work"), "NewWorkPage"),
});

const tokens = createRoute({
  getParentRoute: () => org,
  path: "admin/tokens",
  validateSearch: tokensSearch,
  component: lazyRouteComponent(() => import("./pages/tokens"), "TokensPage"),
});

const policy = createRoute({
  getParentRoute: () => org,
  path: "admin/policy",
  validateSearch: policySearch,
  component: lazyRouteComponent(() => import("./pages/policy"), "PolicyPage"),
});

const audit = createRoute({
  getParentRoute: () => org,
  path: "admin/audit",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("./pages/audit"), "AuditPage"),
});

const tree = root.addChildren([
  login,
  home,
  org.addChildren([overview, board, goal, task, agents, projects, project, newWork, tokens, policy, audit]),
]);

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    basepath: "/ui",
    context: { client },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultNotFoundComponent: NotFound,
    defaultErrorComponent: PageFailed,
    defaultPendingMs: 300,
  });
}

let toLogin: () => void = () => {};

/** Sets how the page gets to the log-in when the session is over. */
export function whenSessionOver(run: () => void): void {
  toLogin = run;
}

/** The server or another tab says that the session is over. */
export function sessionOver(): void {
  endSession();
  unfollow();
  toLogin();
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
