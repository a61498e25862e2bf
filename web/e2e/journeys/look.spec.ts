import { expect, test } from "../fixtures";
import { makeProject } from "../lab";
import { seedPictures } from "../seed";

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

test("a repository is looked through, at its head and at a commit", async ({ browser, world }) => {
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
