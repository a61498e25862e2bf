import { client, type Lab, makeProject } from "./lab";

export const script = (text: string) => ({ command: { script: text } });

const PARSER = `/// Parses one line of settings.
pub fn parse(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    Some((key.trim().to_owned(), value.trim().to_owned()))
}

pub fn parse_all(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(parse).collect()
}
`;

/** Changes a file as an agent would, with some output. */
const CHANGE = `
printf '\\033[1mreading\\033[0m src/parser.rs\\n'
sleep 1
'${process.execPath}' - <<'END'
const { readFileSync, writeFileSync } = require("node:fs");
const text = readFileSync("src/parser.rs", "utf8")
  .replace("    let (key, value)", "    // A comment says nothing.\\n    let line = line.split('#').next()?;\\n    if line.trim().is_empty() {\\n        return None;\\n    }\\n    let (key, value)")
  .replace("text.lines()", "text.lines().map(str::trim_end)");
writeFileSync("src/parser.rs", text);
END
mkdir -p docs
printf '# Comments\\n\\nA line that begins with \`#\` is a comment.\\n\\n\`\`\`ini\\nname = value # why\\n\`\`\`\\n' > docs/comments.md
printf '\\033[32mdone\\033[0m: 2 files\\n'
`;

/** Writes lines with colours, errors and progress, as build tools do. */
export const noisy = (lines: number) => `
i=0
while [ $i -lt ${lines} ]; do
  i=$((i+1))
  case $((i % 40)) in
    0) printf '\\033[33mwarning\\033[0m: unused variable \`x\` in module_%d\\n' $i;;
    17) printf '\\033[31merror[E0%d]\\033[0m: mismatched types\\n' $i;;
    *) printf '   \\033[32mCompiling\\033[0m module_%d v0.1.%d (/work/crates/module_%d)\\n' $i $i $i;;
  esac
done
`;

/** A project with checks, and a task on it whose result is to be reviewed. */
export async function seedReview(lab: Lab, name: string): Promise<{ review: string }> {
  await makeProject(lab, name, {
    "src/parser.rs": PARSER,
    "README.md": "# parser\n",
    ".devlab/project.toml": `protected_paths = ["tests"]\n\n[[check]]\nname = "has parser"\nrun = "test -s src/parser.rs"\n\n[[check]]\nname = "no tabs"\nrun = "! grep -rn '\\t' src"\n`,
  });
  const review = await client(lab).post<{ goal: string }>("/schedule", {
    org: "default",
    project: name,
    task: "Accept comments in settings\n\nA line may end with a comment that begins with #. Say so in the docs, with an example.",
    driver: script(CHANGE),
  });
  return { review: review.goal };
}

/** Draws pictures of two sizes, and leaves a report besides. */
const PICTURES = `
mkdir -p shots
'${process.execPath}' - <<'END'
const { writeFileSync } = require("node:fs");
const { crc32, deflateSync } = require("node:zlib");
const word = (n) => { const four = Buffer.alloc(4); four.writeUInt32BE(n); return four; };
const chunk = (kind, data) => {
  const body = Buffer.concat([Buffer.from(kind), data]);
  return Buffer.concat([word(data.length), body, word(crc32(body))]);
};
const png = (path, width, height, colour) => {
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    rows.push(0);
    for (let x = 0; x < width; x += 1) rows.push(...colour(x, y).map(Math.floor));
  }
  const head = Buffer.concat([word(width), word(height), Buffer.from([8, 2, 0, 0, 0])]);
  const parts = [chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.from(rows))), chunk("IEND", Buffer.alloc(0))];
  writeFileSync(path, Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), ...parts]));
};
png("shots/before.png", 320, 180, (x, y) => [40 + x / 3, 60 + y / 2, 150]);
png("shots/after.png", 640, 240, (x, y) => [200 - x / 5, 90 + y / 3, 60]);
END
printf '# Report\\n\\n2 pictures, no errors.\\n' > shots/report.md
`;

/** A task that leaves pictures. */
export async function seedPictures(lab: Lab): Promise<string> {
  const made = await client(lab).post<{ id: string }>("/tasks", {
    org: "default",
    title: "Draw the settings page",
    driver: script(PICTURES),
    artifacts: ["shots/**"],
  });
  return made.id;
}

/** A lab in the middle of its day: something in every state. */
export async function seedSmall(
  lab: Lab,
): Promise<{ review: string; goal: string; noisy: string; draft: string; pictured: string }> {
  const api = client(lab);
  const { review } = await seedReview(lab, "settings");
  const goal = await api.post<{ goal: string }>("/schedule", {
    org: "default",
    project: "settings",
    title: "Release 1.1",
    goal: "Checked dates, a changelog, and a page for each.",
    review: false,
    driver: script('sleep 2; echo "$DEVLAB_TASK_TITLE" >> "log-$DEVLAB_TASK.md"'),
    tasks: [
      { key: "model", title: "Describe dates in the model" },
      { key: "parse", title: "Parse dates", depends_on: ["model"] },
      {
        key: "refuse",
        title: "Refuse dates that do not exist",
        depends_on: ["model"],
        driver: script("echo looking; echo 'error: the calendar is missing' >&2; exit 3"),
      },
      {
        key: "docs",
        title: "Write the pages",
        depends_on: ["parse"],
        tasks: [
          { key: "guide", title: "Guide to dates" },
          { key: "reference", title: "Reference of errors" },
          { key: "index", title: "Index of both", depends_on: ["guide", "reference"] },
        ],
      },
      { key: "changelog", title: "Write the changelog", depends_on: ["docs", "refuse"] },
      { key: "bench", title: "Measure the parser on a large file", labels: ["bench"] },
    ],
  });
  const loud = await api.post<{ goal: string }>("/schedule", {
    org: "default",
    task: "Build everything once",
    driver: script(noisy(1200)),
  });
  const draft = await api.post<{ id: string }>("/tasks", {
    org: "default",
    title: "Rename the crate to settings-parser",
    goal: "The old name stays as an alias for one release.",
    project: "settings",
    driver: script("true"),
    draft: true,
  });
  await api.post("/schedule", {
    org: "default",
    task: "Collect crash reports of the night",
    driver: script("echo none; exit 0"),
  });
  await api.post("/schedule", { org: "default", task: "Ask the upstream about its licence" });
  const pictured = await seedPictures(lab);
  return { review, goal: goal.goal, noisy: loud.goal, draft: draft.id, pictured };
}

/** A goal of many tasks in layers, for the graph. Nobody can work on it: it stays. */
export async function seedGraph(
  lab: Pick<Lab, "url" | "token">,
  tasks: number,
  layers: number,
  org = "default",
): Promise<string> {
  const width = Math.ceil(tasks / layers);
  const list = Array.from({ length: tasks }, (_, at) => {
    const layer = Math.floor(at / width);
    const above = (offset: number) => `t${(layer - 1) * width + ((at + offset) % width)}`;
    return {
      key: `t${at}`,
      title: `Migrate module ${at} to the new interface`,
      labels: ["nobody"],
      depends_on: layer === 0 ? [] : at % 3 === 0 ? [above(0), above(1)] : [above(0)],
    };
  });
  const made = await client(lab).post<{ goal: string }>("/schedule", {
    org,
    title: `Migrate ${tasks} modules`,
    tasks: list,
  });
  return made.goal;
}

/** A goal of groups that wait for each other, each with a group inside. Nobody can work on it. */
export async function seedNested(
  lab: Pick<Lab, "url" | "token">,
  groups: number,
  each: number,
  org = "default",
): Promise<string> {
  const leaf = (key: string, title: string, after: readonly string[]) => ({
    key,
    title,
    labels: ["nobody"],
    depends_on: after,
  });
  const inner = Array.from({ length: 5 }, (_, at) =>
    leaf(`i${at}`, `Check part ${at}`, at > 0 ? [`i${at - 1}`] : []),
  );
  const group = (at: number) => ({
    key: `g${at}`,
    title: `Move service ${at}`,
    depends_on: at >= 4 ? [`g${at - 4}`] : [],
    tasks: [
      ...Array.from({ length: each - inner.length - 1 }, (_, n) =>
        leaf(`t${n}`, `Move module ${n} of service ${at}`, n >= 3 ? [`t${n - 3}`] : []),
      ),
      { key: "inner", title: `Check service ${at}`, depends_on: ["t0"], tasks: inner },
    ],
  });
  const made = await client(lab).post<{ goal: string }>("/schedule", {
    org,
    title: `Move ${groups} services`,
    tasks: Array.from({ length: groups }, (_, at) => group(at)),
  });
  return made.goal;
}

/** Thousands of tasks, for the board. */
export async function seedMany(
  lab: Pick<Lab, "url" | "token">,
  count: number,
  org = "default",
): Promise<void> {
  const verbs = ["Mend", "Describe", "Measure", "Rename", "Split", "Remove", "Test"];
  const things = ["the parser", "the index", "settings", "the log reader", "retries", "the cache", "errors"];
  for (let done = 0; done < count; ) {
    const size = Math.min(1000, count - done);
    const tasks = Array.from({ length: size }, (_, at) => {
      const n = done + at;
      return {
        key: `t${at}`,
        title: `${verbs[n % 7]} ${things[Math.floor(n / 7) % 7]}, part ${n}`,
        labels: ["nobody"],
        priority: n % 5,
        depends_on: at % 4 === 3 ? [`t${at - 1}`] : [],
      };
    });
    await client(lab).post("/schedule", { org, title: `Campaign ${done / 1000 + 1}`, tasks });
    done += size;
  }
}

const LONG =
  "Explain in the handbook why the configuration of the deployment pipeline is read twice, and what that means for teams whose repositories have more than one default branch";

const GUIDE = `# Handbook

How this service is *configured*, and **why**. See the [notes](notes.md), ~~the wiki~~ and <https://example.org>.

1. Read the [first chapter](chapters/one.md).
2. Write what is missing:
   - a table, and
   - a picture: ![the plan](plan.png)

- [x] described
- [ ] translated

| field | default | meaning |
|---|---:|---|
| \`retries\` | 3 | how often what is tried again |
| \`timeout\` | 30 s | the longest that it may take |

> A line that is quoted.

\`\`\`rust
/// Parses one line.
pub fn parse(line: &str) -> Option<(&str, &str)> {
    line.split_once('=')
}
\`\`\`
`;

/** An org with much of everything, and with long names. Nobody works on it. */
export async function seedCrowd(lab: Lab, org: string): Promise<{ graph: string; long: string }> {
  const api = client(lab);
  await api.post("/orgs", { name: org });
  const deep =
    "crates/configuration-of-the-deployment-pipeline/src/very_long_module_name_without_any_break_in_it";
  await makeProject(
    lab,
    "configuration-of-the-deployment-pipeline-and-its-handbook",
    {
      "README.md": GUIDE,
      [`${deep}.rs`]: `${PARSER}// ${"x".repeat(300)}\n`,
      ...Object.fromEntries(
        Array.from({ length: 40 }, (_, at) => [`notes/${at}-${LONG.slice(0, 80)}.md`, "# Note\n"]),
      ),
    },
    org,
  );
  for (let at = 0; at < 12; at += 1)
    await makeProject(lab, `service-${at}`, { "README.md": `# ${at}\n` }, org);
  for (let at = 0; at < 20; at += 1) {
    await api.post("/tokens", {
      role: at % 3 ? "operator" : "viewer",
      org,
      note: at % 4 ? `Person ${at}` : LONG,
    });
  }
  for (let at = 0; at < 15; at += 1) {
    await api.post("/tasks", {
      org,
      title: at % 3 ? `Decide on proposal ${at}` : LONG,
      driver: script("true"),
      draft: true,
    });
  }
  const { id } = await api.post<{ id: string }>("/tasks", {
    org,
    title: `${"Pneumono".repeat(12)} ${LONG.slice(0, 90)}`,
    goal: `${LONG}.\n\n${"x".repeat(400)}`,
    labels: Array.from({ length: 12 }, (_, at) => `label-that-is-rather-long-${at}`),
    driver: script(`echo ${"y".repeat(300)}`),
    draft: true,
  });
  await seedMany(lab, 3_000, org);
  return { long: id, graph: await seedGraph(lab, 300, 20, org) };
}
