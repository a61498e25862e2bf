// Plays the demo's goal with plain git and says what holds. `test.sh` runs it in a folder of its own.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldSource, findRule, readExamples } from '../drivers/quoting.mjs';
import { addWorktree, createProject, git } from './git.mjs';
import { createLab, demo, drive, goal, run } from './lab.mjs';

const folder = process.argv[2];
const repository = join(folder, 'project');
const base = createProject(demo, repository);
const started = process.uptime();
const LONG = 'parser-properties';

function newLab(name, options) {
  const own = join(folder, name);
  mkdirSync(own);
  return createLab(repository, own, base, options);
}

async function claim(words, prove) {
  const from = process.uptime();
  const seen = await prove();
  console.log(`ok - ${words} (${seen ? `${seen}, ` : ''}${(process.uptime() - from).toFixed(1)} s)`);
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
  const commits = git(repository, ['rev-list', 'main']).split('\n');
  const trees = commits.map((commit) => addWorktree(repository, join(folder, `commit-${commit}`), commit));
  const results = await Promise.all(trees.map((tree) => run(['node', 'test/all.mjs'], tree)));
  for (const { status, log } of results) assert.equal(status, 0, log);
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

const everything = newLab('everything', { kill: LONG });
await claim('the whole goal gets done by three agents in parallel, one of which is killed', async () => {
  assert.ok(await everything.work(goal.tasks.map(({ key }) => key)), everything.outcomes.join('\n'));
  return `${[...everything.tries.values()].reduce((all, count) => all + count, 0)} tries for ${goal.tasks.length} tasks`;
});

await claim('exactly one try failed a check, one conflicted and one was killed; each next try succeeded', () => {
  assert.deepEqual(everything.outcomes.filter((each) => !each.endsWith(': done')).sort(), [
    'export-csv: check test failed',
    'parser-dates: conflict in src/diagnostics.mjs',
    `${LONG}: agent killed`,
  ]);
  assert.deepEqual(['export-csv', 'parser-dates', LONG].map((key) => everything.tries.get(key)), [2, 2, 2]);
});

await claim('the killed agent had not finished its work, and the next one did it from the start', () => {
  assert.match(everything.lastWords, / of \d+ journals/);
  assert.doesNotMatch(everything.lastWords, /writes test\/fixtures\/corpus\.json/);
  return `${JSON.parse(show(everything.head, 'test/fixtures/corpus.json')).length} journals kept`;
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

// These do not need each other and run at once.
const start = (name, keys, options, order) => {
  const lab = newLab(name, options);
  return { lab, finished: lab.work(keys, order) };
};
const ROOTS = ['parser-comments', 'parser-dates'];
const reversed = start('reversed', [...ROOTS, 'docs-diagnostics'], {}, (list) => list.reverse());
const noLog = start('no-log', ['export-csv'], { withhold: ['log'] });
const noConflict = start('no-conflict', ROOTS, { withhold: ['conflict'] });
const noNote = start('no-note', ROOTS, { withhold: ['note'] });

await claim('doing a task again on its own result changes nothing', async () => {
  const quick = goal.tasks.filter(({ key }) => /^(export-csv|cli|docs|release|parser-dates)/.test(key));
  const trees = quick.map(({ key }) => addWorktree(repository, join(folder, `twice-${key}`), everything.prior.get(key)));
  const results = await Promise.all(quick.map((task, at) => drive(task, trees[at], join(folder, 'no-context'))));
  results.forEach(({ status, log }, at) => {
    assert.equal(status, 0, log);
    assert.equal(git(trees[at], ['status', '--porcelain']), '', quick[at].key);
  });
  return `${quick.length} tasks`;
});

await claim('in the other order the other task meets the conflict and resolves it', async () => {
  const { lab, finished } = reversed;
  assert.ok(await finished, lab.outcomes.join('\n'));
  assert.deepEqual(codes(lab.head).slice(3), ['T004 impossible-date', 'T005 unclosed-comment']);
  assert.deepEqual(failures(lab, 'parser-comments'), ['parser-comments: conflict in src/diagnostics.mjs']);
});

await claim('with the log withheld, the CSV task makes the same mistake every time and is never done', async () => {
  const { lab, finished } = noLog;
  assert.equal(await finished, false);
  assert.deepEqual(new Set(failures(lab, 'export-csv')), new Set(['export-csv: check test failed']));
  assert.equal(git(repository, ['ls-tree', lab.head, 'src/formats/csv.mjs']), '');
  return `${lab.tries.get('export-csv')} tries`;
});

await claim('with the conflict withheld, the second diagnostic takes a number that is taken and is never done', async () => {
  const { lab, finished } = noConflict;
  assert.equal(await finished, false);
  const [first, ...later] = failures(lab, 'parser-dates');
  assert.equal(first, 'parser-dates: conflict in src/diagnostics.mjs');
  assert.deepEqual(new Set(later), new Set(['parser-dates: check lint failed']));
  assert.deepEqual(codes(lab.head).slice(3), ['T004 unclosed-comment']);
  return `${lab.tries.get('parser-dates')} tries`;
});

await claim('markers alone do not help: without the note that names the conflict, nothing is handed in', async () => {
  const { lab, finished } = noNote;
  assert.equal(await finished, false);
  assert.deepEqual(new Set(failures(lab, 'parser-dates').slice(1)), new Set(['parser-dates: driver failed']));
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

console.log(`all of it holds, in ${(process.uptime() - started).toFixed(1)} s`);
