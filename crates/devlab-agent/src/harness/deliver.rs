//! From what the driver left to a commit on the server.

use devlab_core::Oid;
use devlab_core::attempt::Phase;
use devlab_forge::commit::Signature;
use devlab_forge::worktree::SnapshotRequest;

use super::points;
use super::work::{Stop, Work, oid, ref_name};
use crate::journal::{Entry, Step};

impl Work {
    /// Makes the commit, or finds it in the journal.
    pub(super) async fn commit(&mut self) -> Result<Oid, Stop> {
        if let Some(commit) = self.facts(|facts| facts.commit.clone()) {
            return Ok(commit);
        }
        self.phase.send_replace(Phase::Delivering);
        let repo = self.repo().await?;
        let (base, tree, author) = (self.base()?, self.driver_tree(), self.author()?);
        let merges = self
            .claim
            .repository
            .as_ref()
            .and_then(|repository| repository.merges.as_deref());
        let merges = merges.map(oid).transpose()?;
        let extra_parents: Vec<&Oid> = merges.iter().collect();
        let committer = Signature::devlab();
        let message = format!(
            "{}\n\nDevlab-Task: {}\nDevlab-Attempt: {}\n",
            self.claim.title, self.claim.task, self.claim.attempt
        );
        let request = SnapshotRequest {
            base: &base,
            extra_parents: &extra_parents,
            message: &message,
            author: &author,
            committer: &committer,
            time_secs: self.claimed_at_secs(),
            excludes: &[],
        };
        let snapshot = self
            .unless_stopped(repo.cache.snapshot(&tree, &request))
            .await??;
        if snapshot.changes.is_empty() {
            self.say("the driver changed nothing");
        } else {
            let (commit, files) = (snapshot.commit.short(), snapshot.changes.len());
            let s = if files == 1 { "" } else { "s" };
            self.say(&format!("commit {commit}, {files} file{s} changed"));
        }
        self.saw(snapshot.changes.iter().map(|change| &change.path[..]));
        self.tree = Some(snapshot.tree);
        self.record(Entry::Committed(Some(snapshot.commit.clone())))
            .await?;
        self.reach(points::AFTER_COMMIT).await?;
        Ok(snapshot.commit)
    }

    /// Pushes the commit, unless the journal says that it is there.
    pub(super) async fn push(&self, commit: &Oid) -> Result<(), Stop> {
        if self.step() >= Step::Pushed {
            return Ok(());
        }
        self.send(commit).await
    }

    /// Pushes the commit of the journal whether it was pushed before or not.
    pub(super) async fn push_again(&mut self) -> Result<(), Stop> {
        let commit = self.facts(|facts| facts.commit.clone());
        let commit = commit.ok_or_else(|| Stop::Trouble("the journal has no commit".to_owned()))?;
        self.repo().await?;
        self.send(&commit).await
    }

    async fn send(&self, commit: &Oid) -> Result<(), Stop> {
        let repository = self.claim.repository.as_ref();
        let name = repository.map_or("", |repository| repository.push_ref.as_str());
        let (name, remote) = (ref_name(name)?, self.remote()?);
        let cache = self.cache()?;
        self.remotely(|| cache.push(&remote, commit, &name)).await
    }

    /// Writes down that the commit is on the server.
    pub(super) async fn pushed(&self) -> Result<(), Stop> {
        if self.step() < Step::Pushed {
            self.record(Entry::Pushed).await?;
        }
        self.reach(points::AFTER_PUSH).await
    }
}
