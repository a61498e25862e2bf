// Plays the demo's goal with plain git and says what holds. `test.sh` runs it in a folder of its own.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fieldSource, findRule, readExamples } from '../drivers/quoting.mjs';
import { addWorktree, createProject, git } from './git.mjs';
import { createLab, demo, drive, goal, run } from './lab.mjs';

const folder = process.argv[2];
const repository = join(folder, 'project');
const base = createProject(demo, repository);
const started = process.uptime();
const byKey = (key) => goal.tasks.find((task) => task.key === key);
const LONG = 'parser-properties';

function newLab(name, withhold) {
  const own = join(folder, name);
  mkdirSync(own);
  return createLab(repository, own, base, withhold);
}

async function claim(words, prove) {
  const seen = await prove();
  console.log(`ok - ${words}${seen ? ` (${seen})` : ''}`);
}

const show = (commit, path) => git(repository, ['show', `${commit}:${path}`]);
const codes = (commit) => [...show(commit, 'src/diagnostics.mjs').matchAll(/code: '(T\d+)', name: '([^']+)'/g)].map(([, code, name]) => `${code} ${name}`);
const failures = (lab, key) => lab.outcomes.filter((each) => each.startsWith(`${key}: `) && !each.endsWith(': done'));

await claim('the goal is a graph without a cycle, of at least eight tasks, with fan-out and fan-in', () => {
  const seen = new Set();
  for (const { key, depends_on } of goal.tasks) {
    for (const each of depends_on) assert.ok(seen.has(each), `${key} depends on ${each}, which is not before it`);
    seen.add(key);
  }
  assert.ok(seen.size >= 8 && seen.size === goal.tasks.length);
  assert.ok(goal.tasks.filter(({ depends_on }) => depends_on.includes('parser-comments')).length >= 2);
  assert.ok(goal.tasks.some(({ depends_on }) => depends_on.length >= 3));
  return `${seen.size} tasks`;
});

await claim('every commit of the example project passes its tests, and the last one its lint', async () => {
  const commits = git(repository, ['rev-list', '--reverse', 'main']).split('\n');
  for (const commit of commits) {
    const tree = addWorktree(repository, join(folder, `commit-${commit}`), commit);
    const { status, log } = await run(['node', 'test/all.mjs'], tree);
    assert.equal(status, 0, log);
  }
  assert.equal(await newLab('history').failedCheck(base), null);
  return `${commits.length} commits, head ${base.slice(0, 12)}`;
});

await claim('drivers read nothing but the tree, the words of the task and the context folder', () => {
  const names = ['', 'recipes'].flatMap((under) => readdirSync(join(demo, 'drivers', under)).map((name) => join(under, name)));
  const sources = names.filter((name) => name.endsWith('.mjs')).map((name) => readFileSync(join(demo, 'drivers', name), 'utf8'));
  const variables = new Set(sources.flatMap((source) => [...source.matchAll(/process\.env\b(\S{0,25})/g)].map(([, name]) => name.replace(/\W+$/, ''))));
  assert.deepEqual([...variables].sort(), ['.DEVLAB_CONTEXT', '.DEVLAB_TASK_GOAL', '.DEVLAB_TASK_TITLE']);
  for (const source of sources) assert.doesNotMatch(source, /homedir|tmpdir|attempt|setTimeout|Date\.now|Math\.random/);
});

const everything = newLab('everything');
await claim('the whole goal gets done by three agents in parallel', async () => {
  assert.ok(await everything.work(goal.tasks.map(({ key }) => key)), everything.outcomes.join('\n'));
  return `${[...everything.tries.values()].reduce((all, count) => all + count, 0)} tries for ${goal.tasks.length} tasks`;
});

await claim('exactly one try failed a check and exactly one conflicted; each next try succeeded', () => {
  assert.deepEqual(everything.outcomes.filter((each) => !each.endsWith(': done')).sort(), [
    'export-csv: check test failed',
    'parser-dates: conflict in src/diagnostics.mjs',
  ]);
  assert.deepEqual([everything.tries.get('export-csv'), everything.tries.get('parser-dates')], [2, 2]);
});

await claim('both sides of the conflict are there, and what landed first keeps its number', () => {
  assert.deepEqual(codes(everything.head).slice(3), ['T004 unclosed-comment', 'T005 impossible-date']);
});

await claim('the published tree passes every check and is a release', async () => {
  assert.equal(await everything.failedCheck(everything.head), null);
  assert.equal(JSON.parse(show(everything.head, 'package.json')).version, '1.1.0');
  assert.equal(show(everything.head, 'CHANGELOG.md').match(/^- /gm).length, goal.tasks.length);
  assert.match(show(everything.head, 'docs/usage.md'), /2026-01-05,"Groceries, weekly",food,42\.50/);
});

await claim('in the other order the other task meets the conflict and resolves it', async () => {
  const lab = newLab('reversed');
  assert.ok(await lab.work(['parser-comments', 'parser-dates', 'docs-diagnostics'], (list) => list.reverse()), lab.outcomes.join('\n'));
  assert.deepEqual(codes(lab.head).slice(3), ['T004 impossible-date', 'T005 unclosed-comment']);
  assert.deepEqual(failures(lab, 'parser-comments'), ['parser-comments: conflict in src/diagnostics.mjs']);
});

await claim('with the log withheld, the CSV task makes the same mistake every time and is never done', async () => {
  const lab = newLab('no-log', ['log']);
  assert.equal(await lab.work(['parser-comments', 'export-csv']), false);
  assert.deepEqual(new Set(failures(lab, 'export-csv')), new Set(['export-csv: check test failed']));
  assert.equal(git(repository, ['ls-tree', lab.head, 'src/formats/csv.mjs']), '');
  return `${lab.tries.get('export-csv')} tries`;
});

await claim('with the conflict withheld, the second diagnostic takes a number that is taken and is never done', async () => {
  const lab = newLab('no-conflict', ['conflict']);
  assert.equal(await lab.work(['parser-comments', 'parser-dates']), false);
  const [first, ...later] = failures(lab, 'parser-dates');
  assert.equal(first, 'parser-dates: conflict in src/diagnostics.mjs');
  assert.deepEqual(new Set(later), new Set(['parser-dates: check lint failed']));
  assert.deepEqual(codes(lab.head).slice(3), ['T004 unclosed-comment']);
  return `${lab.tries.get('parser-dates')} tries`;
});

await claim('the repair comes from the text of the log: another log gives another repair', async () => {
  const tree = addWorktree(repository, join(folder, 'quoting'), base);
  const log = 'noise\n  text "a;b" expected "\'a;b\'" actual "a;b"\n  text "it\'s" expected "\'it\'\'s\'" actual "it\'s"\n';
  const source = fieldSource(findRule(readExamples(log)));
  const { status, log: said } = await run(
    ['node', '--input-type=module', '-e', `${source.replace('export ', '')}\nconsole.log(field('x,y'), field("a';"), field('z'))`],
    tree,
  );
  assert.equal(status, 0, said);
  assert.equal(said, "x,y 'a'';' z\n");
  assert.throws(() => findRule(readExamples('FAIL csv')), /shows no example/);
});

await claim('a killed agent leaves nothing half done, and another one does the same work from the start', async () => {
  const long = byKey(LONG);
  const first = addWorktree(repository, join(folder, 'killed'), base);
  const killed = await drive(long, first, folder, (log, child) => {
    if (/ of \d+ journals/.test(log)) child.kill('SIGKILL');
  });
  assert.equal(killed.signal, 'SIGKILL');
  assert.doesNotMatch(killed.log, /writes test\/fixtures\/corpus\.json/);
  const second = addWorktree(repository, join(folder, 'again'), base);
  const again = await drive(long, second, folder);
  assert.equal(again.status, 0, again.log);
  assert.equal(readFileSync(join(second, 'test/fixtures/corpus.json'), 'utf8').trim(), show(everything.head, 'test/fixtures/corpus.json'));
  return `${JSON.parse(show(everything.head, 'test/fixtures/corpus.json')).length} journals kept`;
});

console.log(`all of it holds, in ${(process.uptime() - started).toFixed(1)} s`);
