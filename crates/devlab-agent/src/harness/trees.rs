//! Used trees that wait for the next attempt of their project.
//!
//! To write a thousand files and to delete them again takes longer than everything else about a
//! small task. So the trees of an attempt that ended in order are kept inside the project's copy,
//! and collected with it; the next attempt makes one hold exactly its own files
//! ([`devlab_forge::worktree::Cache::reset_tree`]). What a driver worked in never becomes a clean
//! checkout for checks: there are two kinds, and each stays what it is.
//!
//! Agents that share their copies share these trees. Where a copy is on another file system than
//! an agent's home, a tree cannot be passed on in one step, and none is.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use devlab_forge::worktree::Tree;

use crate::workspace::remove_tree;

/// Folder in a project's copy.
const FOLDER: &str = "devlab-trees";
/// Most trees of one kind that wait in a project, for all agents that share the copy: about as many
/// as a machine of many cores has at work in one project. Each costs the disk space of a checkout,
/// and goes with the copy.
const SPARE_MAX: usize = 16;

/// What a tree was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Drivers.
    Driver,
    /// Checks.
    Check,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Driver => "driver-",
            Self::Check => "check-",
        }
    }
}

/// Takes a used tree, if there is one: its folder and index are at `to` then. Nothing may be
/// there before. `scratch` is a folder of the attempt's.
pub(super) fn take(repo: &Path, kind: Kind, scratch: &Path, to: &Tree) -> io::Result<bool> {
    let taken = scratch.join("taken");
    remove_tree(&taken)?;
    for tree in waiting(repo, kind)? {
        // One rename, so that two attempts never get the same.
        match fs::rename(&tree, &taken) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::CrossesDevices => return Ok(false),
            Err(error) => return Err(error),
            Ok(()) => {
                fs::rename(taken.join("index"), &to.index)?;
                fs::rename(taken.join("dir"), &to.dir)?;
                fs::remove_dir(&taken)?;
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Keeps a tree that no process uses any more, unless enough are waiting. `name` is not used
/// twice.
pub(super) fn keep(
    repo: &Path,
    kind: Kind,
    name: &str,
    scratch: &Path,
    from: &Tree,
) -> io::Result<()> {
    if !from.index.exists() || waiting(repo, kind)?.len() >= SPARE_MAX {
        return Ok(());
    }
    let kept = scratch.join("kept");
    remove_tree(&kept)?;
    fs::create_dir(&kept)?;
    fs::rename(&from.dir, kept.join("dir"))?;
    fs::rename(&from.index, kept.join("index"))?;
    fs::create_dir_all(repo.join(FOLDER))?;
    let to = repo.join(FOLDER).join(format!("{}{name}", kind.prefix()));
    match fs::rename(kept, to) {
        // It goes with the attempt.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => Ok(()),
        renamed => renamed,
    }
}

/// The newest first: their names are those of attempts, and the least is to be written in them.
fn waiting(repo: &Path, kind: Kind) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(repo.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let is_kind = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.starts_with(kind.prefix()))
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(is_kind)
        .map(|entry| entry.path())
        .collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(root: &Path, text: &str) -> Tree {
        let tree = Tree {
            dir: root.join("tree"),
            index: root.join("index"),
        };
        fs::create_dir_all(&tree.dir).unwrap();
        fs::write(tree.dir.join("file"), text).unwrap();
        fs::write(&tree.index, text).unwrap();
        tree
    }

    #[test]
    fn a_kept_tree_is_taken_once_and_only_for_its_kind() {
        let root = tempfile::tempdir().unwrap();
        let repo = root.path().join("repo");
        fs::create_dir(&repo).unwrap();
        let used = tree(root.path(), "used");
        keep(&repo, Kind::Driver, "one", root.path(), &used).unwrap();
        assert!(!used.dir.exists() && !used.index.exists());
        assert!(!take(&repo, Kind::Check, root.path(), &used).unwrap());
        assert!(take(&repo, Kind::Driver, root.path(), &used).unwrap());
        assert_eq!(fs::read_to_string(used.dir.join("file")).unwrap(), "used");
        assert_eq!(fs::read_to_string(&used.index).unwrap(), "used");
        fs::remove_dir_all(&used.dir).unwrap();
        assert!(!take(&repo, Kind::Driver, root.path(), &used).unwrap());
    }

    #[test]
    fn nothing_is_passed_on_between_file_systems() {
        let root = tempfile::tempdir().unwrap();
        let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else {
            return;
        };
        let used = tree(root.path(), "used");
        keep(elsewhere.path(), Kind::Check, "1", root.path(), &used).unwrap();
        assert!(waiting(elsewhere.path(), Kind::Check).unwrap().is_empty());
        let waiting_there = elsewhere.path().join(FOLDER).join("check-2/dir");
        fs::create_dir_all(waiting_there).unwrap();
        let to = tree(&root.path().join("run"), "new");
        assert!(!take(elsewhere.path(), Kind::Check, root.path(), &to).unwrap());
    }

    #[test]
    fn only_so_many_wait() {
        let root = tempfile::tempdir().unwrap();
        for n in 0..SPARE_MAX + 2 {
            let used = tree(root.path(), "used");
            keep(root.path(), Kind::Check, &n.to_string(), root.path(), &used).unwrap();
            remove_tree(&used.dir).unwrap();
        }
        assert_eq!(waiting(root.path(), Kind::Check).unwrap().len(), SPARE_MAX);
    }
}
