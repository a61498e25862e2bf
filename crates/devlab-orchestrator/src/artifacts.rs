//! Artifacts: files that attempts leave, kept because their tasks want them.

use ::bytes::Bytes;
use devlab_core::attempt::{Attempt, AttemptState};
use devlab_core::auth::Principal;
use devlab_core::bytes::Artifact;
use devlab_core::check::Sha256Hex;
use devlab_core::limits::{ARTIFACT_BYTES_MAX, ARTIFACTS_BYTES_MAX, ARTIFACTS_MAX};
use devlab_core::rules::bytes;
use devlab_core::tx::Read;
use devlab_core::{ArtifactId, AttemptId, Refusal, TaskId, Timestamp};
use devlab_store::StoreExt;
use futures::Stream;

use crate::error::Result;
use crate::lab::Lab;
use crate::scope;
use crate::work::of_caller;

/// An artifact that an agent brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// The task.
    pub task: TaskId,
    /// The attempt: the fence.
    pub attempt: AttemptId,
    /// Path in the attempt's tree.
    pub path: String,
    /// Hash of its bytes.
    pub sha256: Sha256Hex,
    /// Length, in bytes.
    pub len: u64,
}

impl Lab {
    /// Stores an artifact of an attempt that is under way. To bring it again changes nothing; other
    /// bytes under the same path replace it. Bytes that the lab has already, maybe of another org,
    /// are read and compared all the same: their hash alone gives nobody anything.
    ///
    /// # Errors
    /// [`Refusal::StaleAttempt`], [`Refusal::TaskCancelled`]; [`Refusal::Limit`];
    /// [`Refusal::Invalid`] for a path that is none; [`Refusal::WrongBlobs`]; the place of blobs.
    pub async fn put_artifact<S>(
        &self,
        who: &Principal,
        new: NewArtifact,
        source: S,
    ) -> Result<Artifact>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
    {
        check_path(&new.path)?;
        self.check_place().await?;
        let (wanted, caller) = (new.clone(), who.clone());
        let known = self
            .store()
            .write(move |tx| {
                Ok(match admit(tx, &caller, &wanted)? {
                    Some(known) => Admitted::Known(known),
                    None => Admitted::PinnedAt(bytes::pin(tx, &wanted.sha256)?),
                })
            })
            .await?;
        let pinned_at = match known {
            Admitted::Known(known) => return Ok(known),
            Admitted::PinnedAt(at) => at,
        };
        self.fault("artifact.before_put")?;
        let blob = self.blobs().put(&new.sha256, source).await?;
        self.fault("artifact.after_put")?;
        // The agent forgets the file once this is answered: no other lab may have taken the place over
        // since.
        self.ask_place().await?;
        if blob.len != new.len {
            let problem = format!("is {}, but these bytes are {}", new.len, blob.len);
            return Err(Refusal::invalid("size", problem).into());
        }
        let caller = who.clone();
        let stored = self.store().write(move |tx| {
            if let Some(known) = admit(tx, &caller, &new)? {
                return Ok(known);
            }
            let attempt = of_caller(tx, &caller, new.attempt)?;
            let artifact = Artifact {
                id: ArtifactId::new(tx.now(), tx.random()),
                org: attempt.org,
                task: attempt.task,
                attempt: attempt.id,
                path: new.path.clone(),
                blob: Some(new.sha256.clone()),
                len: new.len,
                created_at: tx.now(),
            };
            bytes::keep(tx, &artifact, pinned_at)?;
            let all = tx.artifacts(attempt.id)?;
            let stored = all.into_iter().find(|one| one.path == new.path);
            Ok(stored.unwrap_or(artifact))
        });
        let stored = stored.await?;
        self.fault("artifact.after_record")?;
        Ok(stored)
    }

    /// Artifacts of a task, of all attempts or of one, oldest attempt first.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a task that the caller may not see.
    pub async fn artifacts(
        &self,
        who: &Principal,
        task: TaskId,
        attempt: Option<AttemptId>,
    ) -> Result<Vec<Artifact>> {
        let who = who.clone();
        let found = self.read(move |view| {
            scope::task(view, &who, task)?;
            let mut all = view.artifacts_of_task(task)?;
            all.retain(|one| attempt.is_none_or(|wanted| one.attempt == wanted));
            Ok(all)
        });
        Ok(found.await?)
    }

    /// An artifact that the caller may see, and the blob of its bytes.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Gone`] if its bytes were removed.
    pub async fn artifact(&self, who: &Principal, id: ArtifactId) -> Result<(Artifact, Sha256Hex)> {
        let who = who.clone();
        let found = self.read(move |view| {
            let artifact = scope::artifact(view, &who, id)?;
            let blob = artifact.blob.clone().ok_or(Refusal::Gone("artifact"))?;
            Ok((artifact, blob))
        });
        Ok(found.await?)
    }
}

/// What an attempt is told before it brings something.
enum Admitted {
    /// It has done so.
    Known(Artifact),
    /// It may; the blob was pinned at this time.
    PinnedAt(Timestamp),
}

/// Whether an attempt may bring this: `None` if it may, the artifact if it has done so.
fn admit<R: Read + ?Sized>(
    view: &mut R,
    who: &Principal,
    new: &NewArtifact,
) -> devlab_core::Result<Option<Artifact>> {
    let attempt = of_caller(view, who, new.attempt)?;
    if attempt.task != new.task {
        return Err(Refusal::StaleAttempt.into());
    }
    let known = view.artifacts(attempt.id)?;
    let same = known.iter().find(|one| one.path == new.path);
    if let Some(same) = same.filter(|one| one.blob.as_ref() == Some(&new.sha256)) {
        return Ok(Some(same.clone()));
    }
    may_write(&attempt)?;
    let others = known.iter().filter(|one| one.path != new.path);
    let (count, bytes) = others.fold((0, 0), |(count, bytes), one| (count + 1, bytes + one.len));
    let limit = |what, limit: u64| Err(Refusal::Limit { what, limit }.into());
    if new.len > ARTIFACT_BYTES_MAX {
        return limit("bytes of an artifact", ARTIFACT_BYTES_MAX);
    }
    if count >= ARTIFACTS_MAX {
        return limit("artifacts of an attempt", ARTIFACTS_MAX as u64);
    }
    if bytes + new.len > ARTIFACTS_BYTES_MAX {
        return limit("bytes of an attempt's artifacts", ARTIFACTS_BYTES_MAX);
    }
    Ok(None)
}

fn may_write(attempt: &Attempt) -> devlab_core::Result<()> {
    match attempt.state {
        AttemptState::Live | AttemptState::Lost => Ok(()),
        AttemptState::Cancelled => Err(Refusal::TaskCancelled.into()),
        AttemptState::Superseded
        | AttemptState::Succeeded
        | AttemptState::Failed
        | AttemptState::Asked => Err(Refusal::StaleAttempt.into()),
    }
}

/// A path below the root of a tree, as an agent reports it.
fn check_path(path: &str) -> Result<()> {
    let is_odd = |part: &str| part.is_empty() || part == "." || part == "..";
    let problem = if path.is_empty() || path.len() > PATH_BYTES_MAX {
        format!("must have 1 to {PATH_BYTES_MAX} bytes")
    } else if path.split('/').any(is_odd) || path.chars().any(char::is_control) {
        "is no path below the root of a project".to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::invalid("path", problem).into())
}

/// Longest path of an artifact, in bytes.
const PATH_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        for good in ["a", "a/b c/ü.png", ".hidden/x", "..a"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in ["", "/etc", "a/../b", "a//b", "a/", ".", "a\nb"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
        assert!(check_path(&"x".repeat(PATH_BYTES_MAX + 1)).is_err());
    }
}
