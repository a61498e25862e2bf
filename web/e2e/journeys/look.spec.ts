import { expect, test } from "../fixtures";
import { makeProject, until } from "../lab";
import { script, seedPictures } from "../seed";

test("pictures that an attempt left are shown in place, and can be taken along", async ({
  browser,
  world,
}) => {
  const task = await seedPictures(world.lab);
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/tasks/${task}`);
  await page.getByRole("link", { name: "Artifacts" }).click();
  const picture = page.getByRole("img", { name: "shots/before.png" });
  await expect(picture).toBeVisible({ timeout: 30_000 });
  await expect.poll(() => picture.evaluate((one) => (one as HTMLImageElement).naturalWidth)).toBe(320);
  await page.getByRole("button", { name: "Show shots/report.md" }).click();
  await expect(page.getByText("2 pictures, no errors.")).toBeVisible();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download shots/after.png" }).click();
  expect((await download).suggestedFilename()).toBe("after.png");
});

test("a repository is looked through at its head", async ({ browser, world }) => {
  await makeProject(world.lab, "browsed", {
    "README.md": "# Read me first\n\nThen the [library](src/deep/lib.rs).\n\n<b onclick=alert(1)>raw</b>\n",
    "src/deep/lib.rs": "//! A library.\npub fn name() {}\n",
    ".devlab/project.toml": '[[check]]\nname = "there"\nrun = "test -e README.md"\n',
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/projects/browsed`);
  await page.getByRole("button", { name: "Show the file" }).click();
  await expect(page.getByRole("region", { name: /Text of/ })).toContainText('name = "there"');
  await page.getByRole("button", { name: "Files" }).click();
  await expect(page.getByRole("heading", { name: "Read me first" })).toBeVisible();
  await expect(page.getByText("<b onclick=alert(1)>raw</b>")).toBeVisible();
  await page.getByRole("link", { name: "library" }).click();
  await expect(page.getByText("//! A library.")).toBeVisible();
  await expect(page.locator(".hljs-keyword", { hasText: "pub" })).toBeVisible();
  await page.getByRole("navigation", { name: "Path" }).getByRole("link", { name: "browsed" }).click();
  await page.getByRole("link", { name: "README.md" }).click();
  await page.getByRole("button", { name: "Lines" }).click();
  await expect(page.getByText("Then the [library](src/deep/lib.rs).")).toBeVisible();
  await page.getByRole("navigation", { name: "Path" }).getByRole("link", { name: "browsed" }).click();
  await page.getByRole("link", { name: "src" }).click();
  await page.getByRole("link", { name: "deep" }).click();
  await page.getByRole("link", { name: "lib.rs" }).click();
  await expect(page.getByText("//! A library.")).toBeVisible();
  await expect(page).toHaveURL(/path=src(%2F|\/)deep(%2F|\/)lib\.rs/);
  await page.getByRole("navigation", { name: "Path" }).getByRole("link", { name: "browsed" }).click();
  await expect(page.getByRole("link", { name: "README.md" })).toBeVisible();
});

test("a commit leads to the files at it, from the task that made it and by its id", async ({
  browser,
  world,
}) => {
  await makeProject(world.lab, "two-commits", {
    "README.md": "# As it began\n",
    ".devlab/project.toml": '[[check]]\nname = "there"\nrun = "test -e README.md"\n',
  });
  const { items } = await world.api.get<{ items: Array<{ name: string; head: string }> }>(
    "/projects?org=default",
  );
  const first = items.find((one) => one.name === "two-commits")?.head ?? "";
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    project: "two-commits",
    task: "Change the first page",
    review: false,
    driver: script("printf '# As it became\\n' > README.md; printf 'more\\n' > 'another one.md'"),
  });
  const task = await until("it is merged", async () => {
    const found = await world.api.get<{ state: string; head: string; published?: string }>(`/tasks/${goal}`);
    return found.state === "done" && found.published ? found : undefined;
  });
  const page = await world.open(browser);
  const shown = page.getByRole("heading", { name: /As it/ });
  await page.goto(`${world.origin}/ui/o/default/tasks/${goal}`);
  await page
    .getByRole("link", { name: task.head.slice(0, 8) })
    .first()
    .click();
  await expect(page).toHaveURL(new RegExp(`commit=${task.head}`));
  await expect(shown).toHaveText("As it became");
  await expect(page.getByRole("link", { name: "another one.md" })).toBeVisible();
  const field = page.getByLabel("Go to a commit");
  await field.fill("main");
  await field.press("Enter");
  await expect(page.getByText("The whole id")).toBeVisible();
  await field.fill(` ${first} `);
  await field.press("Enter");
  await expect(page).toHaveURL(new RegExp(`commit=${first}`));
  await expect(shown).toHaveText("As it began");
  await expect(page.getByText("at commit")).toBeVisible();
  await expect(page.getByRole("link", { name: "another one.md" })).toHaveCount(0);
  await page.reload();
  await expect(shown).toHaveText("As it began");
  await field.fill("0".repeat(40));
  await field.press("Enter");
  await expect(page.getByText("Nothing here at this commit")).toBeVisible();
  await page.getByRole("link", { name: "go to the head" }).click();
  await expect(shown).toHaveText("As it became");
  // An attempt's result and what was merged lead there too.
  await page.goto(`${world.origin}/ui/o/default/tasks/${goal}?tab=proof`);
  await page
    .getByRole("region", { name: "Train" })
    .getByRole("link", { name: first.slice(0, 8) })
    .first()
    .click();
  await expect(shown).toHaveText("As it began");
});

test("a policy is set by the form and by the document, and what is in force says who says so", async ({
  browser,
  world,
}) => {
  await world.api.post("/orgs", { name: "ruled" });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/ruled/admin/policy`);
  await expect(page.getByText("Nothing: the defaults hold.")).toBeVisible();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("After a failed check").fill("101");
  await page.getByRole("button", { name: "Set the policy" }).click();
  await expect(page.getByText("A whole number from 0 to 100.")).toBeVisible();
  await page.getByLabel("After a failed check").fill("7");
  await page.getByLabel("By label").fill("gpu = 2");
  await page.getByRole("button", { name: "Document" }).click();
  const document = page.getByLabel("Document", { exact: true });
  await expect(document).toHaveValue(/"most": 7/);
  await document.fill(
    '{"retries": {"check": {"most": 9}}, "concurrency": {"labels": {"gpu": 2}}, "nonsense": 1}',
  );
  await page.getByRole("button", { name: "Set the policy" }).click();
  await expect(
    page
      .getByText(/nonsense/)
      .locator("visible=true")
      .last(),
  ).toBeVisible();
  await document.fill('{"retries": {"check": {"most": 9}}, "concurrency": {"labels": {"gpu": 2}}}');
  await page.getByLabel("Why").fill("Checks are flaky.");
  await page.getByRole("button", { name: "Set the policy" }).click();
  const force = page.getByRole("region", { name: "What is in force" });
  await expect(force.getByText("9 times")).toBeVisible();
  await expect(force.getByText("org 1")).toBeVisible();
  await expect(page.getByText("0 of 2")).toBeVisible();
  await expect(page.getByText("Checks are flaky.")).toBeVisible();
  // A goal's own policy comes before the org's.
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "ruled",
    title: "With a policy",
    tasks: [{ key: "a", title: "First", labels: ["nobody"] }],
  });
  await page.goto(`${world.origin}/ui/o/ruled/goals/${goal}`);
  await page.getByRole("main").getByRole("link", { name: "Policy" }).click();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("After a failed check").fill("1");
  await page.getByRole("button", { name: "Set the policy" }).click();
  await expect(force.getByText("1 time", { exact: true })).toBeVisible();
  await expect(force.getByText("goal 1")).toBeVisible();
});

test("the audit log is filtered by the server, restored by its address, and exported", async ({
  browser,
  world,
}) => {
  const { goal } = await world.api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Audited",
    labels: ["nobody"],
  });
  await world.api.post(`/tasks/${goal}/cancel`);
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/admin/audit`);
  await page.getByLabel("Filter").fill(`cancel ${goal}`);
  await expect(page).toHaveURL(/q=cancel/);
  const rows = page.getByRole("table").getByRole("row");
  await expect(rows).toHaveCount(2);
  await page.reload();
  await expect(rows).toHaveCount(2);
  await expect(rows.last()).toContainText("task.cancel");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const stream = await (await download).createReadStream();
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  expect(text.trim().split("\n")).toHaveLength(1);
  expect(JSON.parse(text)).toMatchObject({ action: "task.cancel", target: goal });
  await page.getByLabel("From this day").fill("2200-01-01");
  await expect(page.getByText("Nothing fits this filter")).toBeVisible();
});
