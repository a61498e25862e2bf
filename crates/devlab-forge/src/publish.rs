//! The repository's half of the intent protocol (the database holds the other half).
//!
//! 1. objects are written under a keep-ref ([`crate::candidate`]); 2. the intent `{ref, old, new}`
//!    is committed to the database; 3. [`publish`] moves the ref, with the old value as a condition;
//!    4. the database records that it is done. After a crash, [`probe`] says which step is next.

use crate::error::Result;
use crate::name::{Oid, RefName};
use crate::refs::RefUpdate;
use crate::repo::BareRepo;

/// Where a ref is, seen from an intent to move it from `old` to `new`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// At `new`, or at something that has `new` in its history: step 4 is next.
    Past,
    /// Still at `old`: step 3 is next.
    AtOld,
    /// Elsewhere: the intent is void; build and check again.
    Elsewhere {
        /// Where it is; `None`: it does not exist.
        actual: Option<Oid>,
    },
}

/// Moves `name` from `old` (`None`: it does not exist) to `new`. One process.
///
/// # Errors
/// [`crate::Error::RefMoved`] if it is not at `old`.
pub async fn publish(repo: &BareRepo, name: &RefName, old: Option<&Oid>, new: &Oid) -> Result<()> {
    publish_and_let_go(repo, name, old, new, None).await
}

/// The same for what `keep` has kept so far: that goes in the same transaction, if it is there.
///
/// # Errors
/// [`crate::Error::RefMoved`] if `name` is not at `old`, or `keep` moves meanwhile.
pub async fn publish_kept(
    repo: &BareRepo,
    name: &RefName,
    old: Option<&Oid>,
    new: &Oid,
    keep: &RefName,
) -> Result<()> {
    publish_and_let_go(repo, name, old, new, Some(keep)).await
}

async fn publish_and_let_go(
    repo: &BareRepo,
    name: &RefName,
    old: Option<&Oid>,
    new: &Oid,
    keep: Option<&RefName>,
) -> Result<()> {
    let mut updates = vec![RefUpdate {
        name: name.clone(),
        old: old.cloned(),
        new: Some(new.clone()),
    }];
    if let Some(keep) = keep
        && let Some(at) = repo.resolve(keep).await?
    {
        updates.push(RefUpdate {
            name: keep.clone(),
            old: Some(at),
            new: None,
        });
    }
    repo.update_refs(&updates).await
}

/// Says how far an intent got. At most two processes, none if the ref is at `old` or `new`.
///
/// # Errors
/// The repository cannot be read.
pub async fn probe(repo: &BareRepo, name: &RefName, old: Option<&Oid>, new: &Oid) -> Result<Probe> {
    let actual = repo.resolve(name).await?;
    if actual.as_ref() == Some(new) {
        return Ok(Probe::Past);
    }
    if actual.as_ref() == old {
        return Ok(Probe::AtOld);
    }
    let Some(at) = actual else {
        return Ok(Probe::Elsewhere { actual: None });
    };
    // The objects of an intent may be gone if it was never begun; then nothing descends from it.
    if repo
        .missing_objects(std::slice::from_ref(new))
        .await?
        .is_empty()
        && repo.is_ancestor(new, &at).await?
    {
        return Ok(Probe::Past);
    }
    Ok(Probe::Elsewhere { actual: Some(at) })
}
