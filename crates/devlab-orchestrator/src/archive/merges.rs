//! Merges made again: what devlab has published is what git makes of the same two commits.

use std::collections::HashMap;
use std::path::Path;

use devlab_core::Oid;
use devlab_core::limits::{DEPTH_MAX, PLAN_FILE_BYTES_MAX};
use devlab_core::plan::spec_kit::{TASKS_FILE, without};
use devlab_core::train::CandidateEntry;
use devlab_forge::bundle::MergeCommit;
use devlab_forge::commit::{MergeOutcome, Signature};
use devlab_forge::{BareRepo, Error};
use futures::StreamExt;

use super::facts::Published;
use crate::error::Result;

/// Merges that are made again at the same time.
const AT_ONCE: usize = 4;

/// Something that does not hold, in words.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) why: Why,
}

/// What is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// A rule of devlab.
    Rule,
    /// An object that is missing or damaged.
    Damage,
    /// Perhaps only that git of another version merges otherwise.
    Git,
}

impl Wrong {
    fn rule(what: String) -> Self {
        let why = Why::Rule;
        Self { what, why }
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
    let damage = |error: devlab_forge::Error| match error {
        // Nothing is wrong with the lab.
        Error::GitMissing { .. } | Error::Timeout { .. } | Error::Io { .. } => Err(error.into()),
        error => Ok(Some(Wrong {
            what: format!("{oid} cannot be made again: {error}"),
            why: Why::Damage,
        })),
    };
    let brings_in = match *head == entry.head {
        true => Ok(true),
        false => sets_boxes(repo, objects, entry, merge).await,
    };
    let brings_in = match brings_in {
        Ok(brings_in) => brings_in,
        Err(error) => return damage(error),
    };
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
            let path = paths.first().map_or("", String::as_str);
            format!("{oid} merges what conflicts: {path}")
        }
        Err(error) => return damage(error),
    };
    let why = Why::Git;
    Ok(Some(Wrong { what, why }))
}

/// Whether what is merged is devlab's commit on top of a result, or of what the result and the target
/// come to, and does nothing but set boxes of a Spec-Kit feature.
async fn sets_boxes(
    repo: &BareRepo,
    objects: &Path,
    entry: &CandidateEntry,
    merge: &MergeCommit,
) -> devlab_forge::Result<bool> {
    let commit = &merge.head;
    let found = repo.log(Some(&entry.head), commit, 1).await?;
    let [found] = found.as_slice() else {
        return Ok(false);
    };
    if found.oid != *commit || found.email != Signature::devlab().email() {
        return Ok(false);
    }
    let before = match found.parents.as_slice() {
        [result] if *result == entry.head => repo.tree_of(result).await?,
        [result, target] if *result == entry.head => {
            if !repo.is_ancestor(target, &merge.onto).await? {
                return Ok(false);
            }
            match repo.merge_tree_apart(objects, target, result).await? {
                MergeOutcome::Clean { tree } => tree,
                MergeOutcome::Conflict { .. } => return Ok(false),
            }
        }
        _ => return Ok(false),
    };
    let changed = repo.changed_paths_apart(objects, &before, commit).await?;
    let is_feature = |path: &String| path.ends_with(&format!("/{TASKS_FILE}"));
    // A feature, and those that it is a part of.
    if changed.is_empty()
        || changed.len() > usize::from(DEPTH_MAX)
        || !changed.iter().all(is_feature)
    {
        return Ok(false);
    }
    for path in &changed {
        let own = text(repo, objects, &before, path).await?;
        let after = text(repo, objects, commit, path).await?;
        let both = own.zip(after);
        if both.is_none_or(|(own, after)| without(&own) != without(&after)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A file that a plan can be made from.
async fn text(
    repo: &BareRepo,
    objects: &Path,
    tree: &Oid,
    path: &str,
) -> devlab_forge::Result<Option<String>> {
    let bytes = repo.read_file_apart(objects, tree, path).await?;
    // devlab sets no boxes in one that no plan can be made from.
    let fits = bytes.len() <= PLAN_FILE_BYTES_MAX;
    Ok(String::from_utf8(bytes).ok().filter(|_| fits))
}

#[cfg(test)]
mod tests {
    use devlab_core::{CandidateId, RefName, TaskId, Timestamp};
    use devlab_forge::commit::NewCommit;
    use devlab_forge::{Git, GitBinary};

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

    const BOXES: &str = "specs/001-x/tasks.md";

    /// A repository with commits that are made of one file after the other.
    struct Bench {
        temp: tempfile::TempDir,
        repo: BareRepo,
        base: Oid,
    }

    impl Bench {
        async fn new() -> Self {
            let temp = tempfile::tempdir().unwrap();
            let git = Git::new(GitBinary::from_path("/usr/bin:/bin:/usr/local/bin"));
            let main: RefName = "refs/heads/main".parse().unwrap();
            let dir = temp.path().join("r.git");
            let repo = BareRepo::init(&git, &dir, &main).await.unwrap();
            let text = "- [ ] T001 One\n- [x] T002 Two\n- [ ] T002 Two\n";
            let file = temp.path().join("work").join(BOXES);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            for name in ["a", "b"] {
                std::fs::write(temp.path().join("work").join(name), "0\n").unwrap();
            }
            let run = |args: &[&str]| {
                let done = std::process::Command::new("git")
                    .args(args)
                    .current_dir(temp.path().join("work"))
                    .env("GIT_DIR", &dir)
                    .env("GIT_WORK_TREE", temp.path().join("work"))
                    .output();
                String::from_utf8(done.unwrap().stdout).unwrap()
            };
            run(&["add", "."]);
            let tree: Oid = run(&["write-tree"]).trim().parse().unwrap();
            let base = commit(&repo, &tree, &[]).await;
            Self { temp, repo, base }
        }

        /// The merge of a result, made as a train does, and the entry that names it.
        async fn merged(
            &self,
            onto: &Oid,
            brings: &Oid,
            result: &Oid,
        ) -> (CandidateEntry, MergeCommit) {
            let task = TaskId::new(Timestamp::from_millis(1), 1 << 16);
            let outcome = self.repo.merge_tree(onto, brings).await.unwrap();
            let (MergeOutcome::Clean { tree }
            | MergeOutcome::Conflict {
                tree_with_markers: tree,
                ..
            }) = outcome;
            let merge = commit(&self.repo, &tree, &[onto, brings]).await;
            let entry = CandidateEntry {
                task,
                head: result.clone(),
                merge: Some(merge.clone()),
                stat: None,
            };
            let merge = MergeCommit {
                oid: merge,
                onto: onto.clone(),
                head: brings.clone(),
                tree,
                times: (1, 1),
                task: task.to_string(),
            };
            (entry, merge)
        }

        async fn wrong(&self, entry: CandidateEntry, merge: MergeCommit) -> Option<(Why, String)> {
            let objects = self.temp.path().join("objects");
            std::fs::create_dir_all(&objects).unwrap();
            let wrong = again(&self.repo, &objects, vec![(entry, merge)]).await;
            let first = wrong.unwrap().pop();
            first.map(|wrong| (wrong.why, wrong.what))
        }
    }

    async fn commit(repo: &BareRepo, tree: &Oid, parents: &[&Oid]) -> Oid {
        let devlab = Signature::devlab();
        let commit = NewCommit {
            tree,
            parents,
            message: "x",
            author: &devlab,
            committer: &devlab,
            time_secs: 1,
        };
        repo.commit_tree(&commit).await.unwrap()
    }

    /// A commit on another one that writes a file.
    async fn with(repo: &BareRepo, on: &Oid, path: &str, text: &str) -> Oid {
        let tree = repo.tree_with_file(on, path, text.as_bytes()).await;
        commit(repo, &tree.unwrap(), &[on]).await
    }

    #[tokio::test]
    async fn what_git_makes_of_the_same_commits_holds_and_nothing_else() {
        let bench = Bench::new().await;
        let (repo, base) = (&bench.repo, &bench.base);
        let result = with(repo, base, "a", "1\n").await;
        let other = with(repo, base, "b", "2\n").await;
        let (entry, merge) = bench.merged(&other, &result, &result).await;
        assert_eq!(bench.wrong(entry.clone(), merge.clone()).await, None);
        let count = repo.all_refs().await.unwrap().len();
        assert_eq!(count, 0, "it leaves nothing behind");

        let tree = repo.tree_of(&other).await.unwrap();
        let forged = MergeCommit {
            tree,
            ..merge.clone()
        };
        let (why, what) = bench.wrong(entry.clone(), forged).await.unwrap();
        assert!(why == Why::Git && what.contains("has the tree"), "{what}");

        let task = "task_other".to_owned();
        let of_another = MergeCommit {
            task,
            ..merge.clone()
        };
        let (why, what) = bench.wrong(entry.clone(), of_another).await.unwrap();
        assert!(
            why == Why::Rule && what.contains("does not merge"),
            "{what}"
        );

        let clash = with(repo, base, "a", "other\n").await;
        let (entry, conflict) = bench.merged(&clash, &result, &result).await;
        let (why, what) = bench.wrong(entry, conflict).await.unwrap();
        assert!(why == Why::Git && what.ends_with("conflicts: a"), "{what}");

        let (entry, mut gone) = bench.merged(&other, &result, &result).await;
        gone.onto = oid(77);
        let (why, what) = bench.wrong(entry, gone).await.unwrap();
        assert!(
            why == Why::Damage && what.contains("cannot be made again"),
            "{what}"
        );

        // A goal that changed nothing is merged with itself.
        let (entry, nothing) = bench.merged(base, base, base).await;
        assert_eq!(bench.wrong(entry, nothing).await, None);
    }

    #[tokio::test]
    async fn a_commit_between_may_set_boxes_and_do_nothing_else() {
        let bench = Bench::new().await;
        let (repo, base) = (&bench.repo, &bench.base);
        let result = with(repo, base, "a", "1\n").await;
        let boxes = "- [X] T001 One\n- [x] T002 Two\n- [X] T002 Two\n";
        let ticked = with(repo, &result, BOXES, boxes).await;
        let (entry, merge) = bench.merged(base, &ticked, &result).await;
        assert_eq!(bench.wrong(entry, merge).await, None);

        let words = with(repo, &result, BOXES, &boxes.replace("One", "All")).await;
        let elsewhere = with(repo, &result, "b", "2\n").await;
        let twice = with(repo, &ticked, BOXES, "- [ ] T001 One\n").await;
        for other in [words, elsewhere, twice, base.clone()] {
            let (entry, merge) = bench.merged(base, &other, &result).await;
            let (why, what) = bench.wrong(entry, merge).await.unwrap();
            assert!(
                why == Why::Rule && what.contains("does not merge"),
                "{what}"
            );
        }
    }

    #[tokio::test]
    async fn boxes_may_be_set_in_what_a_result_and_its_target_come_to() {
        let bench = Bench::new().await;
        let (repo, base) = (&bench.repo, &bench.base);
        let result = with(repo, base, "a", "1\n").await;
        let more = "- [ ] T001 One\n- [x] T002 Two\n- [X] T002 Two\n- [ ] T003 Three\n";
        let target = with(repo, base, BOXES, more).await;
        let both = repo.merge_tree(&target, &result).await.unwrap();
        let MergeOutcome::Clean { tree } = both else {
            panic!("they do not meet: {both:?}")
        };
        let boxes = more.replace("[ ]", "[X]");
        let set = repo
            .tree_with_file(&tree, BOXES, boxes.as_bytes())
            .await
            .unwrap();
        let ticked = commit(repo, &set, &[&result, &target]).await;
        let (entry, merge) = bench.merged(&target, &ticked, &result).await;
        assert_eq!(bench.wrong(entry, merge).await, None);
        // A later one of the same batch.
        let before = with(repo, &target, "b", "2\n").await;
        let (entry, merge) = bench.merged(&before, &ticked, &result).await;
        assert_eq!(bench.wrong(entry, merge).await, None);

        let words = repo
            .tree_with_file(&tree, BOXES, b"- [X] T001 All\n")
            .await
            .unwrap();
        let elsewhere = repo.tree_with_file(&set, "a", b"2\n").await.unwrap();
        for (tree, parents) in [
            (&words, [&result, &target]),
            (&elsewhere, [&result, &target]),
            // Another target's words, and what is no result of the task.
            (&set, [&result, &before]),
            (&set, [&target, &result]),
        ] {
            let other = commit(repo, tree, &parents).await;
            let (entry, merge) = bench.merged(&target, &other, &result).await;
            let (why, what) = bench.wrong(entry, merge).await.unwrap();
            assert!(
                why == Why::Rule && what.contains("does not merge"),
                "{what}"
            );
        }
    }
}
