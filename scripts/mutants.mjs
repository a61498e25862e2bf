#!/usr/bin/env node
// Tests the tests: applies each mutation of mutants/list.toml to a copy of the
// tree and expects the named test to run and fail. The copy and its build live
// in a cache folder, so that a second run is incremental.
//
// usage: scripts/mutants.mjs [--only NAME]... [--check] [--self-test]
// --check says only whether each mutation still fits its file; it builds nothing.
// Environment: DEVLAB_MUTANTS_DIR, the cache folder (~/.cache/devlab/mutants).
// Ends with 0 only if every mutant was killed.
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Longest build of one mutant; the first one builds every dependency. */
const BUILD_SECS_MAX = 900;
/** Longest run of one test; a mutant that hangs is reported, not waited for. */
const TEST_SECS_MAX = 120;
/** Longest whole run, so that CI ends; what was not reached is a failure. */
const RUN_SECS_MAX = 1800;
/** Most output kept of one command. */
const OUTPUT_BYTES_MAX = 4 << 20;

const FIELDS = ["name", "why", "file", "old", "new", "package", "target", "test"];

/** A fault of the list or the machine, told without a stack. */
class Refusal extends Error {}

/** Reads the list: the part of TOML that its header describes, and no more. */
export function parseList(text) {
  const list = { at_least: 0, mutants: [] };
  let current = null;
  text.split("\n").forEach((line, index) => {
    const where = `mutants/list.toml:${index + 1}`;
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return;
    if (trimmed === "[[mutant]]") {
      current = { line: index + 1 };
      list.mutants.push(current);
      return;
    }
    const pair = /^([a-z_]+)\s*=\s*(?:'([^']*)'|("(?:[^"\\]|\\.)*")|(\d+))\s*(?:#.*)?$/.exec(trimmed);
    if (!pair) throw new Refusal(`${where}: not a key with a one-line string: ${trimmed}`);
    const [, key, literal, escaped, digits] = pair;
    if (key === "at_least" && current === null && digits !== undefined) {
      list.at_least = Number(digits);
      return;
    }
    if (current === null || !FIELDS.includes(key) || digits !== undefined) {
      throw new Refusal(`${where}: unknown key ${key}`);
    }
    if (key in current) throw new Refusal(`${where}: ${key} is given twice`);
    current[key] = literal ?? JSON.parse(escaped);
  });
  checkList(list);
  return list;
}

/** Refuses a list whose entries are incomplete or would do something else than they say. */
function checkList(list) {
  const names = new Set();
  for (const mutant of list.mutants) {
    const where = `mutants/list.toml:${mutant.line}`;
    for (const field of FIELDS) {
      if (mutant[field] === undefined || (mutant[field] === "" && field !== "new")) {
        throw new Refusal(`${where}: ${field} is missing`);
      }
      if (mutant[field].includes("\n")) throw new Refusal(`${where}: ${field} has more than one line`);
    }
    if (mutant.old === mutant.new) throw new Refusal(`${where}: old and new are the same`);
    if (names.has(mutant.name)) throw new Refusal(`${where}: ${mutant.name} is used twice`);
    if (!/^(lib|bin:[\w-]+|test:[\w-]+)$/.test(mutant.target)) {
      throw new Refusal(`${where}: target is lib, bin:NAME or test:NAME, not ${mutant.target}`);
    }
    names.add(mutant.name);
  }
  if (list.mutants.length < list.at_least) {
    throw new Refusal(`the list has ${list.mutants.length} mutants; at_least says ${list.at_least}`);
  }
}

/** Files of the tree that git would commit, with what is changed but not committed. */
function treeFiles(root) {
  return execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root, maxBuffer: 64 << 20 })
    .toString()
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(root, path)) && statSync(join(root, path)).isFile());
}

/** Every file below a folder, as paths relative to it. */
function filesBelow(folder, base = folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path, base) : [relative(base, path)];
  });
}

/**
 * Makes `copy` hold exactly the tree's files. A file with the same bytes is not
 * touched: cargo decides by modification time what to build again.
 */
function syncTree(root, copy) {
  const wanted = new Set(treeFiles(root));
  // Built browser files are not committed, but the server embeds them.
  for (const path of filesBelow(join(root, "web", "dist"))) wanted.add(join("web", "dist", path));
  for (const path of filesBelow(copy)) {
    if (!wanted.has(path)) unlinkSync(join(copy, path));
  }
  for (const path of wanted) {
    const from = join(root, path);
    const to = join(copy, path);
    const bytes = readFileSync(from);
    if (existsSync(to) && readFileSync(to).equals(bytes)) continue;
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, bytes);
    chmodSync(to, statSync(from).mode & 0o777);
  }
}

const children = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const child of children) killGroup(child);
    process.exit(signal === "SIGINT" ? 130 : 143);
  });
}

/** Ends a command and what it started; it leads its own process group. */
function killGroup(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}

/** A mutant is built anew and runs one test: what makes many runs quick, or a crash readable, would make each build slow. */
const QUICK_TO_BUILD = ['profile.dev.package.devlab-core.opt-level=0', 'profile.dev.package."*".opt-level=0', "profile.dev.debug=false"];

/** Runs cargo; resolves to its exit code (null after the time limit) and its output. */
function cargo(lab, args, limitSecs) {
  return new Promise((resolve, reject) => {
    const child = spawn("cargo", [...QUICK_TO_BUILD.flatMap((value) => ["--config", value]), ...args], {
      cwd: lab.tree,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      // A mutant changes one function: with incremental builds little more than that is compiled.
      env: {
        ...process.env,
        CARGO_TARGET_DIR: lab.target,
        CARGO_INCREMENTAL: "1",
        CARGO_TERM_COLOR: "never",
        RUST_BACKTRACE: "0",
      },
    });
    children.add(child);
    let output = "";
    let late = false;
    const keep = (bytes) => {
      if (output.length < OUTPUT_BYTES_MAX) output += bytes;
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const timer = setTimeout(() => {
      late = true;
      killGroup(child);
    }, limitSecs * 1000);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      children.delete(child);
      resolve({ code: late ? null : code, late, output });
    });
  });
}

/** Cargo's words for one target of a package. */
function targetArgs({ package: name, target }) {
  const [kind, value] = target.split(":");
  return ["test", "--locked", "-p", name, ...(kind === "lib" ? ["--lib"] : [`--${kind}`, value])];
}

/** What libtest printed for one test: "ok", "FAILED", "ignored" or undefined. */
function resultOf(output, test) {
  const escaped = test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^test ${escaped}(?: - should panic)? \\.\\.\\. (ok|FAILED|ignored)`, "m").exec(output)?.[1];
}

/** Builds, then runs exactly one test; says which of the two ended how. */
async function runTest(lab, mutant) {
  const build = await cargo(lab, [...targetArgs(mutant), "--no-run"], BUILD_SECS_MAX);
  if (build.code !== 0) {
    const verdict = build.late ? "build timed out" : "does not compile";
    return { verdict, output: build.output };
  }
  const run = await cargo(lab, [...targetArgs(mutant), "--", "--exact", mutant.test, "--test-threads=1"], TEST_SECS_MAX);
  if (run.late) return { verdict: "timed out", output: run.output };
  const result = resultOf(run.output, mutant.test);
  if (result === "ok") return { verdict: "passed", output: run.output };
  if (result === "FAILED") return { verdict: "failed", output: run.output };
  if (result === "ignored") return { verdict: "ignored", output: run.output };
  // No line of the test: either there is no such test, or its process died.
  return { verdict: run.code === 0 ? "no such test" : "crashed", output: run.output };
}

/**
 * What the named tests come to on the untouched copy, by the key of each mutant: those of one target in
 * one run. Of a run that does not get to its end, each test that it does not tell of runs by itself.
 */
async function runUnmutated(lab, mutants) {
  const found = new Map();
  const groups = new Map();
  for (const one of mutants) {
    const name = targetArgs(one).join(" ");
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  for (const group of groups.values()) {
    const tests = [...new Set(group.map((one) => one.test))];
    const args = targetArgs(group[0]);
    const build = await cargo(lab, [...args, "--no-run"], BUILD_SECS_MAX);
    const run = build.code === 0
      ? await cargo(lab, [...args, "--", "--exact", ...tests, "--test-threads=1"], BUILD_SECS_MAX)
      : build;
    // What is not built is not built for the next one either.
    const unbuilt = build.code === 0 ? undefined : await runTest(lab, group[0]);
    for (const mutant of group) {
      const key = keyOf(mutant);
      if (found.has(key)) continue;
      const passes = build.code === 0 && resultOf(run.output, mutant.test) === "ok";
      found.set(key, passes ? { verdict: "passed" } : (unbuilt ?? (await runTest(lab, mutant))));
    }
  }
  return found;
}

function keyOf(mutant) {
  return `${mutant.package} ${mutant.target} ${mutant.test}`;
}

/** Why a mutation does not fit its file; undefined if it does. */
function misfit(tree, mutant) {
  const path = join(tree, mutant.file);
  if (!existsSync(path)) return "no such file";
  const count = readFileSync(path, "utf8").split(mutant.old).length - 1;
  if (count === 0) return "old text is gone";
  return count > 1 ? `old text is there ${count} times` : undefined;
}

/** Applies one mutant to the copy, runs its test, and takes the mutation back. */
async function judge(lab, mutant) {
  const verdict = misfit(lab.tree, mutant);
  if (verdict !== undefined) return { verdict, output: "" };
  const path = join(lab.tree, mutant.file);
  const original = readFileSync(path, "utf8");
  const at = original.indexOf(mutant.old);
  writeFileSync(path, original.slice(0, at) + mutant.new + original.slice(at + mutant.old.length));
  try {
    const { verdict, output } = await runTest(lab, mutant);
    const words = { failed: "killed", passed: "SURVIVED" };
    return { verdict: words[verdict] ?? verdict, output };
  } finally {
    writeFileSync(path, original);
  }
}

/**
 * Judges every mutant. The named tests must pass on the untouched copy first: a
 * test that is missing or fails anyway would prove nothing.
 */
async function judgeAll(lab, mutants, say) {
  const began = process.hrtime.bigint();
  const elapsed = () => Number((process.hrtime.bigint() - began) / 1_000_000n) / 1000;
  const unmutated = await runUnmutated(lab, mutants);
  const rows = [];
  for (const mutant of mutants) {
    const { verdict, output } = unmutated.get(keyOf(mutant));
    if (verdict !== "passed") rows.push({ mutant, verdict: `unmutated: ${verdict}`, output, secs: 0 });
  }
  const broken = new Set(rows.map((row) => row.mutant));
  for (const mutant of mutants.filter((one) => !broken.has(one))) {
    const start = elapsed();
    const { verdict, output } =
      start > RUN_SECS_MAX ? { verdict: `not reached in ${RUN_SECS_MAX} s`, output: "" } : await judge(lab, mutant);
    const secs = elapsed() - start;
    say(`${verdict.padEnd(18)} ${mutant.name} (${secs.toFixed(1)} s)`);
    rows.push({ mutant, verdict, output, secs });
  }
  return rows;
}

/**
 * The mutants in the order that builds least: a crate is built anew for each of
 * its mutants, and with it what stands on it, so what stands lowest comes first,
 * and what is built alike stays together.
 */
export function inBuildOrder(mutants, packages) {
  const needs = new Map(packages.map(({ name, dependencies }) => [name, dependencies.map((one) => one.name)]));
  const height = (name) => 1 + Math.max(-1, ...needs.get(name).filter((one) => one !== name && needs.has(one)).map(height));
  const place = ({ package: name, target }) => `${String(needs.has(name) ? height(name) : 0).padStart(3)} ${name} ${target}`;
  return mutants.toSorted((a, b) => place(a).localeCompare(place(b)));
}

/** Crates of the copy, and what each needs. */
function packagesOf(tree) {
  const said = execFileSync("cargo", ["metadata", "--format-version=1", "--no-deps", "--locked"], { cwd: tree, maxBuffer: 64 << 20 });
  // A crate may need another one for its tests only, and that one need it.
  return JSON.parse(said).packages.map(({ name, dependencies }) => ({
    name,
    dependencies: dependencies.filter(({ kind }) => kind === null),
  }));
}

/** The closing table, and what went wrong above it. Returns the exit code. */
function report(rows) {
  const wrong = rows.filter((row) => row.verdict !== "killed");
  for (const { mutant, verdict, output } of wrong) {
    console.log(`\n--- ${mutant.name}: ${verdict}\n    rule: ${mutant.why}\n    ${mutant.file}: ${mutant.old}  →  ${mutant.new}`);
    if (output) console.log(output.trimEnd().split("\n").slice(-30).map((line) => `    | ${line}`).join("\n"));
  }
  const width = Math.max(4, ...rows.map((row) => row.mutant.name.length));
  console.log(`\n${"name".padEnd(width)}  ${"verdict".padEnd(18)}    secs  test`);
  for (const { mutant, verdict, secs } of rows) {
    console.log(`${mutant.name.padEnd(width)}  ${verdict.padEnd(18)}  ${secs.toFixed(1).padStart(6)}  ${mutant.test}`);
  }
  console.log(`\n${rows.length - wrong.length} of ${rows.length} mutants were killed`);
  return wrong.length === 0 ? 0 : 1;
}

/** Takes the cache folder for this process; a lock of a dead process is taken over. */
function lock(folder) {
  const path = join(folder, "lock");
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    for (let tries = 0; tries < 2; tries += 1) {
      try {
        linkSync(mine, path);
        process.on("exit", () => rmSync(path, { force: true }));
        return;
      } catch (error) {
        if (error.code !== "EEXIST") throw error;
        const owner = Number(readFileSync(path, "utf8"));
        if (owner > 0 && existsSync(`/proc/${owner}`)) {
          throw new Refusal(`process ${owner} is using ${folder}; wait for it, or set DEVLAB_MUTANTS_DIR to another folder`);
        }
        rmSync(path, { force: true });
      }
    }
    throw new Refusal(`${path} cannot be taken`);
  } finally {
    rmSync(mine, { force: true });
  }
}

function readList() {
  return parseList(readFileSync(join(ROOT, "mutants", "list.toml"), "utf8"));
}

/** Says which mutations do not fit the tree. Returns the exit code. */
function check() {
  const misfits = readList().mutants.flatMap((mutant) => {
    const why = misfit(ROOT, mutant);
    return why === undefined ? [] : [`mutants/list.toml:${mutant.line}: ${mutant.name}: ${mutant.file}: ${why}`];
  });
  for (const line of misfits) console.error(line);
  return misfits.length === 0 ? 0 : 1;
}

/** Judges the mutants of the list, or those named, in the cache folder. */
async function main(only) {
  const list = readList();
  for (const name of only) {
    if (!list.mutants.some((mutant) => mutant.name === name)) throw new Refusal(`no mutant is named ${name}`);
  }
  const chosen = list.mutants.filter((mutant) => only.length === 0 || only.includes(mutant.name));
  if (chosen.length === 0) {
    console.log("mutants/list.toml has no mutants");
    return 0;
  }
  const cache = process.env.DEVLAB_MUTANTS_DIR ?? join(homedir(), ".cache", "devlab", "mutants");
  const lab = { tree: join(cache, "tree"), target: join(cache, "target") };
  mkdirSync(lab.tree, { recursive: true });
  lock(cache);
  syncTree(ROOT, lab.tree);
  console.log(`${chosen.length} mutants; building their tests in ${lab.target}`);
  return report(await judgeAll(lab, inBuildOrder(chosen, packagesOf(lab.tree)), console.log));
}

const SAMPLE = {
  "Cargo.toml": '[workspace]\n[package]\nname = "sample"\nversion = "0.0.0"\nedition = "2024"\n',
  "Cargo.lock": 'version = 4\n\n[[package]]\nname = "sample"\nversion = "0.0.0"\n',
  "src/lib.rs": `pub fn larger(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}
pub fn twice(a: u32) -> u32 {
    a * 2
}
#[cfg(test)]
mod tests {
    #[test]
    fn larger_wins() {
        assert_eq!(super::larger(2, 1), 2);
    }
    #[test]
    fn weak() {
        assert_eq!(super::twice(2), 4);
    }
}
`,
};

/** What each mutant of the sample must be judged as. */
const SAMPLE_CASES = [
  ["killed", { old: "a > b", new: "a < b", test: "tests::larger_wins" }],
  ["SURVIVED", { old: "a * 2", new: "a + 2", test: "tests::weak" }],
  ["does not compile", { old: "a * 2", new: "a * b", test: "tests::weak" }],
  ["crashed", { old: "a * 2", new: "std::process::abort()", test: "tests::weak" }],
  ["old text is gone", { old: "a / 2", new: "a", test: "tests::weak" }],
  ["old text is there 2 times", { old: "assert_eq!", new: "assert_ne!", test: "tests::weak" }],
  ["no such file", { file: "src/gone.rs", old: "x", new: "y", test: "tests::weak" }],
  ["unmutated: no such test", { old: "a * 2", new: "a", test: "tests::missing" }],
];

/** Judges a tiny crate with one mutant of each kind, and refuses bad lists. */
async function selfTest() {
  const folder = mkdtempSync(join(tmpdir(), "devlab-mutants-"));
  try {
    const lab = { tree: join(folder, "tree"), target: join(folder, "target") };
    for (const [path, text] of Object.entries(SAMPLE)) {
      mkdirSync(dirname(join(lab.tree, path)), { recursive: true });
      writeFileSync(join(lab.tree, path), text);
    }
    const base = { why: "self-test", file: "src/lib.rs", package: "sample", target: "lib" };
    const mutants = SAMPLE_CASES.map(([, fields], index) => ({ ...base, name: `case-${index}`, ...fields }));
    const rows = await judgeAll(lab, mutants, () => {});
    let wrong = 0;
    SAMPLE_CASES.forEach(([wanted], index) => {
      const got = rows.find((row) => row.mutant.name === `case-${index}`)?.verdict;
      if (got !== wanted) {
        console.error(`case-${index}: expected "${wanted}", got "${got}"`);
        wrong += 1;
      }
    });
    if (readFileSync(join(lab.tree, "src/lib.rs"), "utf8") !== SAMPLE["src/lib.rs"]) {
      console.error("the sample was left mutated");
      wrong += 1;
    }
    wrong += selfTestOfLists() + selfTestOfOrder();
    console.log(`mutants self-test: ${SAMPLE_CASES.length} verdicts and the list's rules, ${wrong} wrong`);
    return wrong === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** 1 if mutants are not put in the order of their crates, or those of a crate are parted. */
function selfTestOfOrder() {
  const named = (name) => ({ name });
  const packages = [
    { name: "top", dependencies: [named("middle"), named("serde")] },
    { name: "middle", dependencies: [named("base")] },
    { name: "base", dependencies: [] },
  ];
  const mutants = ["top lib", "base test:it", "middle lib", "base lib", "base test:it"].map((words) => {
    const [name, target] = words.split(" ");
    return { package: name, target };
  });
  const got = inBuildOrder(mutants, packages).map((one) => `${one.package} ${one.target}`).join(", ");
  return got === "base lib, base test:it, base test:it, middle lib, top lib" ? 0 : 1;
}

/** Number of lists that were read wrongly. */
function selfTestOfLists() {
  const whole = FIELDS.map((field) => `${field} = ${field === "target" ? "'test:it'" : `'${field}'`}`).join("\n");
  const good = parseList(`at_least = 1\n[[mutant]]\n${whole.replace("'old'", '"say \\"x\\""')} # note\n`);
  let wrong = good.mutants[0].old === 'say "x"' && good.mutants[0].target === "test:it" ? 0 : 1;
  const bad = {
    "a field is missing": `[[mutant]]\nname = 'x'\n`,
    "too few": "at_least = 1\n",
    "two of a name": `[[mutant]]\n${whole}\n[[mutant]]\n${whole}\n`,
    "an unknown key": `[[mutant]]\n${whole}\ncolour = 'red'\n`,
    "an unknown target": `[[mutant]]\n${whole.replace("test:it", "doc")}\n`,
    "nothing changed": `[[mutant]]\n${whole.replace("'new'", "'old'")}\n`,
    "an unquoted value": `[[mutant]]\nname = x\n`,
  };
  for (const [what, text] of Object.entries(bad)) {
    try {
      parseList(text);
      console.error(`a list with this fault was accepted: ${what}`);
      wrong += 1;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  return wrong;
}

try {
  const args = process.argv.slice(2);
  const only = [];
  let run = () => main(only);
  while (args.length > 0) {
    const arg = args.shift();
    if (arg === "--self-test") run = selfTest;
    else if (arg === "--check") run = check;
    else if (arg === "--only" && args.length > 0) only.push(args.shift());
    else throw new Refusal("usage: scripts/mutants.mjs [--only NAME]... [--check] [--self-test]");
  }
  process.exit(await run());
} catch (error) {
  console.error(error instanceof Refusal ? `mutants: ${error.message}` : error);
  process.exit(2);
}
