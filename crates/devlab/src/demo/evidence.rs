//! What the repository says, read with plain git: from a clone that was fetched like any client
//! would, and, for what no client is shown, from the lab's own copy.

use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use devlab_core::provenance::{NOTES_REF, Verified};
use devlab_core::{Oid, RefName};
use serde::Serialize;

use super::facts::Known;
use super::history::FEATURE;
use super::stage::{Set, Stage};
use crate::checkout::git::Checkout;
use crate::checkout::project::short_branch;
use crate::provenance::verify::check;

/// Refs that keep what is not published yet; none is needed once everything is.
const KEEP_REFS: &str = "refs/devlab/keep";
/// How long the last keep-ref may stay after its publication: it is dropped right after.
const KEEP_MAX: Duration = Duration::from_secs(5);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A commit in the first-parent history of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Merge {
    pub(super) commit: String,
    pub(super) parents: Vec<String>,
    pub(super) tree: String,
    pub(super) subject: String,
    /// The task that it says it is of.
    #[serde(rename = "task_id")]
    pub(super) trailer: String,
    /// If its second parent only sets boxes of a feature: the commit that it sets them on.
    #[serde(skip)]
    pub(super) below_boxes: Option<String>,
    /// The tree that git makes when it merges the parents again; `None` if they conflict.
    #[serde(skip)]
    pub(super) remade: Option<String>,
}

/// What the repository says.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    pub(super) default_branch: String,
    /// Head of the default branch before the goal.
    pub(super) base: String,
    /// What the default branch got since, oldest first.
    pub(super) main: Vec<Merge>,
    /// What the goal's branch got, oldest first.
    pub(super) goal_branch: Vec<Merge>,
    /// Trees of the commits that the lab names.
    pub(super) trees: BTreeMap<String, String>,
    /// What `git fsck` found, in the clone and in the lab.
    pub(super) damage: Vec<String>,
    /// Refs that keep what is published anyway.
    pub(super) kept: Vec<String>,
    /// The feature's tasks in the default branch, if there is a feature.
    pub(super) feature: Option<String>,
    /// How the goal's merge came to be, verified as anybody can.
    pub(super) provenance: Option<Result<Verified, String>>,
}

/// Reads it.
pub(super) async fn gather(stage: &Stage, set: &Set, known: &Known) -> anyhow::Result<Evidence> {
    let main = short_branch(&set.place.project.default_branch);
    let clone = clone(stage, set).await?;
    let mut found = Evidence {
        default_branch: main.to_owned(),
        base: set.base.clone(),
        main: merges(&clone, &set.base, &format!("refs/heads/{main}")).await?,
        ..Evidence::default()
    };
    if let Some(tip) = goal_tip(&clone, known).await? {
        found.goal_branch = merges(&clone, &set.base, &tip).await?;
    }
    if let Err(error) = clone
        .run(&["fsck", "--strict", "--no-dangling", "--full"])
        .await
    {
        found.damage.push(format!("the clone is damaged: {error}"));
    }
    let project = &set.place.project;
    let (lab, id) = (&stage.server.lab, project.id);
    let stored = lab.read(move |view| view.project(id)).await?;
    let repo = lab.repo(&stored.context("the project is gone")?).await?;
    if let Err(error) = repo.fsck().await {
        found
            .damage
            .push(format!("the lab's repository is damaged: {error}"));
    }
    let tasks = format!("refs/heads/{main}:{FEATURE}/tasks.md");
    found.feature = clone.run(&["show", &tasks]).await.ok();
    found.provenance = provenance(stage, set, known, &clone).await?;
    let named = known.receipts.iter().map(|receipt| &receipt.commit);
    let tips = known
        .candidates
        .iter()
        .filter_map(|candidate| candidate.tip.as_ref());
    let named: BTreeSet<&String> = named.chain(tips).collect();
    for commit in named {
        // What was given up may be gone already.
        if let Ok(tree) = repo.tree_of(&commit.parse::<Oid>()?).await {
            found.trees.insert(commit.clone(), tree.to_string());
        }
    }
    let is_empty = async {
        while !repo.list_refs(KEEP_REFS).await?.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        anyhow::Ok(())
    };
    if let Ok(looked) = tokio::time::timeout(KEEP_MAX, is_empty).await {
        looked?;
    }
    let kept = repo.list_refs(KEEP_REFS).await?;
    found.kept = kept.into_iter().map(|(name, _)| name.to_string()).collect();
    Ok(found)
}

/// Fetches the notes as any client would, and verifies the one of the goal's merge; `None` if it has
/// no merge.
async fn provenance(
    stage: &Stage,
    set: &Set,
    known: &Known,
    clone: &Checkout,
) -> anyhow::Result<Option<Result<Verified, String>>> {
    let goal = known.details.iter().find(|d| d.task.id == known.goal);
    let Some(merge) = goal.and_then(|detail| detail.task.published.clone()) else {
        return Ok(None);
    };
    let org = set.place.project.org.to_string();
    let root = stage.client().org_keys(&org).await?.root;
    let list = ["notes", "--ref", NOTES_REF, "list", &merge];
    let attached = async {
        let fetch = || clone.fetch(&set.place.repo, NOTES_REF, Some(NOTES_REF));
        // There is no such ref before the first note.
        while fetch().await.is_err() || !clone.holds(&list).await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(KEEP_MAX, attached).await {
        Ok(attached) => attached?,
        Err(_) => return Ok(Some(Err("there is none in good time".to_owned()))),
    }
    let verified = check(clone, &merge.parse()?, root).await?;
    Ok(Some(verified.map_err(|broken| broken.to_string())))
}

/// The result of the goal; while it has none, where its branch is.
async fn goal_tip(clone: &Checkout, known: &Known) -> anyhow::Result<Option<String>> {
    let goal = known
        .details
        .iter()
        .find(|detail| detail.task.id == known.goal);
    if let Some(head) = goal.and_then(|detail| detail.task.head.clone()) {
        return Ok(Some(head));
    }
    clone
        .resolve(RefName::of_composite(known.goal).as_str())
        .await
}

/// All branches of the project, fetched as any client would.
async fn clone(stage: &Stage, set: &Set) -> anyhow::Result<Checkout> {
    let path = stage.path.join("verify");
    std::fs::create_dir_all(&path)?;
    let clone = set.place.checkout.beside(path);
    clone
        .run(&["init", "--quiet", "--bare", "--template="])
        .await?;
    let all = "refs/heads/*";
    clone.fetch(&set.place.repo, all, Some(all)).await?;
    Ok(clone)
}

/// The first-parent history of a branch since the base, oldest first, and each merge made again.
async fn merges(clone: &Checkout, base: &str, tip: &str) -> anyhow::Result<Vec<Merge>> {
    let range = format!("{base}..{tip}");
    let format =
        "--format=%H%x09%P%x09%T%x09%(trailers:key=Devlab-Task,valueonly,separator=%x20)%x09%s";
    let log = clone
        .run(&["log", "--first-parent", "--reverse", format, &range])
        .await?;
    let mut merges: Vec<Merge> = log.lines().map(merge).collect();
    for merge in &mut merges {
        if let [onto, head] = &merge.parents[..] {
            let again = clone.run(&["merge-tree", "--write-tree", onto, head]).await;
            merge.remade = again.ok();
            merge.below_boxes = below_boxes(clone, head).await?;
        }
    }
    Ok(merges)
}

/// What a commit stands on, if it only sets boxes.
async fn below_boxes(clone: &Checkout, commit: &str) -> anyhow::Result<Option<String>> {
    let said = clone
        .run(&["log", "-1", "--format=%P%x09%s", commit])
        .await?;
    let (parents, subject) = said.split_once('\t').unwrap_or_default();
    let is_boxes = subject.starts_with("Tick what is done in ");
    // The first is the result; a second is the branch that it goes into.
    let result = parents.split(' ').next().unwrap_or_default();
    Ok(is_boxes.then(|| result.to_owned()))
}

/// Reads a line of the log.
fn merge(line: &str) -> Merge {
    let mut parts = line.splitn(5, '\t').map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    Merge {
        commit: part(),
        parents: part().split_whitespace().map(str::to_owned).collect(),
        tree: part(),
        trailer: part(),
        subject: part(),
        below_boxes: None,
        remade: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_is_a_merge() {
        let merge = merge("c0\tp1 p2\tt0\ttask_1\tMerge: a\tb");
        assert_eq!(merge.commit, "c0");
        assert_eq!(merge.parents, ["p1", "p2"]);
        assert_eq!(
            (merge.tree.as_str(), merge.trailer.as_str()),
            ("t0", "task_1")
        );
        assert_eq!(merge.subject, "Merge: a\tb");
    }
}
