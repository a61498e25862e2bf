import type { QueryClient, QueryKey } from "@tanstack/react-query";
import { keys } from "../api/queries";
import type { LabEvent } from "../api/types";

/** Shortest time between two refreshes of the same thing, in milliseconds. */
const PACE_MS = 400;

/**
 * Refreshes what is shown and has become old, each thing at most once at a
 * time and not more often than the pace: a refresh that is asked for while one
 * runs follows it, so that the last change is always seen.
 */
export class Refresher {
  private readonly waiting = new Map<string, QueryKey>();
  private readonly running = new Set<string>();
  private readonly client: QueryClient;
  private readonly pace: number;

  constructor(client: QueryClient, pace = PACE_MS) {
    this.client = client;
    this.pace = pace;
  }

  ask(key: QueryKey, pace = this.pace): void {
    const name = JSON.stringify(key);
    if (this.running.has(name)) {
      this.waiting.set(name, key);
      return;
    }
    this.running.add(name);
    void this.run(name, key, pace);
  }

  private async run(name: string, key: QueryKey, pace: number): Promise<void> {
    const pause = new Promise((resolve) => setTimeout(resolve, pace));
    // A read that has begun before the change may not know of it, so it is made again.
    await this.client.invalidateQueries({ queryKey: key }).catch(() => {});
    await pause;
    this.running.delete(name);
    const next = this.waiting.get(name);
    if (next) {
      this.waiting.delete(name);
      this.ask(next, pace);
    }
  }
}

/** What a batch of events makes old. */
export function staleKeys(org: string, events: readonly LabEvent[]): QueryKey[] {
  const found = new Map<string, QueryKey>();
  const add = (key: QueryKey) => found.set(JSON.stringify(key), key);
  for (const event of events) {
    switch (event.kind) {
      case "org.created":
        add(keys.orgs);
        break;
      case "project.created":
      case "project.moved":
        add(keys.projects(org));
        break;
      case "project.pushed":
        add(keys.projects(org));
        if (event.project) add(keys.project(event.project));
        break;
      case "task.asked":
      case "task.answered":
        add(keys.tasks(org));
        break;
      case "task.created":
      case "task.updated":
        add(keys.tasks(org));
        // An event does not name the goal; few goals are shown at one time.
        add(keys.edges());
        add(keys.conflicts());
        break;
      case "task.state":
        // An agent has claimed it. When an attempt ends there is an event of its own.
        if (event.data["to"] === "running") add(keys.agents(org));
        add(keys.tasks(org));
        add(keys.conflicts());
        break;
      case "task.chosen":
        add(keys.tasks(org));
        add(keys.conflicts());
        break;
      case "task.conflict":
        add(keys.conflicts());
        break;
      case "attempt.phase":
        break;
      case "attempt.state":
      case "attempt.verify":
        add(keys.agents(org));
        break;
      case "candidate.state":
        // It is told of the first task of its candidate, and moves all of them.
        add(keys.trains(org));
        for (const task of movedBy(event)) add(keys.task(task));
        break;
      case "patch.state":
      case "patch.comment":
        add(keys.patches(org));
        add(["patch"]);
        break;
      case "plan.state":
        if (event.task) add(keys.plans(event.task));
        add(keys.tasks(org));
        add(keys.edges());
        break;
      case "policy.set":
        add(keys.policies(org));
        break;
      case "agent.registered":
      case "agent.state":
        add(keys.agents(org));
        break;
    }
    if (event.task) add(keys.task(event.task));
  }
  return [...found.values()];
}

/** Tasks whose results a candidate has. */
function movedBy(event: LabEvent): string[] {
  const tasks = event.data["tasks"];
  return Array.isArray(tasks) ? tasks.filter((task) => typeof task === "string") : [];
}

/** Tasks that a batch of events has changed or made. */
export function changedTasks(events: readonly LabEvent[]): Set<string> {
  const found = new Set<string>();
  for (const event of events) {
    const touches = event.kind.startsWith("task.") || event.kind.startsWith("attempt.");
    if (touches && event.task) found.add(event.task);
  }
  return found;
}
