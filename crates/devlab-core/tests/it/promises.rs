//! A goal's policy that is set later counts for all of its tasks that are not over.

use devlab_core::ask::AskKind;
use devlab_core::choice::{Choice, Choose};
use devlab_core::label::Labels;
use devlab_core::patch::{PatchState, Verdict};
use devlab_core::policy::{Approvals, Level, Policy, Reviews, Verifier};
use devlab_core::provenance::link::Link;
use devlab_core::rules::complete::Outcome;
use devlab_core::rules::provenance;
use devlab_core::rules::schedule::NewTask;
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::train::{Candidate, CandidateState, TrainStep};
use devlab_core::{AgentId, RefName, TaskId};

use crate::choices::best_of;
use crate::graph::id;
use crate::invariants;
use crate::lab::{Lab, code, composite, leaf};
use crate::trains::delivered;

const START: State = State::Waiting(WaitReason::Approval, ResumeTo::Ready);
const PUBLICATION: State = State::Waiting(WaitReason::Approval, ResumeTo::Integrating);
const REVIEW: State = State::Waiting(WaitReason::Review, ResumeTo::Integrating);

fn publication(wanted: bool) -> Policy {
    Policy {
        approvals: Approvals {
            publication: Some(wanted),
            ..Approvals::default()
        },
        ..Policy::default()
    }
}

fn reviews(reviews: Reviews) -> Policy {
    Policy {
        reviews: Some(reviews),
        ..Policy::default()
    }
}

fn before_tasks(sets: &[&str]) -> Policy {
    let sets = sets.iter().map(|label| Labels::new([label]).unwrap());
    Policy {
        approvals: Approvals {
            tasks: Some(sets.collect()),
            ..Approvals::default()
        },
        ..Policy::default()
    }
}

fn of_goal(lab: &mut Lab, goal: TaskId, policy: Policy) {
    let seen = lab.tx.events.len();
    lab.set_policy(Level::Goal(goal), policy).unwrap();
    invariants::check(&lab.tx, seen);
}

fn main_train(lab: &mut Lab, agent: AgentId) {
    let main = lab.main();
    lab.run_train(&main, agent);
}

/// Two goals of which one candidate is being verified, or is on its way into its target.
fn together(is_proven: bool) -> (Lab, AgentId, [TaskId; 2], Candidate) {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goals = [(); 2].map(|()| delivered(&mut lab, agent, false));
    let main = lab.main();
    let TrainStep::Build(candidate) = lab.next(&main) else {
        panic!("a candidate");
    };
    assert_eq!(candidate.entries.len(), 2);
    lab.build(&candidate, false);
    if is_proven {
        let verify = lab.take(agent);
        lab.pass(&verify);
    }
    (lab, agent, goals, candidate)
}

#[test]
fn a_publication_that_has_to_be_approved_from_now_on_leaves_the_batch_that_is_verified() {
    for policy in [publication(true), reviews(Reviews::Goals)] {
        let (mut lab, agent, [one, other], candidate) = together(false);
        let waits = match policy.reviews {
            None => PUBLICATION,
            Some(_) => REVIEW,
        };
        of_goal(&mut lab, one, policy);
        let state = lab.tx.candidates[&candidate.id].state;
        assert_eq!(state, CandidateState::Rejected);
        main_train(&mut lab, agent);
        assert_eq!((lab.state(one), lab.state(other)), (waits, State::Done));
    }
}

#[test]
fn what_is_being_published_is_asked_about_only_if_it_does_not_get_there() {
    for moves in [false, true] {
        let (mut lab, agent, [one, other], _) = together(true);
        of_goal(&mut lab, one, publication(true));
        let main = lab.main();
        if moves {
            lab.push(&main.branch);
        }
        let TrainStep::Publish(candidate) = lab.next(&main) else {
            panic!("on its way");
        };
        assert_eq!(lab.publish(&candidate), !moves);
        main_train(&mut lab, agent);
        let waits = if moves { PUBLICATION } else { State::Done };
        assert_eq!((lab.state(one), lab.state(other)), (waits, State::Done));
    }
}

#[test]
fn a_publication_that_nobody_has_to_approve_any_more_goes_on() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.set_policy(Level::Org(lab.org), publication(true))
        .unwrap();
    let goal = delivered(&mut lab, agent, false);
    main_train(&mut lab, agent);
    assert_eq!(lab.state(goal), PUBLICATION);
    of_goal(&mut lab, goal, publication(false));
    main_train(&mut lab, agent);
    assert_eq!(lab.state(goal), State::Done);
}

fn labelled(key: &str, label: &str) -> NewTask {
    NewTask {
        requires: Labels::new([label]).unwrap(),
        ..leaf(key, &[])
    }
}

#[test]
fn what_is_ready_waits_for_its_approval_and_goes_on_when_nobody_has_to_give_it() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let tasks = vec![labelled("held", "gpu"), labelled("free", "linux")];
    let goal = lab.errand(&composite("", &[], tasks));
    let (held, free) = (id(&goal, "held"), id(&goal, "free"));
    of_goal(&mut lab, goal.id, before_tasks(&["gpu"]));
    assert_eq!(lab.state(held), START);
    assert_eq!(lab.tx.asks[&held][0].kind, AskKind::Start);
    assert_eq!(lab.take(agent).task, free);
    assert_eq!(lab.claim(agent).unwrap(), None);
    of_goal(&mut lab, goal.id, before_tasks(&[]));
    assert_eq!(lab.take(agent).task, held);
}

#[test]
fn what_is_at_work_is_asked_about_before_its_next_try() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.errand(&labelled("", "gpu")).id;
    let attempt = lab.take(agent);
    of_goal(&mut lab, goal, before_tasks(&["gpu"]));
    assert_eq!(lab.state(goal), State::Running, "it goes on");
    lab.fail_driver(&attempt);
    lab.release();
    assert_eq!(lab.claim(agent).unwrap(), None);
    assert_eq!(lab.state(goal), START);
    lab.approve_task(goal).unwrap();
    let attempt = lab.take(agent);
    lab.fail_driver(&attempt);
    lab.release();
    assert_eq!(lab.take(agent).task, goal, "what was approved stays so");
}

#[test]
fn whoever_was_lost_at_work_comes_back_until_somebody_else_would_begin() {
    for claims in [false, true] {
        let mut lab = Lab::new(1);
        let agent = lab.able();
        let goal = lab.errand(&labelled("", "gpu")).id;
        let attempt = lab.take(agent);
        lab.expire();
        of_goal(&mut lab, goal, before_tasks(&["gpu"]));
        if claims {
            assert_eq!(lab.claim(agent).unwrap(), None);
            assert_eq!(lab.state(goal), START);
            assert_eq!(code(lab.heartbeat(&attempt)), "stale_attempt");
        } else {
            lab.heartbeat(&attempt).unwrap();
            assert_eq!(lab.state(goal), State::Running);
        }
    }
}

#[test]
fn a_review_that_is_wanted_from_now_on_comes_before_the_merge_and_shows_its_size() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = delivered(&mut lab, agent, false);
    let main = lab.main();
    let TrainStep::Build(candidate) = lab.next(&main) else {
        panic!("a candidate");
    };
    lab.build(&candidate, false);
    of_goal(&mut lab, goal, reviews(Reviews::All));
    let TrainStep::Build(again) = lab.next(&main) else {
        panic!("it is built again");
    };
    lab.build(&again, false);
    let sized = &lab.tx.candidates[&again.id].entries[0];
    assert!(sized.stat.is_some());
    main_train(&mut lab, agent);
    assert_eq!(lab.state(goal), REVIEW);
    lab.judge(goal, Verdict::Accept).unwrap();
    main_train(&mut lab, agent);
    assert_eq!(lab.state(goal), State::Done);
}

#[test]
fn the_most_specific_policy_takes_a_review_away_unless_somebody_asked_for_it() {
    for (asked, waits) in [
        (None, State::Done),
        (Some(false), State::Done),
        (Some(true), REVIEW),
    ] {
        let mut lab = Lab::new(1);
        let agent = lab.able();
        let all = reviews(Reviews::All);
        lab.set_policy(Level::Org(lab.org), all.clone()).unwrap();
        let new = NewTask {
            review: asked,
            ..leaf("", &[])
        };
        let [goal, draft] = [false, true].map(|draft| {
            let mut place = lab.place(true);
            place.draft = draft;
            lab.create(&place, &new).unwrap().id
        });
        let attempt = lab.take(agent);
        lab.pass(&attempt);
        main_train(&mut lab, agent);
        assert_eq!(lab.state(goal), REVIEW);
        for id in [goal, draft] {
            of_goal(&mut lab, id, reviews(Reviews::Asked));
        }
        lab.approve_task(draft).unwrap();
        let kept = asked == Some(true);
        assert_eq!(lab.task(draft).review, kept, "{asked:?}");
        main_train(&mut lab, agent);
        assert_eq!(lab.state(goal), waits, "{asked:?}");
        let patch = lab.patch_of(goal).state;
        let open = if kept {
            PatchState::Open
        } else {
            PatchState::Merged
        };
        assert_eq!(patch, open);
    }
}

#[test]
fn a_change_of_protected_paths_is_reviewed_whatever_a_policy_takes_away() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.goal(&leaf("", &[])).id;
    let attempt = lab.take(agent);
    let Outcome::Delivered { result, checks, .. } = lab.outcome(&attempt, true) else {
        panic!("a delivery");
    };
    let delivered = Outcome::Delivered {
        result,
        checks,
        protected: true,
        heard: 0,
    };
    lab.complete(&attempt, delivered).unwrap();
    of_goal(&mut lab, goal, reviews(Reviews::Asked));
    main_train(&mut lab, agent);
    assert_eq!(lab.state(goal), REVIEW);
}

#[test]
fn the_alternative_that_passed_first_is_taken_once_policy_says_so() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.goal(&best_of("goal", 3)).id;
    lab.start_all();
    let attempts = [(); 3].map(|()| lab.take(agent));
    lab.pass(&attempts[1]);
    let first = Policy {
        choose: Some(Choose::First),
        ..Policy::default()
    };
    of_goal(&mut lab, goal, first);
    let taken = Choice::Taken(attempts[1].task);
    assert_eq!(lab.task(goal).choice, Some(taken));
    assert_eq!(lab.state(attempts[0].task), State::Cancelled);
}

#[test]
fn an_attempt_states_what_policy_promised_when_it_was_claimed() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    lab.start_all();
    let attempt = lab.take(agent);
    let policy = Policy {
        verifier: Some(Verifier::Other),
        ..Policy::default()
    };
    of_goal(&mut lab, goal.id, policy);
    lab.pass(&attempt);
    let other = lab.able_too("other");
    let branch = lab.target(RefName::of_composite(goal.id));
    lab.run_train(&branch, other);
    main_train(&mut lab, other);
    assert_eq!(lab.state(goal.id), State::Done);
    let (_, links) = provenance::links(&mut lab.tx, goal.id).unwrap().unwrap();
    let mut told = links.iter().filter_map(|link| match link {
        Link::Task(task) => Some((&task.policy, task.earlier.as_slice())),
        _ => None,
    });
    let (now, earlier) = told.next().unwrap();
    let ran = links.iter().find_map(|link| match link {
        Link::Attempt(attempt) => Some(&attempt.policy),
        _ => None,
    });
    assert_eq!(earlier, [ran.unwrap().clone()]);
    assert_ne!(Some(now), ran);
    let stored = lab.tx.attempts[&attempt.id].terms.as_ref();
    assert_eq!(stored, ran);
}
