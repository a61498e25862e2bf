//! Paths that tasks say they will touch, and which tasks get in each other's way because of them.
//!
//! A declared path is a file, or a folder with everything below it, from the root of the project:
//! the same meaning as `protected_paths`. An observed one is what the work has changed by now, as the
//! agent sees it while the driver is at it and when it delivers: a hint, which proves nothing. What
//! overlaps is said before it is merged.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::id::TaskId;

/// Most paths that a task declares.
pub const PATHS_MAX: usize = 64;
/// Longest of them, in bytes.
pub const PATH_BYTES_MAX: usize = 512;
/// Most pairs of tasks that one look finds.
pub const CONFLICTS_MAX: usize = 500;
/// Most paths that are named of one pair.
pub const SHARED_MAX: usize = 16;

/// Checks declared paths; `field` names the list in the request.
///
/// # Errors
/// [`Refusal::Invalid`] with the place of the path.
pub fn validate(field: &str, paths: &[String]) -> Result<(), Refusal> {
    if paths.len() > PATHS_MAX {
        let problem = format!("at most {PATHS_MAX} paths: name folders");
        return Err(Refusal::invalid(field, problem));
    }
    for (i, path) in paths.iter().enumerate() {
        if let Some(problem) = problem(path) {
            return Err(Refusal::invalid(format!("{field}[{i}]"), problem));
        }
    }
    Ok(())
}

/// What keeps a text from being a path of the project, if anything does.
#[must_use]
pub fn problem(path: &str) -> Option<String> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Some(format!("must have 1 to {PATH_BYTES_MAX} bytes"));
    }
    if path.starts_with('/') {
        return Some("must be relative to the root of the project".to_owned());
    }
    if path.chars().any(char::is_control) {
        return Some("must not have control characters".to_owned());
    }
    if path.contains(['*', '?']) {
        return Some("is no pattern: a folder means everything below it".to_owned());
    }
    let is_odd = bare(path).split('/').any(is_odd);
    is_odd.then(|| "has an empty part, one of dots, or .git".to_owned())
}

fn is_odd(part: &str) -> bool {
    matches!(part, "" | "." | ".." | ".git")
}

/// What is kept of the paths that some work has changed: those that are paths, in order, and folders
/// in place of what is in them where there are more than [`PATHS_MAX`].
#[must_use]
pub fn observed<'p>(changed: impl IntoIterator<Item = &'p str>) -> Vec<String> {
    let is_path = |path: &&str| problem(path).is_none();
    let mut found: BTreeSet<&str> = changed.into_iter().filter(is_path).map(bare).collect();
    let mut depth = found.iter().map(|path| parts(path)).max().unwrap_or(0);
    while found.len() > PATHS_MAX && depth > 1 {
        depth -= 1;
        found = found.into_iter().map(|path| folder(path, depth)).collect();
    }
    found
        .into_iter()
        .take(PATHS_MAX)
        .map(str::to_owned)
        .collect()
}

fn parts(path: &str) -> usize {
    path.split('/').count()
}

/// The folder of at most so many parts that a path is in.
fn folder(path: &str, parts: usize) -> &str {
    match path.match_indices('/').nth(parts - 1) {
        Some((end, _)) => &path[..end],
        None => path,
    }
}

/// A path without the slash that says that it is a folder.
fn bare(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// What a task that can change its target soon says it will touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touches {
    /// The task.
    pub task: TaskId,
    /// The composite that its result goes into, absent for a goal: only what goes to the same place
    /// can meet. All are of one project.
    pub into: Option<TaskId>,
    /// The paths that it declared.
    pub declared: Vec<String>,
    /// The paths that its work has changed so far.
    pub observed: Vec<String>,
}

/// How it is known that two tasks meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Both declare it.
    Declared,
    /// At least one of them has changed it already.
    Observed,
}

/// Two tasks that will touch the same paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The one that is first by id: the older.
    pub first: TaskId,
    /// The other.
    pub second: TaskId,
    /// The files or folders that both name, the narrower where one names what is below the other;
    /// in order, and at most [`SHARED_MAX`].
    pub paths: Vec<String>,
    /// How it is known.
    pub kind: ConflictKind,
}

/// A path that a task names, in parts so that what is below a folder is sorted right behind it.
struct Named<'a> {
    parts: Vec<&'a str>,
    path: &'a str,
    task: TaskId,
    is_observed: bool,
}

/// What was found of a pair: where they meet, and whether one of them has been there.
#[derive(Default)]
struct Met {
    paths: Vec<String>,
    is_observed: bool,
}

/// What was found, by pair.
type Pairs = BTreeMap<(TaskId, TaskId), Met>;

/// Pairs of tasks whose paths overlap, in order, at most [`CONFLICTS_MAX`]. Paths are sorted so that
/// what is below a folder follows it, and each is held against the folders that it is in: the time
/// is that of sorting, and of what is found. At the bound it stops looking.
#[must_use]
pub fn conflicts(tasks: &[Touches]) -> Vec<Conflict> {
    let mut by_target: BTreeMap<Option<TaskId>, Vec<Named<'_>>> = BTreeMap::new();
    for one in tasks {
        let named = by_target.entry(one.into).or_default();
        for (paths, is_observed) in [(&one.observed, true), (&one.declared, false)] {
            named.extend(paths.iter().map(|path| Named {
                parts: bare(path).split('/').collect(),
                path: bare(path),
                task: one.task,
                is_observed,
            }));
        }
    }
    let mut found: Pairs = BTreeMap::new();
    for named in by_target.into_values() {
        meet(named, &mut found);
    }
    let conflict = |((first, second), met): (_, Met)| Conflict {
        first,
        second,
        paths: met.paths,
        kind: match met.is_observed {
            true => ConflictKind::Observed,
            false => ConflictKind::Declared,
        },
    };
    found.into_iter().map(conflict).collect()
}

/// Whether one of some paths is one of others, or in one of them, or has one in it.
pub fn overlap<'a, 'b>(
    some: impl Iterator<Item = &'a str>,
    others: impl Iterator<Item = &'b str> + Clone,
) -> bool {
    let is_in = |path: &str, folder: &str| {
        let rest = path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    some.map(bare).any(|a| {
        let mut others = others.clone().map(bare);
        others.any(|b| is_in(a, b) || is_in(b, a))
    })
}

/// Adds the pairs of one target.
fn meet(mut named: Vec<Named<'_>>, found: &mut Pairs) {
    // Stable: of what a task both declares and has changed, the change is kept.
    named.sort_by(|a, b| (&a.parts, a.task).cmp(&(&b.parts, b.task)));
    named.dedup_by(|a, b| a.task == b.task && a.parts == b.parts);
    // Those that the next one may be below, or be the same as.
    let mut open: Vec<&Named<'_>> = Vec::new();
    for next in &named {
        while open
            .last()
            .is_some_and(|last| !next.parts.starts_with(&last.parts))
        {
            open.pop();
        }
        for other in open.iter().filter(|other| other.task != next.task) {
            if found.len() >= CONFLICTS_MAX {
                return;
            }
            let pair = (other.task.min(next.task), other.task.max(next.task));
            let met = found.entry(pair).or_default();
            met.is_observed |= other.is_observed || next.is_observed;
            let is_known = met.paths.last().is_some_and(|last| last == next.path);
            if met.paths.len() < SHARED_MAX && !is_known {
                met.paths.push(next.path.to_owned());
            }
        }
        open.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn task(n: u128) -> TaskId {
        TaskId::new(Timestamp::from_millis(1), n << 16)
    }

    fn touches(n: u128, branch: &str, paths: &[&str]) -> Touches {
        Touches {
            task: task(n),
            into: (branch != "main").then(|| task(99)),
            declared: paths.iter().map(|&path| path.to_owned()).collect(),
            observed: Vec::new(),
        }
    }

    /// Which tasks meet, and where.
    fn met(tasks: &[Touches]) -> Vec<(TaskId, TaskId, String)> {
        let found = conflicts(tasks);
        let found = found.into_iter();
        found
            .map(|one| (one.first, one.second, one.paths.join(" ")))
            .collect()
    }

    #[test]
    fn the_same_file_or_a_folder_above_it_is_in_the_way() {
        let tasks = [
            touches(1, "main", &["src/a.rs", "docs/"]),
            touches(2, "main", &["src", "docs2/x.md"]),
            touches(3, "main", &["docs/x.md", "src/a.rs", "src/a.rs.orig"]),
            touches(4, "main", &["srcs", "src-b/a.rs"]),
            touches(5, "next", &["src/a.rs", "docs"]),
        ];
        let expected = [
            (task(1), task(2), "src/a.rs".to_owned()),
            (task(1), task(3), "docs/x.md src/a.rs".to_owned()),
            (task(2), task(3), "src/a.rs src/a.rs.orig".to_owned()),
        ];
        assert_eq!(met(&tasks), expected);
    }

    #[test]
    fn a_task_is_not_in_its_own_way() {
        let one = [touches(1, "main", &["a", "a/b", "a/", "a"])];
        assert!(met(&one).is_empty());
        assert!(met(&[]).is_empty());
    }

    #[test]
    fn what_one_of_them_has_changed_is_said_to_be_seen() {
        let mut tasks = [
            touches(1, "main", &["src"]),
            touches(2, "main", &["src/a.rs"]),
            touches(3, "main", &[]),
        ];
        assert_eq!(conflicts(&tasks)[0].kind, ConflictKind::Declared);
        tasks[1].observed = vec!["src/a.rs".to_owned()];
        tasks[2].observed = vec!["src/b.rs".to_owned()];
        let found: Vec<_> = conflicts(&tasks)
            .into_iter()
            .map(|one| (one.first, one.second, one.kind, one.paths.join(" ")))
            .collect();
        let seen = |n, path: &str| (task(1), task(n), ConflictKind::Observed, path.to_owned());
        assert_eq!(found, [seen(2, "src/a.rs"), seen(3, "src/b.rs")]);
    }

    #[test]
    fn many_changed_files_are_kept_as_the_folders_that_they_are_in() {
        assert_eq!(observed(["b", "a/", "b", "/no", "x/../y"]), ["a", "b"]);
        let many: Vec<String> = (0..100).map(|n| format!("a/b{}/c{n}", n % 3)).collect();
        let few = observed(many.iter().map(String::as_str));
        assert_eq!(few, ["a/b0", "a/b1", "a/b2"]);
        let wide: Vec<String> = (0..100).map(|n| format!("{n:03}/x")).collect();
        let some = observed(wide.iter().map(String::as_str));
        assert_eq!((some.len(), &some[0][..]), (PATHS_MAX, "000"));
    }

    #[test]
    fn what_is_found_has_a_bound() {
        let many: Vec<_> = (0..200).map(|n| touches(n, "main", &["a"])).collect();
        assert_eq!(conflicts(&many).len(), CONFLICTS_MAX);
        let paths: Vec<String> = (0..40).map(|n| format!("f{n}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let two = [touches(1, "main", &paths), touches(2, "main", &paths)];
        assert_eq!(conflicts(&two)[0].paths.len(), SHARED_MAX);
    }

    /// The same as holding every path against every other.
    #[test]
    fn every_pair_is_found() {
        let words = ["a", "b", "a/b", "a/b/c", "a-b", "a/c", "b/a", "ab"];
        let below = |path: &str, folder: &str| {
            path == folder
                || path
                    .strip_prefix(folder)
                    .is_some_and(|r| r.starts_with('/'))
        };
        for seed in 0..500_u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut pick = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                words[usize::try_from(random % 8).unwrap()]
            };
            let tasks: Vec<_> = (0..4)
                .map(|n| touches(n, "main", &[pick(), pick(), pick()]))
                .collect();
            let mut expected = Vec::new();
            for (i, a) in tasks.iter().enumerate() {
                for b in &tasks[i + 1..] {
                    let meets = |x: &String| b.declared.iter().any(|y| below(x, y) || below(y, x));
                    if a.declared.iter().any(meets) {
                        expected.push((a.task, b.task));
                    }
                }
            }
            let all = |task: &Touches| task.declared.clone();
            let overlaps = overlap(
                all(&tasks[0]).iter().map(String::as_str),
                all(&tasks[1]).iter().map(String::as_str),
            );
            assert_eq!(
                overlaps,
                expected.contains(&(task(0), task(1))),
                "{tasks:?}"
            );
            let found: Vec<_> = conflicts(&tasks)
                .iter()
                .map(|c| (c.first, c.second))
                .collect();
            assert_eq!(found, expected, "{tasks:?}");
        }
    }

    #[test]
    fn a_path_is_relative_and_no_pattern() {
        for path in ["a", "src/a.rs", "src/", "ü/[id]/page.tsx", ".github"] {
            assert_eq!(problem(path), None, "{path}");
        }
        for path in [
            "",
            "/a",
            "a//b",
            "../a",
            "a/./b",
            "src/*.rs",
            ".git/config",
            "a\n",
            "/",
        ] {
            assert!(problem(path).is_some(), "{path}");
        }
        let many = vec!["a".to_owned(); PATHS_MAX + 1];
        assert_eq!(validate("paths", &many).unwrap_err().code(), "invalid");
    }
}
