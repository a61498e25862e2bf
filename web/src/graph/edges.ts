import { queryOptions } from "@tanstack/react-query";
import { api, body } from "../api/client";
import { keys } from "../api/queries";
import type { Edge } from "./model";

/** The dependencies among everything below a goal: one request for as many as most plans have. */
export const edgesOf = (goal: string) =>
  queryOptions({
    queryKey: keys.edges(goal),
    queryFn: async ({ signal }): Promise<Edge[]> => {
      const edges: Edge[] = [];
      let cursor: string | undefined;
      do {
        const page = await body(
          api.GET("/v1/tasks/{id}/edges", { params: { path: { id: goal }, query: { cursor } }, signal }),
        );
        edges.push(...page.items.map(({ task, depends_on }) => ({ from: depends_on, to: task })));
        cursor = page.next ?? undefined;
      } while (cursor);
      return edges;
    },
  });
