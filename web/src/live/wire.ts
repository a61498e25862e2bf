import type { QueryClient } from "@tanstack/react-query";
import { keys } from "../api/queries";
import type { LabEvent } from "../api/types";
import { applyChanges } from "../tasks/collection";
import { changedTasks, Refresher, staleKeys } from "./refresh";

/** Nearly every event has an entry in the audit log, which is searched for each read: a slower pace, in milliseconds. */
const AUDIT_PACE_MS = 5_000;

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
    refresher.ask(keys.auditNews(org), AUDIT_PACE_MS);
    void apply();
  };
}
