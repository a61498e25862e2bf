// The demo's agent: does one task on the tree in the current folder, the way the task's recipe says.
//
//     node worker.mjs [RECIPE]
//
// Without a recipe, it is that of the task of this title in goal.json: a feature of Spec-Kit has one command for all tasks.
//
// It knows the task's words (DEVLAB_TASK_TITLE, DEVLAB_TASK_GOAL), the tree, and the folder DEVLAB_CONTEXT with what happened
// before. It keeps nothing anywhere else, and does not know whether it is the first to try.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { readContext } from './context.mjs';
import { resolveConflicts } from './markers.mjs';
import { openTree } from './tree.mjs';

const here = new URL('./', import.meta.url);
const recipes = readdirSync(new URL('recipes/', here)).map((file) => file.replace(/\.mjs$/, ''));

/** What goal.json calls the task with this title. */
function byTitle(title) {
  const { tasks } = JSON.parse(readFileSync(new URL('../goal.json', here), 'utf8'));
  const task = tasks.find((known) => known.title === title);
  if (!task) throw new Error(`goal.json has no task "${title}"`);
  return task.key;
}

/** Runs one test file of the tree. As in life, an author who only tests what came to mind hands in what passes that. */
function runTest(file) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} fails:\n${stdout}${stderr}`);
  console.log(`  passes ${file}`);
}

async function work(name) {
  if (!recipes.includes(name)) throw new Error(`no recipe "${name}"; there are: ${recipes.join(', ')}`);
  const recipe = await import(new URL(`recipes/${name}.mjs`, here));
  const title = process.env.DEVLAB_TASK_TITLE ?? name;
  const goal = process.env.DEVLAB_TASK_GOAL ?? '';
  const context = readContext(process.env.DEVLAB_CONTEXT);
  const tree = openTree(process.cwd(), new URL(`files/${name}/`, here));

  console.log(`${title}: ${goal}`);
  if (context.conflict) resolveConflicts(tree, context.conflict.paths, recipe.settle);
  tree.copyFiles();
  await recipe.work({ tree, goal, failedLog: context.failedLog });
  for (const file of recipe.tests ?? []) runTest(file);
  console.log(tree.changed() ? 'done' : 'done: the tree already had all of it');
}

try {
  await work(process.argv[2] ?? byTitle(process.env.DEVLAB_TASK_TITLE));
} catch (error) {
  console.error(`cannot do it: ${error.message}`);
  process.exitCode = 1;
}
