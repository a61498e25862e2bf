//! Trains: batches, conflicts, failing checks, moved targets, reviews.

use devlab_core::attempt::AttemptKind;
use devlab_core::limits::SENT_BACK_MAX;
use devlab_core::patch::{PatchState, Verdict};
use devlab_core::rules::complete::Outcome;
use devlab_core::rules::person::{self, Change};
use devlab_core::rules::review::{self, Remark};
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::task::{Feedback, Proof};
use devlab_core::train::{Candidate, CandidateState, TrainStep};
use devlab_core::{AgentId, PatchId, RefName, TaskId};

use crate::graph::id;
use crate::lab::{Lab, code, composite, leaf};

const REVIEW: State = State::Waiting(WaitReason::Review, ResumeTo::Integrating);

/// A goal whose result has just been delivered.
pub(crate) fn delivered(lab: &mut Lab, agent: AgentId, review: bool) -> TaskId {
    let mut new = leaf("a", &[]);
    new.review = Some(review);
    let task = lab.goal(&new).id;
    let attempt = lab.take(agent);
    assert_eq!(attempt.task, task);
    lab.pass(&attempt);
    task
}

fn to_build(lab: &mut Lab) -> Candidate {
    let main = lab.main();
    match lab.next(&main) {
        TrainStep::Build(candidate) => candidate,
        other => panic!("a candidate to build: {other:?}"),
    }
}

fn to_publish(lab: &mut Lab) -> Candidate {
    let main = lab.main();
    match lab.next(&main) {
        TrainStep::Publish(candidate) => candidate,
        other => panic!("a candidate to publish: {other:?}"),
    }
}

#[test]
fn a_tree_that_was_checked_is_published_at_once() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = delivered(&mut lab, agent, false);
    let candidate = to_build(&mut lab);
    lab.build(&candidate, true);
    let candidate = to_publish(&mut lab);
    assert!(lab.publish(&candidate));
    assert_eq!(
        (lab.state(task), lab.task(task).proof),
        (State::Done, Proof::Proven)
    );
    assert_eq!(lab.task(task).published, candidate.tip);
}

#[test]
fn another_tree_is_verified_first() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = delivered(&mut lab, agent, false);
    let candidate = to_build(&mut lab);
    lab.build(&candidate, false);
    let main = lab.main();
    assert_eq!(lab.next(&main), TrainStep::Idle);
    let verify = lab.take(agent);
    assert_eq!((verify.kind, verify.number), (AttemptKind::Verify, 1));
    let outcome = lab.outcome(&verify, true);
    lab.complete(&verify, outcome.clone()).unwrap();
    let before = lab.tx.clone();
    lab.complete(&verify, outcome).unwrap();
    assert!(before == lab.tx, "a repeated completion changes nothing");
    let candidate = to_publish(&mut lab);
    lab.publish(&candidate);
    assert_eq!(lab.state(task), State::Done);
}

#[test]
fn a_conflict_with_one_ahead_waits_until_that_is_in() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let tasks: Vec<TaskId> = (0..3).map(|_| delivered(&mut lab, agent, false)).collect();
    let candidate = to_build(&mut lab);
    lab.conflict(&candidate, 2);
    assert_eq!(
        lab.state(tasks[2]),
        State::Integrating,
        "nobody is sent back yet"
    );
    let candidate = to_build(&mut lab);
    let members: Vec<TaskId> = candidate.entries.iter().map(|e| e.task).collect();
    assert_eq!(members, tasks[..2]);
    lab.build(&candidate, false);
    let verify = lab.take(agent);
    lab.pass(&verify);
    let candidate = to_publish(&mut lab);
    lab.publish(&candidate);
    let candidate = to_build(&mut lab);
    assert_eq!(candidate.entries[0].task, tasks[2]);
    lab.conflict(&candidate, 0);
    assert_eq!(lab.state(tasks[2]), State::Ready);
    let feedback = &lab.tx.feedback[&tasks[2]][..];
    assert!(matches!(feedback, [Feedback::Conflict { .. }]));
    assert_eq!(
        lab.task(tasks[2]).prior,
        Some(candidate.entries[0].head.clone())
    );
}

#[test]
fn a_result_is_sent_back_twice_and_then_waits_for_a_person() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = delivered(&mut lab, agent, false);
    for _ in 0..SENT_BACK_MAX {
        let candidate = to_build(&mut lab);
        lab.conflict(&candidate, 0);
        let attempt = lab.take(agent);
        lab.pass(&attempt);
    }
    let candidate = to_build(&mut lab);
    lab.conflict(&candidate, 0);
    assert_eq!(
        lab.state(task),
        State::Waiting(WaitReason::Attention, ResumeTo::Ready)
    );
    assert_eq!(lab.claim(agent).unwrap(), None);
    lab.retry(task).unwrap();
    let attempt = lab.take(agent);
    assert!(attempt.prior.is_some(), "earlier work is kept");
}

#[test]
fn side_effects_are_not_repeated_because_of_a_conflict() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let mut new = leaf("a", &[]);
    new.side_effects = true;
    let task = lab.goal(&new).id;
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let candidate = to_build(&mut lab);
    lab.conflict(&candidate, 0);
    assert_eq!(
        lab.state(task),
        State::Waiting(WaitReason::Attention, ResumeTo::Ready)
    );
}

#[test]
fn a_moved_target_is_built_on_again() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = delivered(&mut lab, agent, false);
    let candidate = to_build(&mut lab);
    lab.build(&candidate, true);
    lab.push(&candidate.target.branch);
    let candidate = to_publish(&mut lab);
    assert!(!lab.publish(&candidate));
    assert_eq!(lab.state(task), State::Integrating);
    let again = to_build(&mut lab);
    assert_ne!(again.id, candidate.id);
    lab.build(&again, true);
    let again = to_publish(&mut lab);
    assert!(lab.publish(&again));
    assert_eq!(lab.state(task), State::Done);
}

#[test]
fn what_is_being_published_is_not_called_off() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = delivered(&mut lab, agent, false);
    let candidate = to_build(&mut lab);
    lab.build(&candidate, true);
    assert_eq!(code(lab.cancel(task)), "conflict");
    assert_eq!(code(lab.fail(task)), "conflict");
    let candidate = to_publish(&mut lab);
    lab.publish(&candidate);
    assert_eq!(lab.state(task), State::Done);
}

#[test]
fn cancelling_one_of_a_batch_frees_the_others() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let (a, b) = (
        delivered(&mut lab, agent, false),
        delivered(&mut lab, agent, false),
    );
    let candidate = to_build(&mut lab);
    lab.build(&candidate, false);
    let verify = lab.take(agent);
    lab.cancel(a).unwrap();
    assert_eq!(
        lab.tx.candidates[&candidate.id].state,
        CandidateState::Rejected
    );
    assert_eq!(code(lab.heartbeat(&verify)), "task_cancelled");
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(
        (lab.state(a), lab.state(b)),
        (State::Cancelled, State::Done)
    );
}

#[test]
fn a_candidate_moves_in_line_with_its_task() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = delivered(&mut lab, agent, false);
    let candidate = to_build(&mut lab);
    lab.build(&candidate, false);
    let change = Change {
        priority: Some(5),
        ..Change::default()
    };
    lab.unit(|tx| person::update(tx, task, change)).unwrap();
    assert_eq!(lab.tx.queue[0].priority, 5);
    lab.cancel(task).unwrap();
    assert!(lab.tx.queue.is_empty());
}

#[test]
fn a_verifier_lost_for_the_last_time_holds_nothing() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = delivered(&mut lab, agent, false);
    let candidate = to_build(&mut lab);
    lab.build(&candidate, false);
    while lab.state(task) == State::Integrating {
        lab.take(agent);
        lab.expire();
    }
    let waits = State::Waiting(WaitReason::Attention, ResumeTo::Integrating);
    assert_eq!(lab.state(task), waits);
    lab.unit(|tx| devlab_core::rules::agents::remove(tx, agent))
        .unwrap();
    let agent = lab.able();
    lab.retry(task).unwrap();
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(lab.state(task), State::Done);
}

#[test]
fn a_result_let_go_under_a_cancelled_parent_is_cancelled_if_it_does_not_land() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.goal(&composite("", &[], vec![leaf("a", &[]), leaf("b", &[])]));
    lab.start(goal.id);
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let inner = lab.target(RefName::of_composite(goal.id));
    let TrainStep::Build(candidate) = lab.next(&inner) else {
        panic!("to build")
    };
    lab.build(&candidate, true);
    lab.cancel(goal.id).unwrap();
    assert_eq!(lab.state(id(&goal, "a")), State::Integrating);
    assert_eq!(lab.state(id(&goal, "b")), State::Cancelled);
    lab.push(&inner.branch);
    let TrainStep::Publish(candidate) = lab.next(&inner) else {
        panic!("to publish")
    };
    assert!(!lab.publish(&candidate));
    assert_eq!(lab.state(id(&goal, "a")), State::Cancelled);
}

#[test]
fn a_composite_that_conflicts_gets_a_child_that_merges_its_target() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    lab.start(goal.id);
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let inner = lab.target(RefName::of_composite(goal.id));
    lab.run_train(&inner, agent);
    let candidate = to_build(&mut lab);
    lab.conflict(&candidate, 0);
    assert_eq!(
        (lab.state(goal.id), lab.state(id(&goal, "a"))),
        (State::Running, State::Done)
    );
    let attempt = lab.take(agent);
    assert_eq!(
        attempt.merges.as_ref(),
        lab.refs.get(&candidate.target.branch)
    );
    assert_eq!(attempt.base.as_ref(), lab.refs.get(&inner.branch));
    lab.pass(&attempt);
    let main = lab.main();
    lab.run_train(&inner, agent);
    lab.run_train(&main, agent);
    assert_eq!(lab.state(goal.id), State::Done);
}

/// A goal that waits for its review.
fn in_review(lab: &mut Lab, agent: AgentId) -> TaskId {
    let task = delivered(lab, agent, true);
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(lab.state(task), REVIEW);
    task
}

#[test]
fn an_accepted_result_lands_and_its_patch_is_merged() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = in_review(&mut lab, agent);
    lab.judge(task, Verdict::Accept).unwrap();
    assert_eq!(code(lab.judge(task, Verdict::Accept)), "bad_state");
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(lab.state(task), State::Done);
    assert_eq!(lab.patch_of(task).state, PatchState::Merged);
}

#[test]
fn what_waits_for_a_review_holds_nobody_up() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let waits = in_review(&mut lab, agent);
    let other = delivered(&mut lab, agent, false);
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!((lab.state(waits), lab.state(other)), (REVIEW, State::Done));
}

#[test]
fn a_result_that_needs_a_review_is_verified_alone() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let first = delivered(&mut lab, agent, true);
    delivered(&mut lab, agent, false);
    let candidate = to_build(&mut lab);
    let members: Vec<TaskId> = candidate.entries.iter().map(|e| e.task).collect();
    assert_eq!(members, [first]);
}

#[test]
fn an_accepted_head_is_verified_again_but_not_reviewed_again() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = in_review(&mut lab, agent);
    lab.judge(task, Verdict::Accept).unwrap();
    let candidate = to_build(&mut lab);
    lab.build(&candidate, true);
    lab.push(&candidate.target.branch);
    let candidate = to_publish(&mut lab);
    assert!(!lab.publish(&candidate));
    let candidate = to_build(&mut lab);
    lab.build(&candidate, false);
    let verify = lab.take(agent);
    lab.pass(&verify);
    let candidate = to_publish(&mut lab);
    assert!(lab.publish(&candidate));
    assert_eq!(lab.state(task), State::Done);
}

#[test]
fn an_acceptance_is_for_one_head_only() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = in_review(&mut lab, agent);
    lab.judge(task, Verdict::Accept).unwrap();
    let candidate = to_build(&mut lab);
    lab.conflict(&candidate, 0);
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(lab.state(task), REVIEW);
}

#[test]
fn a_receipt_that_failed_proves_nothing() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let (a, b) = (
        delivered(&mut lab, agent, false),
        delivered(&mut lab, agent, false),
    );
    let batch = to_build(&mut lab);
    lab.build(&batch, false);
    let verify = lab.take(agent);
    let tree = lab.tx.candidates[&batch.id].tree.clone().unwrap();
    lab.fail_check(&verify);
    let single = to_build(&mut lab);
    assert_eq!(single.entries.len(), 1);
    lab.trees.insert(single.entries[0].head.clone(), tree);
    lab.build(&single, true);
    assert_eq!(lab.take(agent).kind, AttemptKind::Verify);
    assert_eq!(
        [lab.state(a), lab.state(b)],
        [State::Integrating, State::Integrating]
    );
}

#[test]
fn a_rejected_result_goes_back_to_work_with_the_words() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = in_review(&mut lab, agent);
    let head = lab.task(task).head.clone();
    lab.judge(task, Verdict::Reject).unwrap();
    assert!(
        matches!(&lab.tx.feedback[&task][..], [Feedback::ChangesRequested { by, .. }] if by == "ada")
    );
    let attempt = lab.take(agent);
    assert_eq!(attempt.prior, head);
    lab.pass(&attempt);
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(
        lab.state(task),
        REVIEW,
        "the new head needs a review of its own"
    );
    assert_ne!(Some(&lab.patch_of(task).head), head.as_ref());
}

#[test]
fn a_verdict_is_for_the_head_that_was_seen() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = in_review(&mut lab, agent);
    let patch = lab.patch_of(task).id;
    let remark = |head, body: &str, verdict| Remark {
        author: "ada".into(),
        body: body.into(),
        verdict,
        head,
        rework: true,
    };
    let other = Some(lab.oid());
    let outdated = remark(other, "fine", Some(Verdict::Accept));
    assert_eq!(
        code(lab.unit(|tx| review::remark(tx, patch, outdated))),
        "outdated"
    );
    let silent = remark(None, " ", Some(Verdict::Reject));
    assert_eq!(
        code(lab.unit(|tx| review::remark(tx, patch, silent))),
        "invalid"
    );
    let note = Remark {
        rework: false,
        ..remark(None, "why?", None)
    };
    assert_eq!(lab.unit(|tx| review::remark(tx, patch, note)).unwrap(), 1);
    assert_eq!(lab.state(task), REVIEW, "a note decides nothing");
}

fn comment(lab: &mut Lab, task: TaskId, words: &str) {
    let patch = lab.patch_of(task).id;
    let remark = Remark {
        author: "ada".into(),
        body: words.into(),
        verdict: None,
        head: None,
        rework: true,
    };
    lab.unit(|tx| review::remark(tx, patch, remark)).unwrap();
}

#[test]
fn a_comment_goes_back_to_work_and_another_one_is_told_to_who_works() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = in_review(&mut lab, agent);
    let head = lab.task(task).head.clone();
    comment(&mut lab, task, "why?");
    assert_eq!(lab.state(task), State::Ready);
    let attempt = lab.take(agent);
    assert_eq!(attempt.prior, head);
    comment(&mut lab, task, "and the docs?");
    let to: Vec<_> = lab.tx.feedback[&task]
        .iter()
        .map(|one| match one {
            Feedback::Message { attempt, .. } => *attempt,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(to, [None, Some(attempt.id)]);
    assert_eq!(lab.pass(&attempt), State::Ready, "the second was not heard");
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(lab.state(task), REVIEW);
}

#[test]
fn a_comment_on_a_composite_is_answered_by_a_child() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let mut new = composite("goal", &[], vec![leaf("a", &[])]);
    new.review = Some(true);
    let goal = lab.goal(&new);
    lab.start_all();
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let branch = lab.target(RefName::of_composite(goal.id));
    lab.run_train(&branch, agent);
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(lab.state(goal.id), REVIEW);
    comment(&mut lab, goal.id, "why?");
    assert_eq!(lab.state(goal.id), State::Running);
    let attempt = lab.take(agent);
    let child = lab.task(attempt.task).clone();
    assert_eq!(child.parent, Some(goal.id));
    assert!(child.told, "its first attempt is told");
    let title = lab.tx.specs[&child.id].title.clone();
    assert!(title.starts_with("Answer the review of"), "{title}");
    comment(&mut lab, goal.id, "and the docs?");
    assert_eq!(lab.tx.feedback[&child.id].len(), 2);
}

#[test]
fn a_change_of_protected_paths_needs_a_review() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = lab.goal(&leaf("a", &[])).id;
    let attempt = lab.take(agent);
    let Outcome::Delivered { result, checks, .. } = lab.outcome(&attempt, true) else {
        panic!("a delivery");
    };
    let protected = true;
    lab.complete(
        &attempt,
        Outcome::Delivered {
            result,
            checks,
            protected,
            heard: 0,
        },
    )
    .unwrap();
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(lab.state(task), REVIEW);
}

#[test]
fn cancelling_what_is_in_review_closes_its_patch() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = in_review(&mut lab, agent);
    lab.cancel(task).unwrap();
    assert_eq!(lab.patch_of(task).state, PatchState::Closed);
    assert_eq!(code(lab.judge(task, Verdict::Accept)), "bad_state");
}

#[test]
fn of_a_repository_that_is_older_the_forge_is_told_of_all_open_patches() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = in_review(&mut lab, agent);
    let mut patch = lab.patch_of(task).clone();
    (patch.told, patch.told_remarks) = (true, 2);
    // More than are read at a time.
    for n in 0..1_200_u32 {
        patch.id = PatchId::new(lab.tx.now, u128::from(n) << 16);
        lab.tx.patches.insert(patch.id, patch.clone());
    }
    patch.id = PatchId::new(lab.tx.now, u128::from(1_200_u32) << 16);
    patch.state = PatchState::Merged;
    lab.tx.patches.insert(patch.id, patch.clone());
    lab.unit(|tx| review::tell_again(tx, patch.project))
        .unwrap();
    let told: Vec<_> = lab.tx.patches.values().filter(|one| one.told).collect();
    assert_eq!(told, [&patch], "one that is not open any more stays told");
    let mut open = lab.tx.patches.values().filter(|one| one.id != patch.id);
    assert!(open.all(|one| one.told_remarks == 0));
}
