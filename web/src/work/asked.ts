import type { GraphTask, PolicyView, Schedule } from "../api/types";
import { count } from "../text/words";

/** What an agent needs for a task that says nothing of how it is done: `DEFAULT_DRIVER_LABEL`. */
const NO_DRIVER = "driver=default";

/** Most alternatives of a task. */
const BEST_OF_MAX = 8;

type Alternative = NonNullable<GraphTask["alternatives"]>[number];

/** What people will be asked about work that is not scheduled yet. */
export interface Asked {
  /** Whether it stays a draft until somebody approves it. */
  waits: boolean;
  /** In words, in the order it comes. */
  words: string[];
}

interface Node {
  labels: ReadonlySet<string>;
  isGoal: boolean;
  /** One of several ways to do a task: reviewed is what is taken. */
  isWay: boolean;
  review: boolean;
  hasChoice: boolean;
}

/** A list, of what a person may have written otherwise: the server says so. */
function listed<T>(given: T[] | null | undefined): T[] {
  return Array.isArray(given) ? given.filter((one) => one !== null) : [];
}

/** The goal and all tasks below it, each with what it needs. */
function nodesOf(schedule: Schedule, ofProject: readonly string[]): Node[] {
  const needs = (labels: readonly string[] | null | undefined, isOpen: boolean) =>
    new Set([...ofProject, ...listed(labels as string[]), ...(isOpen ? [NO_DRIVER] : [])]);
  const nodes: Node[] = [];
  const walk = (task: Schedule | GraphTask, isGoal: boolean, inherited: boolean) => {
    const hasDriver = inherited || Boolean(task.driver);
    const below = listed(task.tasks);
    const ways = task.alternatives
      ? listed(task.alternatives)
      : Array.from({ length: Math.min(Number(task.best_of) || 0, BEST_OF_MAX) }, () => ({}));
    const isLeaf = below.length === 0 && ways.length === 0;
    nodes.push({
      labels: needs(task.labels, isLeaf && !hasDriver),
      isGoal,
      isWay: false,
      review: task.review === true,
      hasChoice: ways.length > 0,
    });
    for (const way of ways as Alternative[]) {
      const isOpen = !hasDriver && !way.driver;
      const labels = needs(way.labels ?? task.labels, isOpen);
      nodes.push({ labels, isGoal: false, isWay: true, review: false, hasChoice: false });
    }
    for (const one of below) walk(one, false, hasDriver);
  };
  walk(schedule, true, false);
  return nodes;
}

/** What policy and the request want of people together: the rules of the server, before it is asked. */
export function askedOf(
  schedule: Schedule,
  isDraft: boolean,
  fields: PolicyView["fields"],
  ofProject: readonly string[],
): Asked {
  const said = (name: string) => fields.find((field) => field.name === name)?.value;
  const nodes = nodesOf(schedule, ofProject);
  const isOne = nodes.length === 1;
  const waits = isDraft || said("approvals.plan") === true;
  const words: string[] = [];
  if (waits) words.push(`You approve it before ${isOne ? "it" : "anything of it"} starts.`);
  const sets = (said("approvals.tasks") as string[][] | null | undefined) ?? [];
  const held = nodes.filter(({ labels }) => sets.some((set) => set.every((label) => labels.has(label))));
  if (held.length > 0) {
    words.push(
      isOne
        ? "You approve its start, because of its labels."
        : `You approve the start of ${count(held.length, "task")}, because of their labels.`,
    );
  }
  if (nodes.some((node) => node.hasChoice) && said("choose") !== "first") {
    words.push("You choose among the results that passed.");
  }
  const review = reviewWords(schedule, said("reviews"), nodes);
  if (review) words.push(review);
  const isPublished = Boolean(schedule.project) && said("approvals.publication") === true;
  if (isPublished) words.push(`You approve its result${review ? " once more" : ""} before it lands.`);
  if (words.length === 0) {
    return { waits, words: ["Nobody is asked, unless it changes protected paths or needs attention."] };
  }
  if (!review && schedule.project) {
    words.push("Nobody reviews its result, unless it changes protected paths.");
  }
  return { waits, words };
}

/** Whose results are reviewed: `Reviews::decide`. */
function reviewWords(schedule: Schedule, policy: unknown, nodes: readonly Node[]): string | undefined {
  // Only what goes into a branch is reviewed.
  if (!schedule.project) return undefined;
  const wanted = schedule.review;
  const isAll = policy === "all";
  const ofGoal = isAll || policy === "goals" || (policy === "asked" ? wanted === true : wanted !== false);
  const below = nodes.filter((node) => !node.isGoal && !node.isWay && (isAll || node.review)).length;
  const because = ofGoal && wanted === false ? ": policy wants that" : "";
  if (isAll && below > 0) return `You review every result before it is merged${because}.`;
  const more = below > 0 ? `${ofGoal ? ", and that" : "the result"} of ${count(below, "task")} in it` : "";
  if (ofGoal) return `You review its result before it is merged${more}${because}.`;
  return more ? `You review ${more} before it is merged.` : undefined;
}
