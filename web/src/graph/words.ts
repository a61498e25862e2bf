import { count } from "../text/words";
import { STATE_WORD } from "../ui/state";
import type { GraphNode } from "./model";

export const CRITICAL_WORDS = "on the critical path";

export function meetsWords(meets: number): string {
  return `touches the same as ${count(meets, "other task")}`;
}

/** What a node's signs say, for whoever does not see them. */
export function nodeWords({
  node,
  critical,
  meets,
}: {
  node: GraphNode;
  critical: boolean;
  meets: number;
}): string {
  return [STATE_WORD[node.state], critical && CRITICAL_WORDS, meets > 0 && meetsWords(meets)]
    .filter(Boolean)
    .join(", ");
}
