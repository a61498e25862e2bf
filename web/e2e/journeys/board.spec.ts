import { expect, test } from "../fixtures";

test("the board is driven by keyboard only", async ({ browser, world }) => {
  const page = await world.open(browser);
  const schedule = (task: string) =>
    world.api.post("/schedule", { org: "default", task, labels: ["nobody"] });
  await schedule("Cancel me by keyboard");
  await page.keyboard.press("g");
  await page.keyboard.press("b");
  await expect(page.getByRole("heading", { name: "Board" })).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type("by keyboard");
  await expect(page).toHaveURL(/q=by(\+|%20)keyboard/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("v");
  const row = (title: string) => page.getByRole("row").filter({ hasText: title });
  await expect(row("Cancel me by keyboard")).toBeVisible();
  await page.keyboard.press("j");
  await expect(row("Cancel me by keyboard")).toBeFocused();
  // What arrives above it does not take its keys.
  await schedule("Arrives by keyboard");
  await expect(row("Arrives by keyboard")).toBeVisible();
  await page.keyboard.press("x");
  await expect(row("Cancel me by keyboard")).toHaveAttribute("aria-selected", "true");
  const bar = page.getByRole("toolbar", { name: "Selected tasks" });
  await expect(bar.getByText("1 task selected")).toBeVisible();
  await page.keyboard.press(".");
  await expect(bar.getByRole("button", { name: "Approve" })).toBeFocused();
  await page.keyboard.press("X");
  const sure = page.getByRole("dialog").getByRole("button", { name: "Cancel" });
  for (let tabs = 0; tabs < 6 && !(await sure.evaluate((one) => one === document.activeElement)); tabs += 1) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await expect(row("Cancel me by keyboard").getByText("Cancelled")).toBeVisible();
});

test("cards are gone through by keyboard, and what is selected is tried again by a key", async ({
  browser,
  world,
}) => {
  const page = await world.open(browser);
  const schedule = (task: string) =>
    world.api.post<{ goal: string }>("/schedule", { org: "default", task, labels: ["nobody"] });
  await schedule("Numbat stays");
  const { goal } = await schedule("Numbat comes back");
  await world.api.post(`/tasks/${goal}/cancel`);
  await page.goto(`${world.origin}/ui/o/default/board?q=numbat`);
  const stays = page.getByRole("link", { name: "Numbat stays" });
  const back = page.getByRole("link", { name: "Numbat comes back" });
  await expect(stays).toBeVisible();
  await expect(back).toBeVisible();
  await page.keyboard.press("j");
  await expect(stays).toBeFocused();
  await page.keyboard.press("l");
  await expect(back).toBeFocused();
  await page.keyboard.press("h");
  await expect(stays).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(back).toBeFocused();
  await page.keyboard.press("x");
  await expect(page.getByRole("toolbar", { name: "Selected tasks" })).toBeVisible();
  await page.keyboard.press("r");
  // It goes to another column, and the focus with it.
  await expect(page.getByRole("region", { name: /^(Ready|Blocked), / }).filter({ has: back })).toBeVisible();
  await expect(back).toBeFocused();
});

test("a card that has the focus is scrolled away, and has it again when it comes back", async ({
  browser,
  world,
}) => {
  await world.api.post("/schedule", {
    org: "default",
    title: "Wombats",
    tasks: Array.from({ length: 40 }, (_, at) => ({
      key: `w${at}`,
      title: `Wombat ${at}`,
      labels: ["nobody"],
    })),
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/board?kind=leaves&q=wombat`);
  const column = page.getByRole("region", { name: /, 40$/ });
  const title = (await column.getByRole("link").first().textContent()) ?? "";
  const first = column.getByRole("link", { name: title, exact: true });
  const below = () =>
    column
      .getByRole("list")
      .evaluate(({ parentElement: box }) => (box ? box.scrollHeight - box.clientHeight - box.scrollTop : 0));
  await page.keyboard.press("j");
  await expect(first).toBeFocused();
  await column.hover();
  await page.mouse.wheel(0, 10_000);
  await expect.poll(below).toBeLessThan(2);
  await expect(first).toHaveCount(0);
  // Whatever is drawn now, the column stays with its reader.
  await page.mouse.wheel(0, -300);
  await expect.poll(below).toBeGreaterThan(200);
  await expect(first).toHaveCount(0);
  await page.mouse.wheel(0, -10_000);
  await expect(first).toBeInViewport();
  await expect(first).toBeFocused();
});

test("the palette finds a task and goes to it", async ({ browser, world }) => {
  const page = await world.open(browser);
  await world.api.post("/schedule", { org: "default", task: "Zebra crossing", labels: ["nobody"] });
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("zebra");
  await expect(page.getByRole("option", { name: /Zebra crossing/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Zebra crossing" })).toBeVisible();
});

test("the palette does things to tasks from anywhere, and asks first before it ends work", async ({
  browser,
  world,
}) => {
  const page = await world.open(browser);
  await world.api.post("/schedule", { org: "default", task: "Quagga census", labels: ["nobody"] });
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("cancel quagga");
  await expect(page.getByRole("option", { name: /Cancel “Quagga census”/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Once more to be sure")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByText("“Quagga census” cancelled")).toBeVisible();
});

test("the table is grouped, and a group is selected as one", async ({ browser, world }) => {
  await world.api.post("/schedule", {
    org: "default",
    title: "Okapi",
    tasks: ["one", "two"].map((key) => ({ key, title: `Okapi ${key}`, labels: ["nobody"] })),
  });
  const page = await world.open(browser);
  await page.goto(`${world.origin}/ui/o/default/board?view=table&q=okapi`);
  await page.getByLabel("Group by").selectOption("goal");
  await expect(page).toHaveURL(/group=goal/);
  await page.getByLabel("Select the tasks of Okapi").check();
  const bar = page.getByRole("toolbar", { name: "Selected tasks" });
  await expect(bar.getByText("3 tasks selected")).toBeVisible();
});
