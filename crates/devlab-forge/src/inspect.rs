//! Looking at commits, trees and differences.

use serde::{Deserialize, Serialize};

use crate::commit::parse_oid;
use crate::error::{Error, Result};
use crate::name::Oid;
use crate::repo::BareRepo;

/// Most commits that [`BareRepo::log`] returns.
pub const LOG_MAX: usize = 10_000;
/// Longest path that is looked up.
const PATH_BYTES_MAX: usize = 4_096;
/// Fields of a record of the log format below.
const LOG_FIELDS: usize = 7;
const LOG_FORMAT: &str = "--format=tformat:%H%x00%P%x00%an%x00%ae%x00%at%x00%s%x00%b";

/// A commit, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitInfo {
    /// Its id.
    pub oid: Oid,
    /// Its parents, in order.
    pub parents: Vec<Oid>,
    /// The author's name.
    pub author: String,
    /// The author's address.
    pub email: String,
    /// When it was written, in seconds since 1970.
    pub time_secs: i64,
    /// The first line of the message.
    pub subject: String,
    /// The rest of the message.
    pub body: String,
}

/// How much of a file changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// Its path.
    pub path: String,
    /// Lines added; 0 if binary.
    pub added: u64,
    /// Lines removed; 0 if binary.
    pub removed: u64,
    /// Not text.
    pub binary: bool,
}

/// A difference as a unified diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// It was longer than the limit, and its end is missing.
    pub truncated: bool,
}

/// What a tree's entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A file.
    File,
    /// A file that can be run.
    Executable,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// A commit of another repository.
    Submodule,
}

impl EntryKind {
    pub(crate) fn from_mode(mode: &str) -> Option<Self> {
        match mode {
            "100644" | "100664" => Some(Self::File),
            "100755" => Some(Self::Executable),
            "120000" => Some(Self::Link),
            "040000" | "40000" => Some(Self::Folder),
            "160000" => Some(Self::Submodule),
            _ => None,
        }
    }
}

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeEntry {
    /// What it is.
    pub kind: EntryKind,
    /// The object.
    pub oid: Oid,
    /// Its path from the root.
    pub path: String,
}

/// A path that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path.
    pub path: String,
    /// What it is afterwards; `None`: it was removed.
    pub kind: Option<EntryKind>,
}

impl BareRepo {
    /// The content of a file in a commit or tree, `None` if there is no such file. No process of
    /// its own.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `bytes_max`; [`Error::Invalid`] for a path that is absolute,
    /// empty, or has `.` or `..` in it.
    pub async fn read_file(
        &self,
        commit: &Oid,
        path: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>> {
        check_path(path)?;
        let found = self.object(&format!("{commit}:{path}"), bytes_max).await?;
        let Some(object) = found.filter(|object| object.kind == "blob") else {
            return Ok(None);
        };
        match object.content {
            Some(content) => Ok(Some(content)),
            None if object.size == 0 => Ok(Some(Vec::new())),
            None => Err(Error::TooLarge {
                what: format!("file {path}"),
                limit_bytes: bytes_max as u64,
            }),
        }
    }

    /// Which of these objects are not in the repository. No process of its own.
    ///
    /// # Errors
    /// git's failure.
    pub async fn missing_objects(&self, oids: &[Oid]) -> Result<Vec<Oid>> {
        let mut missing = Vec::new();
        for oid in oids {
            if self.object(oid.as_str(), 0).await?.is_none() {
                missing.push(oid.clone());
            }
        }
        Ok(missing)
    }

    /// Whether `ancestor` is `descendant` or in its history. One process.
    ///
    /// # Errors
    /// [`Error::Failed`] if one of them does not exist.
    pub async fn is_ancestor(&self, ancestor: &Oid, descendant: &Oid) -> Result<bool> {
        let done = self
            .cmd("merge-base")
            .args(["--is-ancestor", ancestor.as_str(), descendant.as_str()])
            .run()
            .await?;
        match done.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            code => Err(Error::failed("merge-base", code, &done.stderr)),
        }
    }

    /// Whether an object is a commit that was made on `base`, as the harness does, or descends from
    /// it. No process of its own in the first case, one in the second.
    ///
    /// # Errors
    /// git's failure.
    pub async fn is_commit_on(&self, commit: &Oid, base: &Oid) -> Result<bool> {
        let found = self.object(commit.as_str(), 0).await?;
        if found.is_none_or(|object| object.kind != "commit") {
            return Ok(false);
        }
        let parent = self.object(&format!("{commit}^1"), 0).await?;
        match parent {
            Some(parent) if parent.oid == *base => Ok(true),
            Some(_) => self.is_ancestor(base, commit).await,
            None => Ok(commit == base),
        }
    }

    /// The best common ancestor, `None` if there is none. One process.
    ///
    /// # Errors
    /// [`Error::Failed`] if one of them does not exist.
    pub async fn merge_base(&self, one: &Oid, other: &Oid) -> Result<Option<Oid>> {
        let done = self
            .cmd("merge-base")
            .args([one.as_str(), other.as_str()])
            .run()
            .await?;
        match done.code {
            Some(0) => parse_oid("merge-base", &done.stdout).map(Some),
            Some(1) => Ok(None),
            code => Err(Error::failed("merge-base", code, &done.stderr)),
        }
    }

    /// The tree of a commit. No process of its own.
    ///
    /// # Errors
    /// [`Error::Missing`] if it is not a commit of this repository.
    pub async fn tree_of(&self, commit: &Oid) -> Result<Oid> {
        let found = self.object(&format!("{commit}^{{tree}}"), 0).await?;
        let tree = found.ok_or_else(|| Error::Missing {
            what: format!("commit {commit}"),
        })?;
        Ok(tree.oid)
    }

    /// Commits in the history of `tip` and not in that of `exclude`, newest first, at most
    /// `limit` and [`LOG_MAX`]. One process.
    ///
    /// # Errors
    /// [`Error::Failed`] if a commit does not exist.
    pub async fn log(
        &self,
        exclude: Option<&Oid>,
        tip: &Oid,
        limit: usize,
    ) -> Result<Vec<CommitInfo>> {
        let out = self
            .cmd("log")
            .args([
                "-z",
                "--topo-order",
                "--no-notes",
                "--no-mailmap",
                "--no-color",
                LOG_FORMAT,
            ])
            .arg(format!("--max-count={}", limit.min(LOG_MAX)))
            .arg(tip.as_str())
            .args(exclude.map(|oid| format!("^{oid}")))
            .arg("--")
            .ok()
            .await?;
        let mut fields: Vec<String> = out
            .split(|byte| *byte == 0)
            .map(|f| String::from_utf8_lossy(f).into_owned())
            .collect();
        fields.truncate(fields.len() / LOG_FIELDS * LOG_FIELDS);
        fields.chunks_exact(LOG_FIELDS).map(parse_commit).collect()
    }

    /// The unified diff between two commits or trees, at most `bytes_max` of it. One process.
    ///
    /// # Errors
    /// [`Error::Failed`] if one of them does not exist.
    pub async fn diff(&self, base: &Oid, head: &Oid, bytes_max: usize) -> Result<Diff> {
        let done = self
            .diff_tree(
                &[
                    "-p",
                    "-M",
                    "--no-ext-diff",
                    "--no-textconv",
                    "--no-color",
                    "--submodule=short",
                ],
                base,
                head,
            )
            .stdout_bytes_max(bytes_max)
            .run()
            .await?;
        if !done.truncated && done.code != Some(0) {
            return Err(Error::failed("diff-tree", done.code, &done.stderr));
        }
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        Ok(Diff {
            text,
            truncated: done.truncated,
        })
    }

    /// Lines added and removed in each file; a renamed file is one removed and one added. One
    /// process.
    ///
    /// # Errors
    /// [`Error::Failed`] if a commit does not exist.
    pub async fn diff_stat(&self, base: &Oid, head: &Oid) -> Result<Vec<FileStat>> {
        let out = self
            .diff_tree(
                &[
                    "--numstat",
                    "-z",
                    "--no-renames",
                    "--no-ext-diff",
                    "--no-textconv",
                ],
                base,
                head,
            )
            .ok()
            .await?;
        let records = out
            .split(|byte| *byte == 0)
            .filter(|record| !record.is_empty());
        records.map(parse_stat).collect()
    }

    /// The paths that differ between two commits or trees. One process.
    ///
    /// # Errors
    /// [`Error::Failed`] if one does not exist.
    pub async fn changed_paths(&self, base: &Oid, head: &Oid) -> Result<Vec<String>> {
        Ok(self
            .changes(base, head)
            .await?
            .into_iter()
            .map(|change| change.path)
            .collect())
    }

    /// The paths that differ, and what they are afterwards. One process.
    ///
    /// # Errors
    /// [`Error::Failed`] if one does not exist.
    pub async fn changes(&self, base: &Oid, head: &Oid) -> Result<Vec<Change>> {
        let out = self
            .diff_tree(&["--raw", "-z", "--no-renames"], base, head)
            .ok()
            .await?;
        let mut fields = out.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mut changes = Vec::new();
        while let (Some(meta), Some(path)) = (fields.next(), fields.next()) {
            let mode = meta.split(' ').nth(1).unwrap_or_default();
            changes.push(Change {
                path: path.into_owned(),
                kind: EntryKind::from_mode(mode),
            });
        }
        Ok(changes)
    }

    fn diff_tree(&self, options: &[&str], base: &Oid, head: &Oid) -> crate::git::Cmd {
        self.cmd("diff-tree")
            .arg("-r")
            .args(options)
            .args([base.as_str(), head.as_str()])
    }

    /// All files of a commit or tree. One process.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the list is too long, [`Error::Failed`] if it does not exist.
    pub async fn ls_tree(&self, tree: &Oid) -> Result<Vec<TreeEntry>> {
        let out = self
            .cmd("ls-tree")
            .args(["-r", "-z", "--full-tree", tree.as_str()])
            .ok()
            .await?;
        let records = out
            .split(|byte| *byte == 0)
            .filter(|record| !record.is_empty());
        records
            .map(|record| parse_entry(&String::from_utf8_lossy(record)))
            .collect()
    }
}

pub(crate) fn check_path(path: &str) -> Result<()> {
    let fits = !path.is_empty()
        && path.len() <= PATH_BYTES_MAX
        && !path.contains('\0')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if fits {
        Ok(())
    } else {
        Err(Error::invalid(
            "path",
            path,
            "must be relative, without empty parts, `.` or `..`",
        ))
    }
}

fn parse_commit(fields: &[String]) -> Result<CommitInfo> {
    let [oid, parents, author, email, time, subject, body] = fields else {
        return Err(Error::unexpected("log", "a record with missing fields"));
    };
    Ok(CommitInfo {
        oid: oid.parse()?,
        parents: parents
            .split_whitespace()
            .map(|oid| oid.parse().map_err(crate::Error::from))
            .collect::<Result<_>>()?,
        author: author.clone(),
        email: email.clone(),
        time_secs: time.parse().unwrap_or(0),
        subject: subject.clone(),
        body: body.trim_end().to_owned(),
    })
}

fn parse_stat(record: &[u8]) -> Result<FileStat> {
    let text = String::from_utf8_lossy(record);
    let mut parts = text.splitn(3, '\t');
    let (Some(added), Some(removed), Some(path)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(Error::unexpected("diff-tree", text.into_owned()));
    };
    let lines = |text: &str| text.parse().unwrap_or(0);
    Ok(FileStat {
        path: path.to_owned(),
        added: lines(added),
        removed: lines(removed),
        binary: added == "-",
    })
}

fn parse_entry(record: &str) -> Result<TreeEntry> {
    let odd = || Error::unexpected("ls-tree", record.to_owned());
    let (meta, path) = record.split_once('\t').ok_or_else(odd)?;
    let mut words = meta.split(' ');
    let kind = words
        .next()
        .and_then(EntryKind::from_mode)
        .ok_or_else(odd)?;
    let oid = words.nth(1).ok_or_else(odd)?.parse()?;
    Ok(TreeEntry {
        kind,
        oid,
        path: path.to_owned(),
    })
}
