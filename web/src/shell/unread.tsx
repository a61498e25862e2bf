import { notifyManager, type Query, useQueryClient } from "@tanstack/react-query";
import { TriangleAlert } from "lucide-react";
import { useCallback, useSyncExternalStore } from "react";
import { asProblem } from "../api/problem";
import { livenessStore } from "../live/live";
import { Button } from "../ui/button";

/** Whether something that is shown could not be read, and no place of its own says so. */
function isUnread(query: Query): boolean {
  if (!query.isActive() || query.state.status !== "error") return false;
  return query.state.data !== undefined || query.observers.some((one) => one.options.meta?.["aside"]);
}

/**
 * Says that some of the page is old or missing: what is shown could not be read again, or something
 * beside the page's subject could not be read at all.
 */
export function UnreadBanner() {
  const client = useQueryClient();
  const cache = client.getQueryCache();
  const watch = useCallback(
    (changed: () => void) => cache.subscribe(notifyManager.batchCalls(changed)),
    [cache],
  );
  const why = useSyncExternalStore(watch, () => {
    const found = cache.getAll().find(isUnread);
    return found && asProblem(found.state.error).message;
  });
  const liveness = useSyncExternalStore(livenessStore.subscribe, livenessStore.get);
  // While the lab does not answer at all, the other banner says so.
  if (why === undefined || liveness.state === "stale") return null;
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-x-2 gap-y-1 border-b border-line bg-amber-soft px-4 py-1.5 text-amber md:px-6"
    >
      <TriangleAlert className="size-4 shrink-0" aria-hidden="true" />
      <span className="min-w-0 flex-1 basis-56">
        <strong className="font-semibold">Some of this page could not be read.</strong> It may be old, or
        incomplete. {why}
      </span>
      <Button size="sm" onClick={() => void client.refetchQueries({ predicate: isUnread })}>
        Try again
      </Button>
    </div>
  );
}
