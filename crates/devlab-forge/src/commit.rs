//! Making commits and merges without a checkout.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::error::{Error, Result};
use crate::git::Cmd;
use crate::inspect::check_path;
use crate::name::Oid;
use crate::repo::BareRepo;

/// Longest name or address in a signature, in characters.
const IDENT_CHARS_MAX: usize = 200;
/// Longest commit message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Most conflicted paths and messages that are kept of a merge.
const CONFLICTS_MAX: usize = 1_000;

/// Who, for a commit's author or committer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    email: String,
}

impl Signature {
    /// A signature. Characters that git cannot store in one are left out.
    ///
    /// # Errors
    /// [`Error::Invalid`] if nothing is left of name or address.
    pub fn new(name: &str, email: &str) -> Result<Self> {
        let clean = |text: &str| -> String {
            let kept = text
                .chars()
                .filter(|c| !c.is_control() && !matches!(c, '<' | '>'));
            // git also trims these from both ends, and refuses a name made of nothing else.
            let crud = |c: char| c.is_whitespace() || ".,:;\"\\'".contains(c);
            kept.take(IDENT_CHARS_MAX)
                .collect::<String>()
                .trim_matches(crud)
                .to_owned()
        };
        let signature = Self {
            name: clean(name),
            email: clean(email),
        };
        if signature.name.is_empty() || signature.email.is_empty() {
            return Err(Error::invalid(
                "author",
                name,
                "needs a name and an address",
            ));
        }
        Ok(signature)
    }

    /// devlab itself: author of merges, committer of everything.
    #[must_use]
    pub fn devlab() -> Self {
        Self {
            name: "devlab".into(),
            email: "devlab@localhost".into(),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }
}

/// A commit to be made. The same values give the same id, on any machine.
#[derive(Debug, Clone)]
pub struct NewCommit<'a> {
    /// Its tree.
    pub tree: &'a Oid,
    /// Its parents, in order.
    pub parents: &'a [&'a Oid],
    /// Its message, UTF-8.
    pub message: &'a str,
    /// Who wrote it.
    pub author: &'a Signature,
    /// Who committed it.
    pub committer: &'a Signature,
    /// Both dates, in seconds since 1970.
    pub time_secs: i64,
}

/// What a merge came to. Either way the tree is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeOutcome {
    /// It merged.
    Clean {
        /// The merged tree.
        tree: Oid,
    },
    /// It did not.
    Conflict {
        /// The tree with conflict markers in the files.
        tree_with_markers: Oid,
        /// The conflicted paths, at most a thousand.
        paths: Vec<String>,
        /// What git says of each, for people, at most a thousand.
        messages: Vec<String>,
    },
}

impl BareRepo {
    /// Stores a commit and returns its id. No ref names it yet. One process.
    ///
    /// # Errors
    /// A message that is too long or holds a NUL, or an object that does not exist.
    pub async fn commit_tree(&self, commit: &NewCommit<'_>) -> Result<Oid> {
        if commit.message.len() > MESSAGE_BYTES_MAX || commit.message.contains('\0') {
            return Err(Error::invalid(
                "commit message",
                commit.message,
                "too long, or contains a NUL character",
            ));
        }
        let date = format!("@{} +0000", commit.time_secs.max(0));
        let out = self
            .cmd("commit-tree")
            .args(["-F", "-"])
            .args(
                commit
                    .parents
                    .iter()
                    .flat_map(|parent| ["-p", parent.as_str()]),
            )
            .arg(commit.tree.as_str())
            .env("GIT_AUTHOR_NAME", &commit.author.name)
            .env("GIT_AUTHOR_EMAIL", &commit.author.email)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", &commit.committer.name)
            .env("GIT_COMMITTER_EMAIL", &commit.committer.email)
            .env("GIT_COMMITTER_DATE", &date)
            .stdin(commit.message)
            .ok()
            .await?;
        parse_oid("commit-tree", &out)
    }

    /// Merges two commits in memory; side effects are new objects only. One process.
    ///
    /// # Errors
    /// [`Error::UnrelatedHistories`], [`Error::Missing`], or git's failure.
    pub async fn merge_tree(&self, ours: &Oid, theirs: &Oid) -> Result<MergeOutcome> {
        merge_tree(self.cmd("merge-tree"), ours, theirs).await
    }

    /// The same, without a trace in the repository: new objects go to the folder `objects`, which
    /// is there. One process.
    ///
    /// # Errors
    /// As [`BareRepo::merge_tree`].
    pub async fn merge_tree_apart(
        &self,
        objects: &Path,
        ours: &Oid,
        theirs: &Oid,
    ) -> Result<MergeOutcome> {
        merge_tree(self.cmd_apart("merge-tree", objects), ours, theirs).await
    }

    /// [`BareRepo::changed_paths`] where a tree of [`BareRepo::merge_tree_apart`] is one side.
    ///
    /// # Errors
    /// [`Error::Failed`] if one does not exist.
    pub async fn changed_paths_apart(
        &self,
        objects: &Path,
        base: &Oid,
        head: &Oid,
    ) -> Result<Vec<String>> {
        let done = self
            .cmd_apart("diff-tree", objects)
            .args(["-r", "--name-only", "-z", "--no-renames"])
            .args([base.as_str(), head.as_str()])
            .ok()
            .await?;
        let names = done
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty());
        Ok(names
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect())
    }

    /// A file of a tree of [`BareRepo::merge_tree_apart`]. One process.
    ///
    /// # Errors
    /// [`Error::Failed`] if there is no such file; [`Error::Invalid`] for a path that git would not
    /// have.
    pub async fn read_file_apart(&self, objects: &Path, tree: &Oid, path: &str) -> Result<Vec<u8>> {
        check_path(path)?;
        self.cmd_apart("cat-file", objects)
            .args(["blob", &format!("{tree}:{path}")])
            .ok()
            .await
    }

    fn cmd_apart(&self, name: &'static str, objects: &Path) -> Cmd {
        self.cmd(name)
            .env("GIT_OBJECT_DIRECTORY", objects)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(&self.objects()))
    }
}

/// A path in git's list of folders, which colons and quotes would end.
fn quoted(path: &Path) -> OsString {
    let mut quoted = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

async fn merge_tree(command: Cmd, ours: &Oid, theirs: &Oid) -> Result<MergeOutcome> {
    let done = command
        .args(["--write-tree", "-z", "--messages", "--name-only"])
        .args([ours.as_str(), theirs.as_str()])
        .run()
        .await?;
    if done.truncated {
        return Err(Error::unexpected(
            "merge-tree",
            "an endless list of conflicts",
        ));
    }
    match done.code {
        Some(0) => Ok(MergeOutcome::Clean {
            tree: first_field(&done.stdout)?,
        }),
        // git also ends with 1, but prints nothing, if one of the commits does not exist.
        Some(1) if !done.stdout.is_empty() => parse_conflict(&done.stdout),
        code => Err(merge_failure(ours, theirs, code, &done.stderr)),
    }
}

fn merge_failure(ours: &Oid, theirs: &Oid, code: Option<i32>, stderr: &[u8]) -> Error {
    let said = String::from_utf8_lossy(stderr);
    if said.contains("unrelated histories") {
        return Error::UnrelatedHistories {
            ours: ours.clone(),
            theirs: theirs.clone(),
        };
    }
    if said.contains("not something we can merge") {
        return Error::Missing {
            what: format!("commit {ours} or {theirs}"),
        };
    }
    Error::failed("merge-tree", code, stderr)
}

fn first_field(out: &[u8]) -> Result<Oid> {
    parse_oid(
        "merge-tree",
        out.split(|byte| *byte == 0).next().unwrap_or_default(),
    )
}

/// Fields end with NUL: tree, paths, an empty field, then messages as (n, n paths, kind, text).
fn parse_conflict(out: &[u8]) -> Result<MergeOutcome> {
    let mut fields = out
        .split(|byte| *byte == 0)
        .map(|field| String::from_utf8_lossy(field).into_owned());
    let tree_with_markers = parse_oid("merge-tree", fields.next().unwrap_or_default().as_bytes())?;
    let paths: Vec<String> = fields
        .by_ref()
        .take_while(|path| !path.is_empty())
        .take(CONFLICTS_MAX)
        .collect();
    let mut messages = Vec::new();
    while let Some(count) = fields.next().and_then(|field| field.parse::<usize>().ok()) {
        let _kind = fields.by_ref().nth(count);
        let Some(text) = fields.next() else { break };
        if text.starts_with("CONFLICT") && messages.len() < CONFLICTS_MAX {
            messages.push(text.trim_end().to_owned());
        }
    }
    Ok(MergeOutcome::Conflict {
        tree_with_markers,
        paths,
        messages,
    })
}

pub(crate) fn parse_oid(command: &'static str, out: &[u8]) -> Result<Oid> {
    let text = String::from_utf8_lossy(out);
    text.trim()
        .parse()
        .map_err(|_| Error::unexpected(command, text.chars().take(200).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_cleaned_or_refused() {
        let odd = Signature::new("A\n<B>\0 C.", "x@y>\n").unwrap();
        assert_eq!((odd.name(), odd.email()), ("AB C", "x@y"));
        assert!(Signature::new("<>\n", "x@y").is_err());
        assert!(Signature::new(".,", "x@y").is_err());
    }
}
