//! Reading refs, and changing several of them at once or not at all.

use std::path::Path;

use crate::error::{Error, Result, tail};
use crate::name::{Oid, RefName};
use crate::repo::BareRepo;

/// Most refs in one transaction.
pub const REF_UPDATES_MAX: usize = 10_000;

/// One change of a ref; it happens only if the ref is at `old`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// The ref.
    pub name: RefName,
    /// Where it must be; `None`: it must not exist.
    pub old: Option<Oid>,
    /// Where it goes; `None`: it is deleted.
    pub new: Option<Oid>,
}

impl BareRepo {
    /// Where a ref points, `None` if there is no such ref. No process.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn resolve(&self, name: &RefName) -> Result<Option<Oid>> {
        // A loose ref wins over a packed one. Packing writes the pack first and then removes the
        // loose file, so looking at the loose file first cannot miss a ref.
        if let Some(oid) = self.loose_ref(name).await? {
            return Ok(Some(oid));
        }
        let path = self.dir().join("packed-refs");
        let Some(text) = read_if_there(&path).await? else {
            return Ok(None);
        };
        let packed = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(_, packed)| *packed == name.as_str());
        Ok(packed.map(|(oid, _)| oid.parse()).transpose()?)
    }

    async fn loose_ref(&self, name: &RefName) -> Result<Option<Oid>> {
        let Some(text) = read_if_there(&self.dir().join(name.as_str())).await? else {
            return Ok(None);
        };
        match text.trim().parse() {
            Ok(oid) => Ok(Some(oid)),
            Err(_) => Err(Error::unexpected(
                "read a ref",
                format!(
                    "{name} is not a plain ref; run git fsck on {}",
                    self.dir().display()
                ),
            )),
        }
    }

    /// All refs that begin with `prefix` (a whole ref or a folder such as `refs/heads`), by name.
    /// One process.
    ///
    /// # Errors
    /// git's failure.
    pub async fn list_refs(&self, prefix: &str) -> Result<Vec<(RefName, Oid)>> {
        let prefix = prefix.trim_end_matches('/');
        if prefix != "refs" {
            let _valid: RefName = format!("{prefix}/x").parse()?;
        }
        let names = [prefix.to_owned()];
        self.for_each_ref(&names).await
    }

    /// Where each of these refs points; absent ones are left out. One process.
    ///
    /// # Errors
    /// git's failure.
    pub async fn resolve_all(&self, names: &[RefName]) -> Result<Vec<(RefName, Oid)>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let patterns: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        let mut found = self.for_each_ref(&patterns).await?;
        found.retain(|(name, _)| names.contains(name));
        Ok(found)
    }

    async fn for_each_ref(&self, patterns: &[String]) -> Result<Vec<(RefName, Oid)>> {
        let out = self
            .cmd("for-each-ref")
            .arg("--format=%(objectname) %(refname)")
            .args(patterns)
            .ok()
            .await?;
        let text = String::from_utf8_lossy(&out);
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        pairs
            .map(|(oid, name)| Ok((name.parse()?, oid.parse()?)))
            .collect()
    }

    /// Applies all updates in one transaction, or none. One process, two if it is refused.
    ///
    /// # Errors
    /// [`Error::RefMoved`] if a ref is not at its `old`; [`Error::RefBusy`] if another process
    /// holds a lock for longer than three seconds; [`Error::Missing`] if a new object is absent.
    pub async fn update_refs(&self, updates: &[RefUpdate]) -> Result<()> {
        if updates.is_empty() {
            return Ok(());
        }
        if updates.len() > REF_UPDATES_MAX {
            return Err(Error::TooLarge {
                what: "a transaction of refs".into(),
                limit_bytes: REF_UPDATES_MAX as u64,
            });
        }
        let done = self
            .cmd("update-ref")
            .args(["--no-deref", "--stdin", "-z"])
            .stdin(script(updates)?)
            .run()
            .await?;
        if done.code == Some(0) {
            return Ok(());
        }
        self.refusal(updates, done.code, &done.stderr).await
    }

    /// Why a transaction did not happen: looked up, because git's words name only the first ref.
    async fn refusal(&self, updates: &[RefUpdate], code: Option<i32>, stderr: &[u8]) -> Result<()> {
        let names: Vec<RefName> = updates.iter().map(|update| update.name.clone()).collect();
        let now = self.resolve_all(&names).await?;
        for update in updates {
            let actual = now
                .iter()
                .find(|(name, _)| *name == update.name)
                .map(|(_, oid)| oid.clone());
            if actual != update.old {
                return Err(Error::RefMoved {
                    name: update.name.clone(),
                    expected: update.old.clone(),
                    actual,
                });
            }
        }
        let detail = tail(stderr);
        if detail.contains(".lock")
            || detail.contains("cannot lock ref") && detail.contains("is at")
        {
            return Err(Error::RefBusy { detail });
        }
        if detail.contains("nonexistent object") {
            return Err(Error::Missing {
                what: format!("an object of this ref transaction ({detail})"),
            });
        }
        Err(Error::failed("update-ref", code, stderr))
    }
}

/// The input of `update-ref --stdin -z`.
fn script(updates: &[RefUpdate]) -> Result<Vec<u8>> {
    let mut text = String::from("start\0");
    for RefUpdate { name, old, new } in updates {
        match (old, new) {
            (None, Some(new)) => text.push_str(&format!("create {name}\0{new}\0")),
            (Some(old), Some(new)) => text.push_str(&format!("update {name}\0{new}\0{old}\0")),
            (Some(old), None) => text.push_str(&format!("delete {name}\0{old}\0")),
            (None, None) => {
                return Err(Error::invalid(
                    "ref update",
                    name.as_str(),
                    "neither an old nor a new value",
                ));
            }
        }
    }
    text.push_str("prepare\0commit\0");
    Ok(text.into_bytes())
}

async fn read_if_there(path: &Path) -> Result<Option<String>> {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), NotFound | IsADirectory | NotADirectory) => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}
