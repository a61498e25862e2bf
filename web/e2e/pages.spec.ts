import { logIn } from "./fixtures";
import { Judge, LOOKS, type Seeded, test } from "./judge";
import { seedCrowd } from "./seed";

/** Every page with its state, by the name of its picture. */
function pagesOf(seeded: Seeded): Array<[name: string, path: string, ready: string]> {
  const org = "/o/default";
  const review = `${org}/tasks/${seeded.review}`;
  const goal = `${org}/goals/${seeded.goal}`;
  return [
    ["overview", org, "Waiting for you"],
    ["board-columns", `${org}/board`, "A faster parser"],
    ["board-table", `${org}/board?view=table`, "A faster parser"],
    ["board-groups", `${org}/board?view=table&group=goal`, "A faster parser"],
    ["goal-graph", `${goal}?view=graph`, "Write the changelog"],
    ["goal-list", `${goal}?view=list&task=${seeded.goal}`, "Write the changelog"],
    ["goal-timeline", `${goal}?view=timeline`, "Parse dates"],
    ["goal-plan", `${org}/goals/${seeded.planned}?view=plan`, "What it changes"],
    ["task", review, "What is wanted"],
    ["task-log", `${org}/tasks/${seeded.noisy}?tab=log`, "Compiling"],
    ["task-changes", `${review}?tab=changes`, "parse_all"],
    ["task-proof", `${review}?tab=proof`, "no tabs"],
    ["task-artifacts", `${org}/tasks/${seeded.pictured}?tab=artifacts`, "shots/before.png"],
    ["task-draft", `${org}/tasks/${seeded.draft}`, "Approve"],
    ["agents", `${org}/agents`, "agent-1"],
    ["projects", `${org}/projects`, "settings"],
    ["project", `${org}/projects/settings`, "How work is judged"],
    ["project-files", `${org}/projects/settings?tab=files`, "README.md"],
    ["project-file", `${org}/projects/settings?tab=files&path=src/parser.rs&file=true`, "Parses one line"],
    ["project-patches", `${org}/projects/settings?tab=patches`, "Accept comments"],
    ["project-train", `${org}/projects/settings?tab=train`, "In the train"],
    ["new-work", `${org}/new?mode=graph`, "Checks besides"],
    ["new-work-planner", `${org}/new?mode=plan`, "Why it is wanted"],
    ["policy", `${org}/admin/policy`, "What is in force"],
    ["policy-project", `${org}/admin/policy?project=${seeded.project}`, "What is in force"],
    ["policy-goal", `${org}/admin/policy?goal=${seeded.goal}`, "What is in force"],
    ["policy-form", `${org}/admin/policy?edit=form`, "Set the policy"],
    ["policy-document", `${org}/admin/policy?edit=document`, "Set the policy"],
    ["tokens", `${org}/admin/tokens`, "New token"],
    ["tokens-of-lab", `${org}/admin/tokens?of=lab`, "this login"],
    ["audit", `${org}/admin/audit`, "token.create"],
    ["audit-of-lab", `${org}/admin/audit?of=lab`, "session.open"],
    ["not-found", "/nowhere", "leads nowhere"],
    ["no-such-task", `${org}/tasks/task_01jd3v6p5x8e9rk2m4n6q8t0vw`, "no such thing"],
  ];
}

for (const look of LOOKS) {
  test(`every page is right for assistive technology, keeps the policy, fits its width, and is drawn: ${look.name}`, async ({
    browser,
    world,
    seeded,
  }) => {
    test.setTimeout(600_000);
    const judge = await Judge.open(browser, look);
    const { page } = judge;
    await judge.visit("login", `${world.origin}/ui/login`, "Token");
    await logIn(page, world.origin, world.lab.token);
    for (const [name, path, ready] of pagesOf(seeded)) {
      await judge.visit(name, `${world.origin}/ui${path}`, ready);
    }
    await page.goto(`${world.origin}/ui/o/default`);
    await page.getByRole("heading", { name: "Waiting for you" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").getByRole("combobox").waitFor();
    await judge.draw("palette");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await judge.draw("shortcuts");
    await judge.close();
  });
}

/** Pages of an org that has nothing yet. */
const BARE: Array<[name: string, path: string, ready: string]> = [
  ["bare-overview", "", "Nothing runs"],
  ["bare-board", "/board", "No tasks yet"],
  ["bare-agents", "/agents", "No agents yet"],
  ["bare-projects", "/projects", "No projects yet"],
  ["bare-policy", "/admin/policy", "Nothing: the defaults hold"],
  ["bare-tokens", "/admin/tokens", "Nobody has a token"],
  ["bare-audit", "/admin/audit", "Nothing was done yet"],
];

test("pages say what to do where there is nothing, and hold where there is much", async ({
  browser,
  world,
}) => {
  test.setTimeout(400_000);
  await world.api.post("/orgs", { name: "bare" });
  const { graph, long } = await seedCrowd(world.lab, "crowd");
  const crowd: typeof BARE = [
    ["crowd-overview", "", "Waiting for you"],
    ["crowd-board-columns", "/board", "Draft"],
    ["crowd-board-table", "/board?view=table", "Migrate module"],
    ["crowd-board-groups", "/board?view=table&group=goal", "Migrate 300 modules"],
    ["crowd-goal-graph", `/goals/${graph}?view=graph`, "Migrate module 0 "],
    ["crowd-goal-list", `/goals/${graph}?view=list`, "Migrate module 0 "],
    ["crowd-task", `/tasks/${long}`, "What is wanted"],
    ["crowd-projects", "/projects", "service-1"],
    [
      "crowd-project",
      "/projects/configuration-of-the-deployment-pipeline-and-its-handbook?tab=files",
      "Handbook",
    ],
    ["crowd-tokens", "/admin/tokens", "Person 1"],
    ["crowd-audit", "/admin/audit", "schedule"],
    ["crowd-new-work", "/new?mode=task", "What is wanted"],
  ];
  for (const look of LOOKS) {
    const judge = await Judge.open(browser, look);
    await logIn(judge.page, world.origin, world.lab.token);
    for (const [name, path, ready] of BARE) {
      await judge.visit(name, `${world.origin}/ui/o/bare${path}`, ready);
    }
    for (const [name, path, ready] of crowd) {
      await judge.visit(name, `${world.origin}/ui/o/crowd${path}`, ready);
    }
    await judge.close();
  }
});
