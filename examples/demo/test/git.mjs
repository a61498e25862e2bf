// The little of git that the simulation needs: a project's repository, worktrees, one commit per try, merges without a checkout.

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PERSON = 'Demo <demo@tally.example>';
const DATE = '2026-01-21T12:00:00+00:00';

/** The environment of every process here: nothing of the caller's git configuration has a say. */
export function environment(author = PERSON, date = DATE) {
  const [, name, email] = /^(.*) <(.*)>$/.exec(author);
  return {
    PATH: process.env.PATH,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    GIT_COMMITTER_DATE: date,
  };
}

export function git(folder, args, env = environment()) {
  return execFileSync('git', args, { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Makes the repository that history.json describes and returns its head. */
export function createProject(demo, folder) {
  const history = JSON.parse(readFileSync(join(demo, 'history.json'), 'utf8'));
  mkdirSync(folder, { recursive: true });
  git(folder, ['init', '-q', '-b', history.branch]);
  for (const { message, author, date, files } of history.commits) {
    for (const { path, from } of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      cpSync(join(demo, from ?? join('project', path)), join(folder, path));
    }
    const env = environment(author, date);
    git(folder, ['add', '-A'], env);
    git(folder, ['commit', '-q', '-m', message], env);
  }
  return git(folder, ['rev-parse', 'HEAD']);
}

export function addWorktree(repository, folder, commit) {
  git(repository, ['worktree', 'add', '-q', '--detach', folder, commit]);
  return folder;
}

/** Merges earlier work into a worktree and leaves the markers in; returns the paths that conflict. */
export function mergePrior(worktree, prior) {
  const merge = spawnSync('git', ['merge', '-q', '--no-commit', '--no-ff', prior], { cwd: worktree, env: environment() });
  if (merge.status === 0) return [];
  return git(worktree, ['diff', '--name-only', '--diff-filter=U']).split('\n').filter(Boolean);
}

/** Everything in the worktree as one commit on top of `base`. */
export function commitAll(worktree, base, message) {
  git(worktree, ['add', '-A']);
  const tree = git(worktree, ['write-tree']);
  return git(worktree, ['commit-tree', tree, '-p', base, '-m', message]);
}

/** The merge of two commits as `{ commit }`, or `{ paths }` that conflict. */
export function mergeCommits(repository, ours, theirs, message) {
  const { status, stdout } = spawnSync('git', ['merge-tree', '--write-tree', '--name-only', '--no-messages', ours, theirs], {
    cwd: repository,
    env: environment(),
    encoding: 'utf8',
  });
  const [tree, ...paths] = stdout.trim().split('\n');
  if (status !== 0) return { paths };
  return { commit: git(repository, ['commit-tree', tree, '-p', ours, '-p', theirs, '-m', message]) };
}
