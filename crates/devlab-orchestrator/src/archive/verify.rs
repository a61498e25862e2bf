//! Holds what a lab's records say against what its repositories have.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use devlab_core::{Oid, ProjectId, Refusal, TaskId};
use devlab_forge::BareRepo;
use devlab_forge::bundle::{Found, MergeCommit};
use devlab_store::StoreExt;
use devlab_store::blobs::BlobErrorKind;
use devlab_store::dump::{Record, Scope};

use super::Estate;
use super::copy::{Elsewhere, Wanted};
use super::facts::{Facts, Project, Published};
use super::merges::{Why, Wrong};
use super::restore::head_of;
use super::take::repo_of;
use crate::error::{Error, Result};

/// Most problems that are listed.
const PROBLEMS_MAX: usize = 1_000;

const RESTORE: &str = "restore the lab from a backup that has it";
const OTHER_GIT: &str = "git of another version may merge otherwise: look at it with `git show \
                         --remerge-diff`";
const HOME: &str = "start its server again, or take what another one has of it with `devlab project \
                    move --lost`";
const REPORT: &str = "a rule of devlab was broken: keep a copy of the lab, and report it";

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: a project, or the records.
    pub place: String,
    /// What does not hold.
    pub what: String,
    /// What to do about it.
    pub help: &'static str,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Projects, and so repositories.
    pub projects: u64,
    /// Projects that were not looked at: other servers have their repositories, and no lab runs here
    /// that could ask them.
    pub elsewhere: u64,
    /// Tasks.
    pub tasks: u64,
    /// Objects that records name and that have to be there.
    pub objects: u64,
    /// Sealed logs and artifacts that were read whole.
    pub blobs: u64,
    /// Receipts whose commit is there.
    pub receipts: u64,
    /// Merges that were published.
    pub merges: u64,
}

/// What a look at a lab has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What was looked at.
    pub counted: Counted,
    /// What does not hold: the first thousand.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: u64,
}

impl Report {
    fn add(&mut self, place: &str, what: impl Into<String>, help: &'static str) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.more += 1;
            return;
        }
        self.problems.push(Problem {
            place: place.to_owned(),
            what: what.into(),
            help,
        });
    }
}

/// Looks at a lab, which may run meanwhile: its records are read in one view, and what repositories
/// had then they still have. What other servers have is copied and looked at here, if the lab runs.
///
/// # Errors
/// The store or git cannot be used at all. What does not hold is in the report.
pub async fn verify(estate: &Estate) -> Result<Report> {
    let facts = facts(estate).await?;
    let mut report = Report::default();
    for wrong in &facts.dangling {
        report.add("records", wrong, REPORT);
    }
    report.counted.projects = facts.projects.len() as u64;
    report.counted.tasks = facts.tasks.len() as u64;
    let (elsewhere, away) = Elsewhere::there(estate).await?;
    let scratch = estate.scratch()?;
    for (id, project) in &facts.projects {
        let place = format!("{} ({id})", project.name);
        if let Some(home) = away.get(id) {
            report.counted.elsewhere += 1;
            if estate.lab.is_some() {
                let what = format!("its home, {home}, is not there");
                report.add(&place, what, HOME);
            }
            continue;
        }
        let found = match elsewhere
            .copy(*id, project, scratch.path(), Wanted::Whatever)
            .await
        {
            Ok(Some(copied)) => Ok((copied.repo.clone(), Some(copied))),
            Ok(None) => repo_of(estate, *id, project).await.map(|repo| (repo, None)),
            Err(error) => Err(error),
        };
        let help = if elsewhere.has(*id) { HOME } else { RESTORE };
        let (repo, copied) = match found {
            Ok(found) => found,
            Err(error @ (Error::Git(_) | Error::Refused(Refusal::Conflict(_)))) => {
                let what = format!("its repository cannot be used: {error}");
                report.add(&place, what, help);
                continue;
            }
            Err(error) => return Err(error),
        };
        let look = Look {
            repo: &repo,
            project,
            facts: &facts,
            place: &place,
            scratch: scratch.path(),
        };
        Box::pin(look.at(*id, &mut report)).await?;
        if let Some(copied) = copied {
            copied.remove().await?;
        }
    }
    blobs(estate, &facts, &mut report).await?;
    Ok(report)
}

/// Every blob that is named is there, and is what its name says.
async fn blobs(estate: &Estate, facts: &Facts, report: &mut Report) -> Result<()> {
    for (blob, by) in &facts.blobs {
        report.counted.blobs += 1;
        let Err(error) = estate.blobs.verify(blob).await else {
            continue;
        };
        match error.kind {
            BlobErrorKind::Missing => {
                // Retention may have taken it since the records were read.
                let named = blob.clone();
                let is_named = estate.store.read(move |view| view.names_blob(&named));
                if is_named.await? {
                    report.add("blobs", format!("{blob}, {by}, is not there"), RESTORE);
                }
            }
            _ if error.is_damage() => {
                let what = format!("{blob}, {by}, is damaged: {error}");
                report.add("blobs", what, RESTORE);
            }
            _ => return Err(error.into()),
        }
    }
    Ok(())
}

async fn facts(estate: &Estate) -> Result<Facts> {
    let all = Arc::new(Mutex::new(Facts::default()));
    let into = Arc::clone(&all);
    let sink = move |record: Record<'_>| {
        let mut facts = into.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(facts.add(record.kind, record.line)?)
    };
    estate.store.dump(Scope::Lab, Box::new(sink)).await?;
    let mut facts = all.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *facts))
}

/// One project.
struct Look<'a> {
    repo: &'a BareRepo,
    project: &'a Project,
    facts: &'a Facts,
    place: &'a str,
    /// For objects that are only made to be looked at.
    scratch: &'a Path,
}

impl Look<'_> {
    async fn at(&self, id: ProjectId, report: &mut Report) -> Result<()> {
        if let Err(error) = self.repo.fsck().await {
            let what = format!("git fsck finds damage: {error}");
            report.add(self.place, what, RESTORE);
        }
        self.objects(report).await?;
        self.branches(report).await?;
        let trees = self.trees(report).await?;
        match self.repo.merges_by_devlab().await {
            Ok(merges) => {
                self.merges(id, &merges, report);
                self.merges_again(&merges, report).await?;
            }
            Err(error) => {
                let what = format!("the history of its branches cannot be read: {error}");
                report.add(self.place, what, RESTORE);
            }
        }
        for candidate in &self.project.published {
            self.published(candidate, &trees, report);
        }
        Ok(())
    }

    /// Every object that has to be there is, and is a commit.
    async fn objects(&self, report: &mut Report) -> Result<()> {
        let required = self.project.named.iter().filter(|(_, need)| need.required);
        let required: Vec<_> = required.collect();
        let names: Vec<String> = required.iter().map(|(oid, _)| oid.to_string()).collect();
        report.counted.objects += names.len() as u64;
        for ((oid, need), found) in required.iter().zip(self.repo.look_up(&names).await?) {
            match found {
                Some(Found { kind, .. }) if kind == "commit" => {}
                Some(Found { kind, .. }) => {
                    let what = format!("{oid}, {}, is a {kind} and no commit", need.by);
                    report.add(self.place, what, REPORT);
                }
                None => {
                    let what = format!("{oid}, {}, is not in the repository", need.by);
                    report.add(self.place, what, RESTORE);
                }
            }
        }
        Ok(())
    }

    /// Branches are where the records say, or further.
    async fn branches(&self, report: &mut Report) -> Result<()> {
        let refs = self.repo.all_refs().await?;
        for (name, head) in &self.project.heads {
            let Some(at) = head_of(&refs, name) else {
                let what = format!("{name} is not there; it should be at {head}");
                report.add(self.place, what, RESTORE);
                continue;
            };
            // An object that is not there was told of above.
            let is_past = at == *head || self.repo.is_ancestor(head, &at).await.unwrap_or(true);
            if !is_past {
                let what = format!("{name} is at {at}, which does not come after {head}");
                report.add(
                    self.place,
                    what,
                    "somebody has moved it by hand: move it back with `git update-ref`",
                );
            }
        }
        Ok(())
    }

    /// Trees of the commits that receipts and candidates are about.
    async fn trees(&self, report: &mut Report) -> Result<HashMap<Oid, Oid>> {
        let of_receipts = self.project.receipts.keys();
        let tips = self.project.published.iter();
        let tips = tips.filter_map(|candidate| candidate.tip.as_ref());
        let commits: HashSet<&Oid> = of_receipts.chain(tips).collect();
        let commits: Vec<&Oid> = commits.into_iter().collect();
        let names: Vec<String> = commits
            .iter()
            .map(|oid| format!("{oid}^{{tree}}"))
            .collect();
        let found = self.repo.look_up(&names).await?;
        let trees: HashMap<Oid, Oid> = commits
            .into_iter()
            .zip(found)
            .filter_map(|(commit, tree)| Some((commit.clone(), tree?.oid)))
            .collect();
        for (commit, (tree, id)) in &self.project.receipts {
            let Some(actual) = trees.get(commit) else {
                continue;
            };
            report.counted.receipts += 1;
            if actual != tree {
                let what = format!("{id} is about {tree}, which is not the tree of {commit}");
                report.add(self.place, what, REPORT);
            }
        }
        Ok(trees)
    }

    /// What was published is in the branches, once, as the records say; and what is done was
    /// published.
    fn merges(&self, id: ProjectId, merges: &[MergeCommit], report: &mut Report) {
        let known: HashMap<&Oid, &MergeCommit> =
            merges.iter().map(|merge| (&merge.oid, merge)).collect();
        let (mut ours, mut merged) = (HashSet::new(), HashSet::new());
        // What was merged: a commit that sets boxes in what a result and its target come to looks
        // like a merge of the task itself, and is held against its entry where merges are made again.
        let mut brought = HashSet::new();
        for candidate in &self.project.published {
            for entry in &candidate.entries {
                report.counted.merges += 1;
                merged.insert(entry.task);
                let Some(merge) = &entry.merge else {
                    let what = format!("{} of {} names no merge", entry.task, candidate.id);
                    report.add(self.place, what, REPORT);
                    continue;
                };
                ours.insert(merge);
                if let Some(merge) = known.get(merge) {
                    brought.insert(&merge.head);
                } else {
                    let what = format!("{merge}, the merge of {}, is in no branch", entry.task);
                    report.add(self.place, what, RESTORE);
                }
            }
        }
        // What has one parent may only set boxes.
        let others = merges.iter().filter(|merge| merge.onto != merge.head);
        let others = others.filter(|merge| !brought.contains(&merge.oid));
        for merge in others.filter(|merge| !ours.contains(&merge.oid)) {
            let Ok(task) = merge.task.parse::<TaskId>() else {
                continue;
            };
            let is_here = self.facts.tasks.get(&task).and_then(|task| task.project) == Some(id);
            if is_here && merged.contains(&task) {
                let what = format!("{} merges {task} a second time", merge.oid);
                report.add(self.place, what, REPORT);
            }
        }
        for (task, merge) in &self.project.proven {
            if merge.as_ref().is_none_or(|merge| !ours.contains(merge)) {
                let what = format!("{task} is done and proven, and was never published");
                report.add(self.place, what, REPORT);
            }
        }
    }

    /// What was merged is what git makes of the same commits.
    async fn merges_again(&self, merges: &[MergeCommit], report: &mut Report) -> Result<()> {
        let known: HashMap<&Oid, &MergeCommit> =
            merges.iter().map(|merge| (&merge.oid, merge)).collect();
        let mut wrong = Vec::new();
        let mut pairs = Vec::new();
        for candidate in &self.project.published {
            wrong.extend(super::merges::chain(candidate, &known));
            let found = candidate.entries.iter().filter_map(|entry| {
                let merge = known.get(entry.merge.as_ref()?)?;
                Some((entry.clone(), (*merge).clone()))
            });
            pairs.extend(found);
        }
        wrong.extend(super::merges::again(self.repo, self.scratch, pairs).await?);
        for Wrong { what, why } in wrong {
            let help = match why {
                Why::Rule => REPORT,
                Why::Damage => RESTORE,
                Why::Git => OTHER_GIT,
            };
            report.add(self.place, what, help);
        }
        Ok(())
    }

    /// What was published has the tree that was proven, and a receipt of every check.
    fn published(&self, candidate: &Published, trees: &HashMap<Oid, Oid>, report: &mut Report) {
        let id = candidate.id;
        let (Some(tip), Some(tree)) = (&candidate.tip, &candidate.tree) else {
            report.add(
                self.place,
                format!("{id} is published without a tip"),
                REPORT,
            );
            return;
        };
        if trees.get(tip).is_some_and(|actual| actual != tree) {
            let what = format!("{id} was proven for {tree}, which is not the tree of {tip}");
            report.add(self.place, what, REPORT);
        }
        let Some(set) = self.facts.check_sets.get(&candidate.check_set) else {
            let what = format!("the check set of {id} is not there");
            report.add(self.place, what, REPORT);
            return;
        };
        for (check, hash) in set.checks.iter().zip(set.hashes()) {
            if !self.project.passed.contains(&(tree.clone(), hash)) {
                let what = format!(
                    "{id} published {tree} without a passing receipt of {}",
                    check.name
                );
                report.add(self.place, what, REPORT);
            }
        }
    }
}
