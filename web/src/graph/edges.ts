import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { task } from "../api/queries";
import type { Edge } from "./model";

/** Requests at one time: a browser opens six connections to a host. */
const ABREAST = 4;

/**
 * The dependencies of some tasks. The list of tasks does not have them, so
 * each task is asked for; what was read is kept until the tasks are others.
 */
export const edgesOf = (client: QueryClient, goal: string, ids: readonly string[]) =>
  queryOptions({
    queryKey: ["edges", goal, ids.length, ids.join().slice(0, 4_000)],
    queryFn: async (): Promise<Edge[]> => {
      const left = [...ids];
      const edges: Edge[] = [];
      const worker = async () => {
        for (let id = left.pop(); id; id = left.pop()) {
          const to = id;
          const found = await client.fetchQuery({ ...task(to), staleTime: 60_000 });
          edges.push(...found.depends_on.map((from) => ({ from, to })));
        }
      };
      await Promise.all(Array.from({ length: ABREAST }, worker));
      return edges.sort((a, b) => (a.to + a.from < b.to + b.from ? -1 : 1));
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
