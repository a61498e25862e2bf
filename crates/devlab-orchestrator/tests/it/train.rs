//! Results on their way into their target.

use devlab_core::attempt::AttemptKind;
use devlab_core::patch::{Patch, PatchState, Verdict};
use devlab_core::rules::agents;
use devlab_core::rules::review::{self, Remark};
use devlab_core::state::StateName;
use devlab_core::task::{Feedback, Proof};
use devlab_core::{Oid, RefName, TaskId};
use devlab_orchestrator::Delivered;
use devlab_store::StoreExt;

use super::bench_lab::{PATIENCE, TestLab, check, commit, goal, leaf, open_lab, point};

const CHECKED: &[(&str, &str)] = &[
    ("a.txt", "one\n"),
    (
        ".devlab/project.toml",
        "[[check]]\nname = 'test'\nrun = 'true'\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_of_one_task_is_published_with_its_proof() {
    let t = TestLab::new(CHECKED).await;
    let made = t.schedule(leaf("only", &[])).await;
    let got = t.claim().await;
    assert_eq!(got.checks.checks.len(), 1, "from the default branch");
    t.deliver(&got, &[("b.txt", "two\n")], 0).await;
    let task = t.until(made.id, StateName::Done).await;
    assert_eq!(task.proof, Proof::Proven);
    assert_eq!(t.main_file("b.txt").await.as_deref(), Some("two\n"));
    // The loop finishes what it has begun.
    t.lab.shut_down().await;
    let keep = keeps(&t).await;
    assert!(keep.is_empty(), "{keep:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_goes_into_its_own_branch_first_and_then_lands() {
    let t = TestLab::new(CHECKED).await;
    let made = t
        .schedule(goal(vec![
            leaf("x", &[]),
            leaf("y", &[]),
            leaf("z", &["x", "y"]),
        ]))
        .await;
    let first = t.claim().await;
    let second = t.claim().await;
    let before = t.main_file("x.txt").await;
    t.deliver(&first, &[("x.txt", "x\n")], 0).await;
    t.deliver(&second, &[("y.txt", "y\n")], 0).await;
    // The second result was checked on a tree without the first: somebody has to verify both.
    let third = t.claim().await;
    assert_eq!(third.attempt.kind, AttemptKind::Verify);
    t.deliver(&third, &[], 0).await;
    let last = t.claim().await;
    assert_eq!(last.spec.title, "Do z");
    t.deliver(&last, &[("z.txt", "z\n")], 0).await;
    t.until(made.id, StateName::Done).await;
    assert_eq!(
        before, None,
        "nothing reaches main before the goal is complete"
    );
    for file in ["x.txt", "y.txt", "z.txt"] {
        assert!(t.main_file(file).await.is_some(), "{file}");
    }
    t.repo.fsck().await.unwrap();
    t.lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_goes_back_with_the_other_side_and_its_own_work() {
    let t = TestLab::new(&[("a.txt", "one\n")]).await;
    let made = t.schedule(goal(vec![leaf("x", &[]), leaf("y", &[])])).await;
    let first = t.claim().await;
    let second = t.claim().await;
    t.deliver(&first, &[("a.txt", "first\n")], 0).await;
    let head = t.deliver(&second, &[("a.txt", "second\n")], 0).await;
    let again = t.claim().await;
    assert_eq!(again.attempt.task, second.attempt.task);
    assert_eq!(again.attempt.prior.as_ref(), Some(&head));
    let prior = again.prior_ref.as_ref().unwrap();
    assert_eq!(*prior, RefName::of_attempt(second.attempt.task, 1));
    assert!(matches!(&again.feedback[0], Feedback::Conflict { paths, .. } if paths == &["a.txt"]));
    t.deliver(&again, &[("a.txt", "first\nsecond\n")], 0).await;
    t.until(made.id, StateName::Done).await;
    assert_eq!(
        t.main_file("a.txt").await.as_deref(),
        Some("first\nsecond\n")
    );
    t.lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_goes_back_with_its_log() {
    let t = TestLab::new(CHECKED).await;
    let made = t.schedule(leaf("only", &[])).await;
    let got = t.claim().await;
    t.deliver(&got, &[("b.txt", "bad\n")], 3).await;
    let again = t.claim().await;
    assert_eq!(again.attempt.number, 2);
    let Feedback::CheckFailed {
        log_tail,
        exit_code,
        ..
    } = &again.feedback[0]
    else {
        panic!("{:?}", again.feedback);
    };
    assert_eq!((log_tail.as_str(), *exit_code), ("it said so", 3));
    t.deliver(&again, &[("b.txt", "good\n")], 0).await;
    t.until(made.id, StateName::Done).await;
    t.lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewed_goal_waits_for_its_verdict() {
    let t = TestLab::new(CHECKED).await;
    let mut new = leaf("only", &[]);
    new.review = Some(true);
    new.spec.checks = vec![check("extra")];
    let made = t.schedule(new).await;
    let got = t.claim().await;
    assert_eq!(got.checks.checks.len(), 2);
    t.deliver(&got, &[("b.txt", "two\n")], 0).await;
    t.until(made.id, StateName::Waiting).await;
    assert_eq!(t.main_file("b.txt").await, None);
    let id = made.id;
    let patch = t
        .lab
        .store()
        .read(move |view| view.patch_of_task(id))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (patch.state, patch.files, patch.added),
        (PatchState::Open, 1, 1)
    );
    judge(&t, id, Verdict::Reject, "say three").await;
    let again = t.claim().await;
    assert!(
        matches!(&again.feedback[0], Feedback::ChangesRequested { message, .. } if message == "say three")
    );
    t.deliver(&again, &[("b.txt", "three\n")], 0).await;
    t.until(made.id, StateName::Waiting).await;
    // What was built for it before is given up, and its refs go.
    assert!(!keeps(&t).await.is_empty());
    t.lab.collect_soon();
    no_keeps(&t).await;
    judge(&t, id, Verdict::Accept, "").await;
    let task = t.until(made.id, StateName::Done).await;
    assert_eq!(t.main_file("b.txt").await.as_deref(), Some("three\n"));
    let merged = until_told(&t, id).await;
    assert_eq!((merged.state, merged.told_remarks), (PatchState::Merged, 2));
    let refs = t.repo.list_refs("refs/devlab/patches").await.unwrap();
    let place = |leaf: &str| format!("refs/devlab/patches/{}/{leaf}", merged.id);
    let expected = [
        (place("head").parse().unwrap(), merged.head.clone()),
        (place("merge").parse().unwrap(), task.published.unwrap()),
    ];
    assert_eq!(refs, expected);
    t.lab.shut_down().await;
}

/// Refs of candidates.
async fn keeps(t: &TestLab) -> Vec<(RefName, Oid)> {
    t.repo.list_refs("refs/devlab/keep").await.unwrap()
}

/// Waits until no ref holds a candidate.
async fn no_keeps(t: &TestLab) {
    let wait = async { while !keeps(t).await.is_empty() {} };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

/// Waits until the forge knows all of a task's patch.
async fn until_told(t: &TestLab, task: TaskId) -> Patch {
    let mut commits = t.lab.wakes().commits();
    let wait = async {
        loop {
            let read = t.lab.store().read(move |view| view.patch_of_task(task));
            let patch = read.await.unwrap().unwrap();
            if patch.told {
                return patch;
            }
            commits.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap()
}

async fn judge(t: &TestLab, task: TaskId, verdict: Verdict, body: &str) {
    let body = body.to_owned();
    t.lab
        .store()
        .write(move |tx| {
            let patch = tx.patch_of_task(task)?.unwrap();
            let remark = Remark {
                author: "somebody".to_owned(),
                body: body.clone(),
                verdict: Some(verdict),
                head: Some(patch.head),
                rework: true,
            };
            review::remark(tx, patch.id, remark)
        })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_checks_needs_a_review() {
    let t = TestLab::new(CHECKED).await;
    let made = t.schedule(leaf("only", &[])).await;
    let got = t.claim().await;
    t.deliver(&got, &[(".devlab/project.toml", "")], 0).await;
    t.until(made.id, StateName::Waiting).await;
    assert!(
        t.main_file(".devlab/project.toml")
            .await
            .unwrap()
            .contains("check")
    );
    t.lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_that_is_opened_again_goes_on() {
    let t = TestLab::new(CHECKED).await;
    let made = t.schedule(goal(vec![leaf("x", &[])])).await;
    let got = t.claim().await;
    t.lab.shut_down().await;
    // Delivered while no loop runs: the next process finds it in its train.
    t.deliver(&got, &[("x.txt", "x\n")], 0).await;
    t.lab.store().close().await.unwrap();
    let TestLab { lab, dir, repo, .. } = t;
    drop(lab);
    let lab = open_lab(dir.path()).await;
    lab.start_loops();
    let id = made.id;
    let mut commits = lab.wakes().commits();
    let done = async {
        while lab
            .store()
            .read(move |view| view.task(id))
            .await
            .unwrap()
            .unwrap()
            .state
            .name()
            != StateName::Done
        {
            commits.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, done).await.unwrap();
    repo.fsck().await.unwrap();
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composite_starts_from_its_target_even_if_an_earlier_start_was_cut_off() {
    let t = TestLab::new(CHECKED).await;
    t.lab.shut_down().await;
    let made = t.schedule(goal(vec![leaf("x", &[])])).await;
    let main = RefName::branch("main").unwrap();
    let old = t.repo.resolve(&main).await.unwrap().unwrap();
    let branch = RefName::of_composite(made.id);
    point(&t.repo, branch.as_str(), &old).await;
    // What it has come to depend on lands before it is started for good.
    let new = commit(&t.repo, Some(&old), &[("landed.txt", "x\n")]).await;
    point(&t.repo, main.as_str(), &new).await;
    t.lab.store().close().await.unwrap();
    let TestLab { lab, dir, who, .. } = t;
    drop(lab);
    let lab = open_lab(dir.path()).await;
    lab.start_loops();
    let claimed = lab.claim(&who, t.agent, "c".to_owned(), PATIENCE).await;
    let base = claimed.unwrap().unwrap().attempt.base;
    assert_eq!(base, Some(new));
    lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_merged_is_not_taken() {
    let t = TestLab::new(CHECKED).await;
    t.schedule(leaf("only", &[])).await;
    let got = t.claim().await;
    let base = got.attempt.base.clone().unwrap();
    let orphan = commit(&t.repo, None, &[("b.txt", "two\n")]).await;
    let tree = t.repo.tree_of(&base).await.unwrap();
    let name = RefName::of_attempt(got.attempt.task, got.attempt.number);
    for wrong in [orphan, tree] {
        point(&t.repo, name.as_str(), &wrong).await;
        let delivered = Delivered {
            commit: Some(wrong),
            checks: Vec::new(),
            heard: 0,
            touched: None,
        };
        let refused = t
            .lab
            .deliver(&t.who, got.attempt.task, got.attempt.id, delivered)
            .await;
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("no commit on the attempt's base"), "{text}");
    }
    t.deliver(&got, &[("b.txt", "two\n")], 0).await;
    t.until(got.attempt.task, StateName::Done).await;
    t.lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_given_again_to_an_agent_that_drains() {
    let t = TestLab::new(CHECKED).await;
    t.schedule(leaf("only", &[])).await;
    let claim = || t.lab.claim(&t.who, t.agent, "c".to_owned(), PATIENCE);
    let first = claim().await.unwrap().unwrap();
    let agent = t.agent;
    t.lab
        .store()
        .write(move |tx| agents::drain(tx, agent, true))
        .await
        .unwrap();
    let again = claim().await.unwrap().unwrap();
    assert_eq!(again.attempt.id, first.attempt.id);
    t.lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_two_bad_results_is_cut_and_the_others_land() {
    const BAD: [usize; 2] = [3, 6];
    let t = TestLab::new(CHECKED).await;
    let (mut made, mut claimed) = (vec![], vec![]);
    for i in 0..8 {
        made.push(t.schedule(leaf(&format!("t{i}"), &[])).await.id);
        claimed.push(t.claim().await);
    }
    let file = |i: usize| format!("{i}.txt");
    let text = |i: usize| if BAD.contains(&i) { "bad\n" } else { "good\n" };
    // The first lands as it is. The second is being verified when the others come in behind it.
    let mut next = None;
    for (i, got) in claimed.iter().enumerate() {
        assert_eq!(got.attempt.task, made[i]);
        t.deliver(got, &[(file(i).as_str(), text(i))], 0).await;
        match i {
            0 => {
                t.until(made[0], StateName::Done).await;
            }
            1 => next = Some(t.claim().await),
            _ => {}
        }
    }
    let mut runs = vec![];
    while runs.last() != Some(&vec![7]) {
        let got = match next.take() {
            Some(got) => got,
            None => t.claim().await,
        };
        if got.attempt.kind == AttemptKind::Work {
            // A bad one came back: it gets no further here.
            let sent_back = &got.feedback[0];
            assert!(matches!(sent_back, Feedback::CheckFailed { on_target, .. } if *on_target));
            continue;
        }
        let tip = got.attempt.base.clone().unwrap();
        let mut within = vec![];
        for i in 0..8 {
            let is_new = t.main_file(&file(i)).await.is_none();
            if is_new && t.repo.read_file(&tip, &file(i), 9).await.unwrap().is_some() {
                within.push(i);
            }
        }
        let passes = !within.iter().any(|i| BAD.contains(i));
        t.deliver(&got, &[], i32::from(!passes)).await;
        runs.push(within);
    }
    t.until(made[7], StateName::Done).await;
    let expected: [&[usize]; 9] = [
        &[1],
        &[2, 3, 4, 5, 6, 7],
        &[2, 3, 4],
        &[2, 3],
        &[2],
        &[3],
        &[4, 5, 6, 7],
        &[4, 5],
        &[6],
    ];
    assert_eq!(runs[..9], expected.map(<[usize]>::to_vec));
    assert_eq!(runs.len(), 10);
    for (i, id) in made.iter().enumerate() {
        let landed = t.main_file(&file(i)).await.is_some();
        assert_eq!(landed, !BAD.contains(&i), "{i}");
        assert_eq!(t.task(*id).await.state.name() == StateName::Done, landed);
    }
    t.repo.fsck().await.unwrap();
    t.lab.shut_down().await;
}
