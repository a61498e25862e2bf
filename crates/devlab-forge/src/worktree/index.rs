//! What an index names, read without a process where its form is the usual one.
//!
//! The form is that of `gitformat-index(5)`. Whatever is not plainly understood here is left to
//! `git ls-files`.

use crate::error::Result;
use crate::git::STDOUT_BYTES_MAX;
use crate::name::Oid;
use crate::worktree::{Cache, Tree};

/// Begins the entry of a submodule in the index, as `ls-files --stage` prints it.
const GITLINK: &[u8] = b"160000 ";
/// Mode of a submodule.
const GITLINK_MODE: u32 = 0o160_000;
/// Signature, version and count.
const HEADER_BYTES: usize = 12;
/// Where the mode is in an entry, and where the object's id begins.
const MODE_AT: usize = 24;
const OID_AT: usize = 40;
/// Flags: further flags follow (from version 3 on); length of the path, all bits if it is longer.
const EXTENDED: u16 = 0x4000;
const PATH_LENGTH: u16 = 0x0fff;
/// An entry fills up to this, with at least one zero.
const ALIGN: usize = 8;

/// An entry of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) is_submodule: bool,
    pub(super) path: &'a [u8],
}

/// Everything that an index names.
pub(super) enum Listed {
    Index { bytes: Vec<u8>, oid_bytes: usize },
    Printed(Vec<u8>),
}

impl Listed {
    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        match self {
            // It was understood before.
            Self::Index { bytes, oid_bytes } => parse(bytes, *oid_bytes).unwrap_or_default(),
            Self::Printed(out) => out.split(|byte| *byte == 0).filter_map(printed).collect(),
        }
    }
}

impl Cache {
    /// What a tree's index names. `like` is any object of the repository. No process if the index
    /// has the usual form.
    pub(super) async fn listed(&self, tree: &Tree, like: &Oid) -> Result<Listed> {
        let oid_bytes = like.as_str().len() / 2;
        let size = tokio::fs::metadata(&tree.index).await;
        if size.is_ok_and(|meta| meta.len() <= STDOUT_BYTES_MAX as u64)
            && let Ok(bytes) = tokio::fs::read(&tree.index).await
            && parse(&bytes, oid_bytes).is_some()
        {
            return Ok(Listed::Index { bytes, oid_bytes });
        }
        let listing = self.tree_cmd(tree, "ls-files").args(["--stage", "-z"]);
        Ok(Listed::Printed(listing.ok().await?))
    }
}

fn printed(record: &[u8]) -> Option<Entry<'_>> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    Some(Entry {
        is_submodule: record.starts_with(GITLINK),
        path: &record[tab + 1..],
    })
}

/// `None` if this is not wholly understood.
fn parse(bytes: &[u8], oid_bytes: usize) -> Option<Vec<Entry<'_>>> {
    let (b"DIRC", version @ (2 | 3)) = (bytes.get(..4)?, number(bytes, 4)?) else {
        return None;
    };
    let count = usize::try_from(number(bytes, 8)?).ok()?;
    let end = bytes.len().checked_sub(oid_bytes)?;
    let mut entries = Vec::new();
    let mut at = HEADER_BYTES;
    for _ in 0..count {
        let mode = number(bytes, at + MODE_AT)?;
        let flags_at = at + OID_AT + oid_bytes;
        let flags = u16::from_be_bytes(bytes.get(flags_at..flags_at + 2)?.try_into().ok()?);
        let from = match (flags & EXTENDED, version) {
            (0, _) => flags_at + 2,
            (_, 3) => flags_at + 4,
            _ => return None,
        };
        let least = usize::from(flags & PATH_LENGTH);
        let rest = bytes.get(from + least..end)?;
        let more = rest.iter().position(|byte| *byte == 0)?;
        if more > 0 && flags & PATH_LENGTH != PATH_LENGTH {
            return None;
        }
        let to = from + least + more;
        entries.push(Entry {
            is_submodule: mode == GITLINK_MODE,
            path: &bytes[from..to],
        });
        at += ((to - at) / ALIGN + 1) * ALIGN;
    }
    only_optional_extensions(bytes.get(at..end)?).then_some(entries)
}

/// Those that begin with a capital letter do not change what the entries mean.
fn only_optional_extensions(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let size = number(bytes, 4).and_then(|size| usize::try_from(size).ok());
        let rest = size.and_then(|size| bytes.get(8 + size..));
        match rest {
            Some(rest) if bytes[0].is_ascii_uppercase() => bytes = rest,
            _ => return false,
        }
    }
    true
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn git(dir: &Path, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b"]);
        let done = command.args(args).current_dir(dir).output().unwrap();
        assert!(done.status.success(), "{args:?}: {done:?}");
        done.stdout
    }

    /// Compares what is read with what git prints; `None` if it is left to git.
    fn check(object_format: &str, steps: &[&[&str]]) -> Option<usize> {
        let dir = tempfile::tempdir().unwrap();
        let object_format = format!("--object-format={object_format}");
        git(dir.path(), &["init", "-q", &object_format]);
        let long = "long/".repeat(60) + &"x".repeat(200) + "/" + &"y".repeat(250);
        let deep = format!("{}/{}", "d".repeat(250), "e/".repeat(1_950) + "f");
        for path in ["a", "bb", "ccc/ä", "ccc/d d", "1234567", "12345678", &long] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        git(dir.path(), &["add", "-A"]);
        git(dir.path(), &["commit", "-qm", "x"]);
        let head = String::from_utf8(git(dir.path(), &["rev-parse", "HEAD"])).unwrap();
        let head = head.trim();
        for (mode, path) in [("160000", "ccc/sub"), ("160000", &deep)] {
            let info = format!("{mode},{head},{path}");
            git(dir.path(), &["update-index", "--add", "--cacheinfo", &info]);
        }
        for step in steps {
            git(dir.path(), step);
        }
        let bytes = std::fs::read(dir.path().join(".git/index")).unwrap();
        let out = Listed::Printed(git(dir.path(), &["ls-files", "--stage", "-z"]));
        for cut in [0, 11, 12, 40, 75, bytes.len() / 2, bytes.len() - 1] {
            let part = &bytes[..cut];
            assert_eq!(parse(part, head.len() / 2), None, "cut at {cut}");
        }
        let entries = parse(&bytes, head.len() / 2)?;
        assert_eq!(entries, out.entries());
        assert_eq!(entries.iter().filter(|e| e.is_submodule).count(), 2);
        Some(entries.len())
    }

    #[test]
    fn the_usual_form_is_read_as_git_does() {
        for format in ["sha1", "sha256"] {
            assert_eq!(check(format, &[]), Some(9), "{format}");
        }
        // Flags of version 3.
        let skip: &[&str] = &["update-index", "--skip-worktree", "a"];
        assert_eq!(check("sha1", &[skip]), Some(9));
    }

    #[test]
    fn other_forms_are_left_to_git() {
        let compressed: &[&str] = &["update-index", "--index-version", "4"];
        assert_eq!(check("sha1", &[compressed]), None);
        let split: &[&str] = &["update-index", "--split-index"];
        assert_eq!(check("sha1", &[split]), None);
    }
}
