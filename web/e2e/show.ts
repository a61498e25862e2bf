import { client, type Lab, until } from "./lab";
import { noisy, script, seedReview } from "./seed";

/** What the documents show. */
export interface Shown {
  goal: string;
  review: string;
  planned: string;
  live: string;
}

/** A line now and then, so that a log grows and its task goes on running. */
const WORKING = `${noisy(180)}
while sleep 1; do printf '   \\033[32mCompiling\\033[0m settings v1.1.0 (/work/settings)\\n'; done`;

/** A lab in the middle of its day: work under way, and something of everything that a person is asked. */
export async function seedShown(lab: Lab): Promise<Shown> {
  const api = client(lab);
  const { review } = await seedReview(lab, "settings");
  const done = async (id: string, state: string) =>
    until(`${id} is ${state}`, async () => {
      const task = await api.get<{ state: string }>(`/tasks/${id}`);
      return task.state === state ? true : undefined;
    });
  await done(review, "waiting");
  const { goal } = await api.post<{ goal: string }>("/schedule", {
    org: "default",
    project: "settings",
    title: "Release 1.1",
    goal: "Checked dates, a changelog, and a page for each.",
    review: false,
    driver: script('echo "$DEVLAB_TASK_TITLE" >> "log-$DEVLAB_TASK.md"'),
    tasks: [
      { key: "model", title: "Describe dates in the model" },
      { key: "parse", title: "Parse dates", depends_on: ["model"] },
      { key: "refuse", title: "Refuse dates that do not exist", depends_on: ["model"] },
      {
        key: "docs",
        title: "Write the pages",
        depends_on: ["parse"],
        tasks: [
          { key: "guide", title: "Guide to dates" },
          { key: "reference", title: "Reference of errors", driver: script(WORKING) },
          { key: "index", title: "Index of both", depends_on: ["guide", "reference"] },
        ],
      },
      { key: "bench", title: "Measure the parser on a large file", depends_on: ["parse", "refuse"] },
      { key: "changelog", title: "Write the changelog", depends_on: ["docs", "bench"] },
    ],
  });
  const live = await until("the reference is being written", async () => {
    const { items } = await api.get<{ items: Array<{ id: string; title: string; state: string }> }>(
      `/tasks?goal=${goal}&state=running`,
    );
    return items.find((task) => task.title === "Reference of errors")?.id;
  });
  await api.post("/tasks", {
    org: "default",
    project: "settings",
    title: "Rename the crate to settings-parser",
    goal: "The old name stays as an alias for one release.",
    driver: script("true"),
    draft: true,
  });
  const ask = `printf '{"text":"Which licence do the examples get?","choices":["MIT","CC0"]}' >"$DEVLAB_QUESTION"; exit 75`;
  const asked = await api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Add examples for each format",
    driver: script(ask),
  });
  await done(asked.goal, "waiting");
  const planned = await api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    project: "settings",
    why: "Large files take seconds.",
    input: {
      file: {
        name: "plan.yaml",
        text: [
          "title: A faster parser",
          "tasks:",
          "  - { key: measure, title: Measure the old one }",
          "  - { key: lexer, title: Write a lexer, depends_on: [measure] }",
          "  - { key: parser, title: Read tokens in place of lines, depends_on: [lexer] }",
          "  - { key: fuzz, title: Fuzz both against each other, depends_on: [parser] }",
          "  - { key: bench, title: Measure the new one, depends_on: [parser] }",
        ].join("\n"),
      },
    },
  });
  return { goal, review, planned: planned.goal.id, live };
}
