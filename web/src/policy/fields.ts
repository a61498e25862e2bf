import type { PolicyView } from "../api/types";

/** Everything that a policy can say, in the order it is shown. */

type Kind =
  | { kind: "choice"; choices: ReadonlyArray<readonly [value: string, words: string]> }
  | { kind: "number"; least?: number; most: number; unit?: string }
  /** Sets of labels: one set in a line. */
  | { kind: "sets" }
  /** Names with numbers: one in a line. */
  | { kind: "limits" };

export type PolicyField = Kind & {
  /** Its path in the document. */
  name: string;
  label: string;
  about: string;
};

export interface FieldGroup {
  title: string;
  about: string;
  fields: readonly PolicyField[];
}

const YES_NO = [
  ["true", "Yes"],
  ["false", "No"],
] as const;

const HOUR_MS = 3_600_000;
const WEEK_SECS = 7 * 24 * 3_600;
const U32_MAX = 4_294_967_295;
const SHARE_MAX = 1_000;

function retries(of: string, label: string, about: string): PolicyField[] {
  return [
    { name: `retries.${of}.most`, label, about, kind: "number", most: 100, unit: "times" },
    {
      name: `retries.${of}.first_ms`,
      label: "First pause",
      about: "It doubles each time.",
      kind: "number",
      most: HOUR_MS,
      unit: "ms",
    },
    {
      name: `retries.${of}.longest_ms`,
      label: "Longest pause",
      about: "At most an hour.",
      kind: "number",
      most: HOUR_MS,
      unit: "ms",
    },
  ];
}

export const GROUPS: readonly FieldGroup[] = [
  {
    title: "Approvals",
    about: "What a person has to approve before it goes on.",
    fields: [
      {
        name: "approvals.plan",
        label: "Plans of goals",
        about: "Yes: goals that are scheduled with their tasks wait too. No: not even planned ones wait.",
        kind: "choice",
        choices: YES_NO,
      },
      {
        name: "approvals.tasks",
        label: "Tasks with these labels",
        about:
          "One set of labels in a line, with commas between them: a task that needs all of them waits. With “none”, not even those of less specific levels.",
        kind: "sets",
      },
      {
        name: "approvals.publication",
        label: "Results of goals",
        about: "They wait after checks and review, before they land.",
        kind: "choice",
        choices: YES_NO,
      },
    ],
  },
  {
    title: "Reviews",
    about: "Whose results a person reviews. A request can ask for more, not for less.",
    fields: [
      {
        name: "reviews",
        label: "Reviewed",
        about: "Goals are reviewed unless a request says no.",
        kind: "choice",
        choices: [
          ["asked", "Those that ask for it"],
          ["goals", "Goals too"],
          ["all", "All results"],
        ],
      },
    ],
  },
  {
    title: "Verification",
    about: "Whose run of the checks lets a result in.",
    fields: [
      {
        name: "verifier",
        label: "Verified by",
        about: "Another one: what the author's own checks said lets nothing in.",
        kind: "choice",
        choices: [
          ["any", "Any agent"],
          ["other", "Another agent than its author"],
        ],
      },
    ],
  },
  {
    title: "Retries",
    about: "How often what is tried again by itself; then somebody has to look.",
    fields: [
      ...retries("lost", "After a lost agent", "There is no pause after the first."),
      ...retries("check", "After a failed check", "The next attempt is told the log."),
      ...retries("driver", "After a failed driver", "The next attempt is told how it ended."),
      ...retries("conflict", "After a conflict", "The target did not take the result."),
    ],
  },
  {
    title: "Time limits",
    about: "A shorter limit of a task or a check counts.",
    fields: [
      {
        name: "time_limits.driver_secs",
        label: "A driver",
        about: "The longest that it may work.",
        kind: "number",
        most: WEEK_SECS,
        unit: "s",
      },
      {
        name: "time_limits.check_secs",
        label: "A check",
        about: "The longest that it may run.",
        kind: "number",
        most: WEEK_SECS,
        unit: "s",
      },
    ],
  },
  {
    title: "Work under way",
    about: "On tasks that another revision of a plan removes or changes.",
    fields: [
      {
        name: "running",
        label: "Running attempts",
        about: "Unless the approval of the plan says otherwise.",
        kind: "choice",
        choices: [
          ["cancel", "Are cancelled"],
          ["finish", "Finish"],
        ],
      },
    ],
  },
  {
    title: "Several attempts at once",
    about: "At a task that asks for the best of several.",
    fields: [
      {
        name: "choose",
        label: "Who chooses",
        about: "Among those whose checks passed. The only one is taken by itself.",
        kind: "choice",
        choices: [
          ["person", "A person"],
          ["first", "Nobody: the first is taken"],
        ],
      },
    ],
  },
  {
    title: "Conflicts to come",
    about: "Between tasks with the same target that touch the same paths.",
    fields: [
      {
        name: "conflicts",
        label: "A task in another one's way",
        about: "While that one is at work or goes in. Nobody is held back behind what waits for a person.",
        kind: "choice",
        choices: [
          ["show", "Starts, and is shown"],
          ["hold", "Is held back"],
        ],
      },
    ],
  },
  {
    title: "Concurrency",
    about: "Attempts at one time. Limits of all levels hold together, at once; 0 pauses.",
    fields: [
      {
        name: "concurrency.total",
        label: "In all",
        about: "Those that verify included.",
        kind: "number",
        most: U32_MAX,
      },
      {
        name: "concurrency.labels",
        label: "By label",
        about: "One in a line: gpu = 2.",
        kind: "limits",
      },
      {
        name: "concurrency.runtimes",
        label: "By runtime",
        about: "One in a line: local = 4. Of an org only.",
        kind: "limits",
      },
    ],
  },
  {
    title: "Share",
    about: "Among orgs that share slots of a runtime.",
    fields: [
      {
        name: "share",
        label: "Weight of the org",
        about: "Twice the weight, twice the slots. Only admins of the whole lab set it.",
        kind: "number",
        least: 1,
        most: SHARE_MAX,
      },
    ],
  },
];

/** What a level of a policy can say there. */
export function isSaidAt(field: PolicyField, { level, fields }: PolicyView): boolean {
  const ofOrg = field.name === "share" || field.name === "concurrency.runtimes";
  // Limits of concurrency are no fields: those of all levels hold together.
  const isKnown = field.name.startsWith("concurrency.") || fields.some((one) => one.name === field.name);
  return isKnown && (level.kind === "org" || !ofOrg);
}

export const FIELDS: readonly PolicyField[] = GROUPS.flatMap((group) => group.fields);
