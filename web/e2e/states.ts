import type { World } from "./fixtures";
import { makeProject, until } from "./lab";
import { script } from "./seed";

const planOf = (tasks: string) => ({
  file: { name: "plan.yaml", text: `title: Publish the handbook\ntasks:\n${tasks}` },
});
const task = (key: string, title: string, more = "") =>
  `  - key: ${key}\n    title: ${title}\n    labels: [nobody]\n${more}`;

/** A goal whose plan was approved, and of which another revision waits for a decision. */
async function seedPlanned({ api }: World): Promise<{ replanned: string; ofPlan: string }> {
  const { goal } = await api.post<{ goal: { id: string } }>("/goals", {
    org: "default",
    why: "Readers ask for it.",
    input: planOf(
      task("write", "Write the chapters") + task("print", "Print it", "    depends_on: [write]\n"),
    ),
  });
  await api.post(`/tasks/${goal.id}/plans/1/approve`, { why: "Go.", running: "finish" });
  await api.post(`/tasks/${goal.id}/plans`, {
    parent: 1,
    why: "Nobody reads paper.",
    input: planOf(
      task("write", "Write the chapters") + task("site", "Make a site of it", "    depends_on: [write]\n"),
    ),
  });
  const { items } = await api.get<{ items: Array<{ id: string; title: string }> }>(
    `/tasks?goal=${goal.id}&limit=10`,
  );
  return { replanned: goal.id, ofPlan: items.find((one) => one.title === "Print it")?.id ?? "" };
}

/** Results of which a person takes one. */
async function seedChoice({ api, lab }: World): Promise<string> {
  await makeProject(lab, "ways", { "a.txt": "a\n" });
  const { id } = await api.post<{ id: string }>("/tasks", {
    org: "default",
    project: "ways",
    review: false,
    title: "Write it in the best way",
    alternatives: [
      { title: "Short", driver: script("echo short >b.txt") },
      { title: "Long", driver: script("seq 40 >b.txt") },
    ],
  });
  await until("both ways are done", async () => {
    const { alternatives } = await api.get<{ alternatives: Array<{ choosable: boolean }> }>(
      `/tasks/${id}/choice`,
    );
    return alternatives.every((one) => one.choosable) || undefined;
  });
  return id;
}

/** What is shown only when somebody is asked something, or may do less. */
export async function seedStates(world: World) {
  const { api } = world;
  const ask = `printf '{"text":"Which licence do the examples get?","choices":["MIT","CC0","The one of the project"]}' >"$DEVLAB_QUESTION"; exit 75`;
  const asked = await api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Add examples for each format",
    driver: script(ask),
  });
  const planned = await seedPlanned(world);
  const choice = await seedChoice(world);
  await until("it asks", async () => {
    const { waiting_for } = await api.get<{ waiting_for?: string }>(`/tasks/${asked.goal}`);
    return waiting_for === "question" || undefined;
  });
  const { secret } = await api.post<{ secret: string }>("/tokens", { role: "viewer", org: "default" });
  return { ...planned, choice, asked: asked.goal, viewer: secret };
}
