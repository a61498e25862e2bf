//! From a claim to a tree that a driver can work in.

use devlab_core::{Oid, RefName};
use devlab_forge::commit::{NewCommit, Signature};
use devlab_forge::transfer::FetchRef;
use devlab_forge::worktree::{PriorMerge, Tree};

use super::context::{self, Conflict};
use super::points;
use super::repos::Repo;
use super::shared::fresh_folder;
use super::talk::MESSAGES;
use super::trees::{self, Kind};
use super::work::{Stop, Work, oid, ref_name};
use crate::journal::{Entry, Step};
use crate::workspace::remove_tree;

/// What the driver starts from.
struct Start {
    tree: Oid,
    conflict: Option<Conflict>,
}

impl Start {
    fn take_over(&mut self, merged: PriorMerge, base: &Oid, side: &Oid) {
        self.tree = merged.tree;
        if merged.conflicts.is_empty() {
            return;
        }
        let conflict = self.conflict.get_or_insert_with(|| Conflict {
            theirs: base.clone(),
            ours: side.clone(),
            paths: Vec::new(),
            messages: Vec::new(),
        });
        conflict.paths.extend(merged.conflicts);
        conflict.messages.extend(merged.messages);
    }
}

impl Work {
    /// Fetches, checks out and writes the context. Starts from nothing, whatever an earlier
    /// process left: half a checkout cannot be told from a whole one.
    pub(super) async fn prepare(&mut self) -> Result<(), Stop> {
        let (tree, context, talk) = (self.paths.tree(), self.paths.context(), self.paths.talk());
        let signal = std::sync::Arc::clone(&self.signal);
        let private = self.paths.private("driver").0;
        let is_empty = self.claim.repository.is_none();
        self.files(move || {
            remove_tree(&tree)?;
            if is_empty {
                std::fs::create_dir(&tree)?;
            }
            fresh_folder(&context)?;
            fresh_folder(&talk)?;
            signal.mail.open(&talk.join(MESSAGES))?;
            remove_tree(private.parent().unwrap_or(&private))
        })
        .await?;
        let conflict = if is_empty {
            None
        } else {
            self.check_out_start().await?
        };
        let (folder, tree) = (self.paths.context(), self.paths.tree());
        let (claim, withhold) = (self.claim.clone(), self.shared.config.withhold);
        self.files(move || context::write(&folder, &tree, &claim, conflict, withhold))
            .await?;
        if self.step() < Step::Prepared {
            self.record(Entry::Prepared).await?;
        }
        self.reach(points::AFTER_PREPARE).await
    }

    /// The tree of the driver, with the harness's index of it.
    pub(super) fn driver_tree(&self) -> Tree {
        Tree {
            dir: self.paths.tree(),
            index: self.paths.index("tree"),
        }
    }

    async fn check_out_start(&mut self) -> Result<Option<Conflict>, Stop> {
        let repo = self.repo().await?;
        self.fetch(&repo).await?;
        let start = self.start(&repo).await?;
        let base = self.base()?;
        let tree = self.driver_tree();
        let author = self.author()?;
        self.check_out(Kind::Driver, &start.tree, &tree).await?;
        let made = repo.cache.driver_git_dir(&tree, &base, &author);
        self.unless_stopped(made).await??;
        Ok(start.conflict)
    }

    /// Writes a commit or tree to `tree`, where nothing is: over a used tree, if one waits.
    pub(super) async fn check_out(&self, kind: Kind, what: &Oid, tree: &Tree) -> Result<(), Stop> {
        let cache = self.cache()?;
        let (repo, scratch, to) = (
            cache.repo().dir().to_owned(),
            self.paths.run(),
            tree.clone(),
        );
        let taken = self
            .files(move || trees::take(&repo, kind, &scratch, &to))
            .await?;
        let written = async {
            if taken {
                cache.reset_tree(what, tree).await
            } else {
                cache.checkout_tree(what, tree).await
            }
        };
        Ok(self.unless_stopped(written).await??)
    }

    /// Leaves the trees of an attempt that ended in order to the next one.
    pub(super) async fn keep_trees(&self) {
        let Ok(cache) = self.cache() else { return };
        let (repo, scratch) = (cache.repo().dir().to_owned(), self.paths.run());
        let name = self.claim.attempt.to_string();
        let (driver, check) = (self.driver_tree(), self.check_tree());
        let kept = self.files(move || {
            trees::keep(&repo, Kind::Driver, &name, &scratch, &driver)?;
            trees::keep(&repo, Kind::Check, &name, &scratch, &check)
        });
        if let Err(stop) = kept.await {
            tracing::warn!(attempt = %self.claim.attempt, ?stop, "cannot keep a tree for later");
        }
    }

    /// The commit that the attempt starts from, or verifies.
    pub(super) fn base(&self) -> Result<Oid, Stop> {
        match &self.claim.repository {
            Some(repository) => oid(&repository.base),
            None => Err(Stop::Trouble("this attempt has no repository".to_owned())),
        }
    }

    /// Author of the result: the agent.
    pub(super) fn author(&self) -> Result<Signature, Stop> {
        let email = format!("{}@devlab.localhost", self.shared.agent);
        Ok(Signature::new(&self.shared.config.name, &email)?)
    }

    /// Brings everything that the claim names into the agent's copy.
    pub(super) async fn fetch(&self, repo: &Repo) -> Result<(), Stop> {
        let Some(repository) = &self.claim.repository else {
            return Ok(());
        };
        let named = [
            (Some(&repository.base), Some(&repository.base_ref)),
            (repository.prior.as_ref(), repository.prior_ref.as_ref()),
            (repository.merges.as_ref(), repository.merges_ref.as_ref()),
        ];
        let (mut refs, mut needed) = (Vec::new(), Vec::new());
        for (commit, name) in named {
            if let Some(commit) = commit {
                needed.push(oid(commit)?);
            }
            if let Some(name) = name {
                let name: RefName = ref_name(name)?;
                let fetch = FetchRef {
                    to: name.clone(),
                    from: name,
                };
                if !refs.contains(&fetch) {
                    refs.push(fetch);
                }
            }
        }
        let remote = self.remote()?;
        let _one_at_a_time = self.unless_stopped(repo.fetching.lock()).await?;
        self.remotely(|| repo.cache.fetch(&remote, &refs, &needed))
            .await
    }

    /// The base, with earlier work and what is to be merged on top, markers left in.
    async fn start(&self, repo: &Repo) -> Result<Start, Stop> {
        let Some(repository) = &self.claim.repository else {
            return Err(Stop::Trouble("this attempt has no repository".to_owned()));
        };
        let base = oid(&repository.base)?;
        let mut start = Start {
            tree: base.clone(),
            conflict: None,
        };
        let mut sides = Vec::new();
        for side in [&repository.prior, &repository.merges]
            .into_iter()
            .flatten()
        {
            let side = oid(side)?;
            if !sides.contains(&side) {
                sides.push(side);
            }
        }
        let mut from = base.clone();
        while !sides.is_empty() {
            let side = sides.remove(0);
            let merge = repo.cache.prior_merge(&from, &side);
            let merged = self.unless_stopped(merge).await??;
            if !merged.conflicts.is_empty() && self.shared.config.withhold.conflict {
                continue;
            }
            start.take_over(merged, &base, &side);
            if !sides.is_empty() {
                // The next merge looks for the history that it has in common with a commit.
                from = self.commit_both(repo, &start.tree, [&from, &side]).await?;
            }
        }
        Ok(start)
    }

    async fn commit_both(&self, repo: &Repo, tree: &Oid, parents: [&Oid; 2]) -> Result<Oid, Stop> {
        let devlab = Signature::devlab();
        let commit = NewCommit {
            tree,
            parents: &parents,
            message: "Earlier work on this task",
            author: &devlab,
            committer: &devlab,
            time_secs: self.claimed_at_secs(),
        };
        let made = repo.cache.repo().commit_tree(&commit);
        Ok(self.unless_stopped(made).await??)
    }

    /// When the attempt was claimed, in seconds since 1970. It is part of the attempt's id, so
    /// that a commit that is made again has the same id.
    pub(super) fn claimed_at_secs(&self) -> i64 {
        let at = self.claim.attempt.uuid().get_timestamp();
        at.and_then(|at| i64::try_from(at.to_unix().0).ok())
            .unwrap_or(0)
    }
}
