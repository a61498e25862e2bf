// What devlab does with the demo's goal, in small: tries in parallel on worktrees, checks, merges into one branch, and new
// tries with the context of the earlier ones.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addWorktree, commitAll, git, mergeCommits, mergePrior } from './git.mjs';

export const demo = dirname(dirname(fileURLToPath(import.meta.url)));
export const goal = JSON.parse(readFileSync(join(demo, 'goal.json'), 'utf8'));

const AGENTS = 3;
const TRIES = 3;
const CHECKS = [
  ['test', ['node', 'test/all.mjs']],
  ['lint', ['node', 'tools/lint.mjs']],
];

/** Runs a command in a cleared environment; `onOutput` sees the log as it grows and the process. */
export function run(argv, cwd, env = {}, onOutput = () => {}) {
  const child = spawn(argv[0], argv.slice(1), { cwd, env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  const keep = (bytes) => {
    log += bytes;
    onOutput(log, child);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, log })));
}

/** Runs the driver of a task on a worktree. */
export function drive(task, worktree, context, onOutput) {
  const argv = task.driver.command.argv.map((each) => each.replace('{demo}', demo));
  const env = { DEVLAB_TASK_TITLE: task.title, DEVLAB_TASK_GOAL: task.goal, DEVLAB_CONTEXT: context };
  return run(argv, worktree, env, onOutput);
}

/**
 * A lab on a repository whose branch is at `head`. `withhold` names what tries are not given: log, conflict, note. `kill` is the
 * task whose first driver is killed as soon as it says that it is on its way.
 */
export function createLab(repository, folder, head, { withhold = [], kill = null } = {}) {
  let worktrees = 0;
  let toKill = kill;
  const lab = { head, tries: new Map(), outcomes: [], prior: new Map(), context: new Map() };

  const checkout = (commit) => addWorktree(repository, join(folder, `tree-${(worktrees += 1)}`), commit);

  /** The first check that fails on a clean checkout of the commit, with its log. */
  lab.failedCheck = async (commit) => {
    const tree = checkout(commit);
    const results = await Promise.all(CHECKS.map(async ([name, argv]) => ({ name, ...(await run(argv, tree)) })));
    return results.find(({ status }) => status !== 0) ?? null;
  };

  /** Fills the context folder of a new try and merges the earlier work into its worktree. */
  function prepare(task, worktree) {
    const context = join(folder, `context-${worktrees}`);
    mkdirSync(context);
    writeFileSync(join(context, 'prompt.md'), `# ${task.title}\n\n${task.goal}\n`);
    const before = lab.context.get(task.key);
    if (before?.log && !withhold.includes('log')) writeFileSync(join(context, 'failed-check.log'), before.log);
    if (lab.prior.has(task.key) && !(before?.theirs && withhold.includes('conflict'))) {
      const paths = mergePrior(worktree, lab.prior.get(task.key));
      if (paths.length > 0 && !withhold.includes('note')) writeFileSync(join(context, 'conflict.json'), JSON.stringify({ paths, mine: lab.prior.get(task.key) }));
    }
    return context;
  }

  /** One try from the head at its claim: work, commit, checks of that commit. */
  async function attempt(task, base) {
    lab.tries.set(task.key, (lab.tries.get(task.key) ?? 0) + 1);
    const worktree = checkout(base);
    const victim = toKill === task.key;
    if (victim) toKill = null;
    const worked = await drive(task, worktree, prepare(task, worktree), (log, child) => {
      if (victim && / of \d+ /.test(log)) child.kill('SIGKILL');
    });
    if (worked.signal) return { task, outcome: 'agent killed', log: null, said: worked.log };
    if (worked.status !== 0) return { task, outcome: 'driver failed', log: worked.log };
    const commit = commitAll(worktree, base, task.title);
    lab.prior.set(task.key, commit);
    const failed = await lab.failedCheck(commit);
    return failed ? { task, outcome: `check ${failed.name} failed`, log: failed.log } : { task, commit };
  }

  /** Merges a try that passed into the branch; a candidate that differs from what was checked is checked again. */
  async function publish({ task, commit }) {
    const merged = mergeCommits(repository, lab.head, commit, `Merge: ${task.title}`);
    if (merged.paths) return { task, outcome: `conflict in ${merged.paths.join(', ')}`, theirs: commit };
    const tree = (id) => git(repository, ['rev-parse', `${id}^{tree}`]);
    const failed = tree(merged.commit) === tree(commit) ? null : await lab.failedCheck(merged.commit);
    if (failed) return { task, outcome: `check ${failed.name} of the candidate failed`, log: failed.log };
    lab.head = merged.commit;
    return { task, outcome: 'done' };
  }

  /**
   * Works on the named tasks, on their dependencies among them only, until all are done or one has used up its tries; true if all
   * are done. `order` sorts the tries that ran in parallel, as the order in which they come to be published.
   */
  lab.work = async (keys, order = (list) => list) => {
    const tasks = goal.tasks.filter(({ key }) => keys.includes(key));
    const done = new Set();
    while (done.size < tasks.length) {
      const ready = tasks.filter(({ key, depends_on }) => !done.has(key) && depends_on.every((each) => done.has(each) || !keys.includes(each)));
      if (ready.some(({ key }) => lab.tries.get(key) === TRIES)) return false;
      const base = lab.head;
      const tried = await Promise.all(ready.slice(0, AGENTS).map((task) => attempt(task, base)));
      for (const result of order(tried)) {
        const { task, outcome, log, theirs, said } = result.commit ? await publish(result) : result;
        lab.outcomes.push(`${task.key}: ${outcome}`);
        if (said) lab.lastWords = said;
        if (outcome === 'done') done.add(task.key);
        else lab.context.set(task.key, { log, theirs });
      }
    }
    return true;
  };
  return lab;
}
