//! Merges made again: what devlab has published is what git makes of the same two commits.

use std::collections::HashMap;
use std::path::Path;

use devlab_core::Oid;
use devlab_core::limits::PLAN_FILE_BYTES_MAX;
use devlab_core::plan::spec_kit::{TASKS_FILE, with_boxes_of};
use devlab_core::train::CandidateEntry;
use devlab_forge::BareRepo;
use devlab_forge::bundle::MergeCommit;
use devlab_forge::commit::{MergeOutcome, Signature};
use futures::StreamExt;

use super::facts::Published;
use crate::error::Result;

/// Merges that are made again at the same time.
const AT_ONCE: usize = 4;

/// Something that does not hold, in words.
pub(super) struct Wrong {
    pub(super) what: String,
    /// Whether git of another version may be why.
    pub(super) may_be_git: bool,
}

impl Wrong {
    fn rule(what: String) -> Self {
        Self {
            what,
            may_be_git: false,
        }
    }
}

/// Holds the merges of a published candidate against each other and against what the records say of
/// it: each is made on the one before, at the time of the candidate.
pub(super) fn chain(candidate: &Published, known: &HashMap<&Oid, &MergeCommit>) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut onto = candidate.base.as_ref();
    let time = candidate.stamp.as_secs();
    for entry in &candidate.entries {
        // One that is named by no entry, or not there, was told of.
        let Some(merge) = entry.merge.as_ref().and_then(|oid| known.get(oid)) else {
            return wrong;
        };
        let oid = &merge.oid;
        if onto != Some(&merge.onto) {
            let what = format!("{oid} is not merged onto what {} says", candidate.id);
            wrong.push(Wrong::rule(what));
        }
        if merge.times != (time, time) {
            let what = format!("{oid} does not have the time of {}", candidate.id);
            wrong.push(Wrong::rule(what));
        }
        onto = Some(oid);
    }
    if onto != candidate.tip.as_ref() {
        let what = format!("the last merge of {} is not its tip", candidate.id);
        wrong.push(Wrong::rule(what));
    }
    wrong
}

/// Makes merges again, each with the entry of its candidate, in a folder for their objects, and says
/// which come to something else. One process for each, and some more for those of a Spec-Kit feature.
///
/// # Errors
/// git cannot be used.
pub(super) async fn again(
    repo: &BareRepo,
    objects: &Path,
    merges: Vec<(CandidateEntry, MergeCommit)>,
) -> Result<Vec<Wrong>> {
    let (repo, objects) = (repo.clone(), objects.to_owned());
    let mut all = futures::stream::iter(merges)
        .map(move |(entry, merge)| {
            let (repo, objects) = (repo.clone(), objects.clone());
            async move { made_again(&repo, &objects, &entry, &merge).await }
        })
        .buffered(AT_ONCE);
    let mut wrong = Vec::new();
    while let Some(one) = all.next().await {
        wrong.extend(one?);
    }
    Ok(wrong)
}

async fn made_again(
    repo: &BareRepo,
    objects: &Path,
    entry: &CandidateEntry,
    merge: &MergeCommit,
) -> Result<Option<Wrong>> {
    let MergeCommit {
        oid, onto, head, ..
    } = merge;
    let brings_in = *head == entry.head || sets_boxes(repo, entry, head).await?;
    if !brings_in || merge.task != entry.task.to_string() {
        let what = format!("{oid} does not merge {} of {}", entry.head, entry.task);
        return Ok(Some(Wrong::rule(what)));
    }
    let what = match repo.merge_tree_apart(objects, onto, head).await {
        Ok(MergeOutcome::Clean { tree }) if tree == merge.tree => return Ok(None),
        Ok(MergeOutcome::Clean { tree }) => {
            format!(
                "{oid} has the tree {}; git merges its parents to {tree}",
                merge.tree
            )
        }
        Ok(MergeOutcome::Conflict { paths, .. }) => {
            let paths = paths.first().map_or("", String::as_str);
            format!("{oid} merges what conflicts: {paths}")
        }
        // What is missing or damaged makes no merge, and was told of.
        Err(error) => format!("{oid} cannot be made again: {error}"),
    };
    Ok(Some(Wrong {
        what,
        may_be_git: true,
    }))
}

/// Whether a commit is devlab's, on top of a result, and does nothing but set boxes of a Spec-Kit
/// feature.
async fn sets_boxes(repo: &BareRepo, entry: &CandidateEntry, commit: &Oid) -> Result<bool> {
    let Ok(found) = repo.log(Some(&entry.head), commit, 2).await else {
        return Ok(false);
    };
    let [found] = found.as_slice() else {
        return Ok(false);
    };
    let is_on_it = found.parents.as_slice() == std::slice::from_ref(&entry.head);
    if !is_on_it || found.email != Signature::devlab().email() {
        return Ok(false);
    }
    let changed = repo.changed_paths(&entry.head, commit).await?;
    let [path] = changed.as_slice() else {
        return Ok(false);
    };
    if !path.ends_with(&format!("/{TASKS_FILE}")) {
        return Ok(false);
    }
    let before = repo.read_file(&entry.head, path, PLAN_FILE_BYTES_MAX);
    let after = repo.read_file(commit, path, PLAN_FILE_BYTES_MAX);
    let text = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let (before, after) = (text(before.await?), text(after.await?));
    Ok(before
        .zip(after)
        .is_some_and(|(before, after)| with_boxes_of(&before, &after) == after))
}

#[cfg(test)]
mod tests {
    use devlab_core::{CandidateId, TaskId, Timestamp};

    use super::*;

    fn oid(n: u32) -> Oid {
        format!("{n:040x}").parse().unwrap()
    }

    /// A candidate of two results on 1, whose merges are 11 and 12.
    fn published() -> (Published, Vec<MergeCommit>) {
        let at = Timestamp::from_millis(5_000);
        let task = |n: u32| TaskId::new(at, u128::from(n) << 16);
        let entry = |n: u32| CandidateEntry {
            task: task(n),
            head: oid(n),
            merge: Some(oid(10 + n)),
            stat: None,
        };
        let merge = |n: u32, onto: u32| MergeCommit {
            oid: oid(10 + n),
            onto: oid(onto),
            head: oid(n),
            tree: oid(20 + n),
            times: (5, 5),
            task: task(n).to_string(),
        };
        let candidate = Published {
            id: CandidateId::new(at, 9 << 16),
            base: Some(oid(3)),
            tip: Some(oid(12)),
            tree: Some(oid(22)),
            entries: vec![entry(1), entry(2)],
            check_set: "0".repeat(64).parse().unwrap(),
            stamp: at,
        };
        (candidate, vec![merge(1, 3), merge(2, 11)])
    }

    fn told(candidate: &Published, merges: &[MergeCommit]) -> Vec<String> {
        let known = merges.iter().map(|merge| (&merge.oid, merge)).collect();
        let wrong = chain(candidate, &known);
        wrong.into_iter().map(|wrong| wrong.what).collect()
    }

    #[test]
    fn each_merge_is_made_on_the_one_before() {
        let (candidate, merges) = published();
        assert_eq!(told(&candidate, &merges), [""; 0]);

        let mut moved = merges.clone();
        moved[1].onto = oid(3);
        assert!(told(&candidate, &moved)[0].contains("is not merged onto"));

        let mut dated = merges.clone();
        dated[0].times.1 = 6;
        assert!(told(&candidate, &dated)[0].contains("does not have the time"));

        let (mut other, _) = published();
        other.tip = Some(oid(11));
        assert!(told(&other, &merges)[0].contains("is not its tip"));
    }
}
