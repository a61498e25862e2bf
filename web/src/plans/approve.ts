import type { PolicyView } from "../api/types";

/** What becomes of work under way that an approved revision does not want. */
export const RUNNING = [
  ["cancel", "It is called off"],
  ["finish", "It goes on to its end"],
] as const;

/** What the approver says of it; empty leaves it to policy. */
export type Running = "" | (typeof RUNNING)[number][0];

/** What policy says of it, as far as that is known. */
export function byPolicy(fields: PolicyView["fields"] | undefined): string {
  const said = fields?.find((field) => field.name === "running")?.value;
  const words = RUNNING.find(([value]) => value === said)?.[1];
  return words ? `As policy says: ${words.charAt(0).toLowerCase()}${words.slice(1)}` : "As policy says";
}

/** The approval that is sent. */
export function approvalOf(why: string, running: Running) {
  return { why, ...(running ? { running } : {}) };
}
