import type { QueryClient } from "@tanstack/react-query";
import type { LabEvent } from "../api/types";
import { applyChanges } from "../tasks/collection";
import { changedTasks, Refresher, staleKeys } from "./refresh";

/** What brings the page up to date when something happens in an org. */
export function onEventsOf(client: QueryClient, org: string): (events: LabEvent[]) => void {
  const refresher = new Refresher(client);
  let changed = new Set<string>();
  let applying = false;
  const apply = async () => {
    if (applying) return;
    applying = true;
    while (changed.size > 0) {
      const now = changed;
      changed = new Set();
      await applyChanges(client, org, now);
    }
    applying = false;
  };
  return (events) => {
    for (const id of changedTasks(events)) changed.add(id);
    for (const key of staleKeys(org, events)) refresher.ask(key);
    void apply();
  };
}
