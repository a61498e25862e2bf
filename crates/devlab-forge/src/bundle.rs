//! Whole repositories as files: git bundles (gitformat-bundle(5), version 2), which any git can
//! fetch from.

use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::error::{Error, Result};
use crate::git::{Git, TakePiece, WHOLE_TIMEOUT};
use crate::name::{Oid, RefName};
use crate::refs::{REF_UPDATES_MAX, RefUpdate};
use crate::repo::BareRepo;

/// First line of a bundle.
const SIGNATURE: &str = "# v2 git bundle";
/// Refs that are only in bundles: commits that a lab names, and no ref holds.
const NAMED: &str = "refs/devlab/named/";
/// Most bytes of a bundle's list of refs: some two million.
const HEADER_BYTES_MAX: u64 = 256 << 20;
/// Names that one process looks up.
const LOOK_UP_MAX: usize = 20_000;
/// How a commit is listed: fields of a merge, the trailer that names its task last.
const MERGE_FORMAT: &str = "--format=%H%x09%P%x09%ae%x09%T%x09%at%x09%ct%x09\
                            %(trailers:key=Devlab-Task,valueonly,separator=%x20)";
/// Most that the list of all refs may take.
const ALL_REFS_BYTES_MAX: usize = 256 << 20;

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub oid: Oid,
    /// `blob`, `tree`, `commit` or `tag`.
    pub kind: String,
}

/// A commit that devlab made to bring something in, as a train does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeCommit {
    /// Its id.
    pub oid: Oid,
    /// What it was made on.
    pub onto: Oid,
    /// What it brings in: `onto` itself if the commit has one parent. That is how git stores the merge
    /// of a commit with itself, of which the result of a goal that changed nothing is one.
    pub head: Oid,
    /// Its tree.
    pub tree: Oid,
    /// Time of its author and of its committer, in seconds since 1970.
    pub times: (i64, i64),
    /// The task that it names.
    pub task: String,
}

impl BareRepo {
    /// Every ref, by name. One process.
    ///
    /// # Errors
    /// git's failure, or [`Error::TooLarge`].
    pub async fn all_refs(&self) -> Result<Vec<(RefName, Oid)>> {
        let out = self
            .cmd("for-each-ref")
            .arg("--format=%(objectname) %(refname)")
            .stdout_bytes_max(ALL_REFS_BYTES_MAX)
            .timeout(WHOLE_TIMEOUT)
            .ok()
            .await?;
        let text = String::from_utf8_lossy(&out);
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        // What has a name that we do not take was put there by hand.
        Ok(pairs
            .filter_map(|(oid, name)| Some((name.parse().ok()?, oid.parse().ok()?)))
            .collect())
    }

    /// Writes these refs and everything they need to a file, which must not be there, and syncs it.
    /// `named` are further commits that have to be in it. The refs need not exist: a bundle says
    /// where they are in it. Two processes.
    ///
    /// # Errors
    /// [`Error::Failed`] if an object that they need is missing; the file cannot be written.
    pub async fn write_bundle(
        &self,
        refs: &[(RefName, Oid)],
        named: &[Oid],
        to: &Path,
    ) -> Result<()> {
        let mut header = format!("{SIGNATURE}\n");
        let mut tips = String::new();
        for (name, oid) in refs {
            header.push_str(&format!("{oid} {name}\n"));
            tips.push_str(&format!("{oid}\n"));
        }
        for oid in self.not_in(named, refs).await? {
            header.push_str(&format!("{oid} {NAMED}{oid}\n"));
            tips.push_str(&format!("{oid}\n"));
        }
        header.push('\n');
        let file = tokio::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .await;
        let mut file = file.map_err(Error::io("create", to))?;
        let written = file.write_all(header.as_bytes()).await;
        written.map_err(Error::io("write", to))?;
        self.cmd("pack-objects")
            .args(["--revs", "--stdout", "--delta-base-offset", "--quiet"])
            .stdin(tips)
            .timeout(WHOLE_TIMEOUT)
            .pieces(&mut Append {
                file: &mut file,
                path: to,
            })
            .await?;
        file.sync_all().await.map_err(Error::io("write", to))
    }

    /// Which of these commits no ref holds. One process.
    async fn not_in(&self, named: &[Oid], refs: &[(RefName, Oid)]) -> Result<Vec<Oid>> {
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted: std::collections::HashSet<&str> = named.iter().map(Oid::as_str).collect();
        let mut input: String = named.iter().map(|oid| format!("{oid}\n")).collect();
        input.extend(refs.iter().map(|(_, oid)| format!("^{oid}\n")));
        let mut found = Vec::new();
        self.cmd("rev-list")
            .args(["--stdin"])
            .stdin(input)
            .timeout(WHOLE_TIMEOUT)
            .lines(|line| {
                if wanted.remove(line) {
                    found.push(line.parse()?);
                }
                Ok(())
            })
            .await?;
        found.sort();
        Ok(found)
    }

    /// Makes a repository from a bundle; without one an empty one. It appears at `dir` complete or
    /// not at all. Every ref of the bundle is set, and everything they need is there. A few
    /// processes.
    ///
    /// # Errors
    /// [`Error::Failed`] if the bundle is damaged or incomplete.
    pub async fn from_bundle(
        git: &Git,
        bundle: Option<&Path>,
        dir: &Path,
        branch: &RefName,
    ) -> Result<Self> {
        let making = crate::repo::sibling(dir, "new-from-bundle");
        crate::repo::remove_dir(&making).await?;
        let repo = Self::init(git, &making, branch).await?;
        if let Some(bundle) = bundle {
            let refs = bundle_refs(bundle).await?;
            repo.cmd("bundle")
                .arg("unbundle")
                .arg(bundle)
                .stdout_bytes_max(ALL_REFS_BYTES_MAX)
                .timeout(WHOLE_TIMEOUT)
                .ok()
                .await?;
            let refs: Vec<RefUpdate> = refs
                .into_iter()
                .filter(|(name, _)| !name.as_str().starts_with(NAMED))
                .map(|(name, oid)| RefUpdate {
                    name,
                    old: None,
                    new: Some(oid),
                })
                .collect();
            for part in refs.chunks(REF_UPDATES_MAX) {
                repo.update_refs(part).await?;
            }
            repo.cmd("pack-refs").arg("--all").ok().await?;
        }
        tokio::fs::rename(&making, dir)
            .await
            .map_err(Error::io("create", dir))?;
        Self::open(git, dir).await
    }

    /// Looks up objects by any names that git knows them by, in their order. One process for each
    /// twenty thousand.
    ///
    /// # Errors
    /// git's failure.
    pub async fn look_up(&self, names: &[String]) -> Result<Vec<Option<Found>>> {
        let mut found = Vec::with_capacity(names.len());
        for part in names.chunks(LOOK_UP_MAX) {
            let input: String = part.iter().map(|name| format!("{name}\n")).collect();
            self.cmd("cat-file")
                .arg("--batch-check=%(objectname) %(objecttype)")
                .stdin(input)
                .timeout(WHOLE_TIMEOUT)
                .lines(|line| {
                    let known = line.split_once(' ').and_then(|(oid, kind)| {
                        let is_kind = ["blob", "tree", "commit", "tag"].contains(&kind);
                        is_kind.then(|| {
                            Some(Found {
                                oid: oid.parse().ok()?,
                                kind: kind.to_owned(),
                            })
                        })?
                    });
                    found.push(known);
                    Ok(())
                })
                .await?;
        }
        if found.len() == names.len() {
            Ok(found)
        } else {
            Err(Error::unexpected("cat-file", "not one line for each name"))
        }
    }

    /// Every commit by devlab that names a task in the history of the branches, newest first: merges,
    /// and what was made for them. One process.
    ///
    /// # Errors
    /// git's failure, such as a history that is not whole.
    pub async fn merges_by_devlab(&self) -> Result<Vec<MergeCommit>> {
        let devlab = crate::commit::Signature::devlab();
        let mut found = Vec::new();
        self.cmd("log")
            .args(["--branches", "--min-parents=1", "--max-parents=2"])
            .args(["--fixed-strings", &format!("--author=<{}>", devlab.email())])
            .args(["--no-notes", "--no-mailmap", "--no-color"])
            .arg(MERGE_FORMAT)
            .timeout(WHOLE_TIMEOUT)
            .lines(|line| {
                let mut parts = line.splitn(7, '\t');
                let mut part = || parts.next().unwrap_or_default();
                let (oid, parents, author) = (part(), part(), part());
                let (tree, authored, committed, task) = (part(), part(), part(), part());
                let ours = author == devlab.email();
                if !ours || task.trim().is_empty() {
                    return Ok(());
                }
                let (onto, head) = parents.split_once(' ').unwrap_or((parents, parents));
                let time = |text: &str| {
                    let unread = |_| Error::unexpected("log", text.to_owned());
                    text.parse::<i64>().map_err(unread)
                };
                found.push(MergeCommit {
                    oid: oid.parse()?,
                    onto: onto.parse()?,
                    head: head.parse()?,
                    tree: tree.parse()?,
                    times: (time(authored)?, time(committed)?),
                    task: task.trim().to_owned(),
                });
                Ok(())
            })
            .await?;
        Ok(found)
    }
}

/// Appends output to a file.
struct Append<'a> {
    file: &'a mut tokio::fs::File,
    path: &'a Path,
}

impl TakePiece for Append<'_> {
    async fn take(&mut self, piece: &[u8]) -> Result<()> {
        let written = self.file.write_all(piece).await;
        written.map_err(Error::io("write", self.path))
    }
}

/// The refs that a bundle has, by its own words. No process.
///
/// # Errors
/// [`Error::Unexpected`] if it is none, or needs what is not in it.
pub async fn bundle_refs(bundle: &Path) -> Result<Vec<(RefName, Oid)>> {
    let odd = |what: &str| Error::unexpected("bundle", format!("{}: {what}", bundle.display()));
    let file = tokio::fs::File::open(bundle).await;
    let file = file.map_err(Error::io("open", bundle))?;
    let mut lines = BufReader::new(file.take(HEADER_BYTES_MAX)).lines();
    let mut next = async || match lines.next_line().await {
        Ok(Some(line)) => Ok(line),
        Ok(None) | Err(_) => Err(odd("its list of refs does not end")),
    };
    if next().await? != SIGNATURE {
        return Err(odd("it is not a bundle of version 2"));
    }
    let mut refs = Vec::new();
    loop {
        let line = next().await?;
        if line.is_empty() {
            return Ok(refs);
        }
        let (oid, name) = line
            .split_once(' ')
            .ok_or_else(|| odd("a line of its refs"))?;
        refs.push((name.parse()?, oid.parse()?));
    }
}
