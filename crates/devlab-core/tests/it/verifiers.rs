//! A policy that wants results verified by another agent than the one that made them.

use devlab_core::attempt::{AttemptKind, AttemptState};
use devlab_core::policy::{Level, Policy, Verifier};
use devlab_core::provenance::link::Link;
use devlab_core::rules::claim;
use devlab_core::rules::{provenance, stuck};
use devlab_core::state::State;
use devlab_core::train::{CandidateState, TrainStep};
use devlab_core::tx::Effect;
use devlab_core::{AgentId, RefName, TaskId};

use crate::graph::id;
use crate::invariants;
use crate::lab::{Lab, composite, leaf};
use crate::trains::delivered;

fn says(verifier: Verifier) -> Policy {
    Policy {
        verifier: Some(verifier),
        ..Policy::default()
    }
}

/// A lab in which somebody else has to verify.
fn strict() -> (Lab, AgentId) {
    let mut lab = Lab::new(1);
    lab.set_policy(Level::Org(lab.org), says(Verifier::Other))
        .unwrap();
    let able = lab.able();
    (lab, able)
}

/// Builds what is next in the train of the default branch, on the tree of the first result.
fn build(lab: &mut Lab) -> usize {
    let main = lab.main();
    let TrainStep::Build(candidate) = lab.next(&main) else {
        panic!("a candidate");
    };
    lab.build(&candidate, true);
    invariants::check(&lab.tx, lab.tx.events.len());
    candidate.entries.len()
}

fn why(lab: &mut Lab, id: TaskId) -> Option<String> {
    let task = lab.task(id).clone();
    stuck::reason(&mut lab.tx, &task).unwrap()
}

#[test]
fn the_checks_of_whoever_made_it_let_nothing_in() {
    let (mut lab, author) = strict();
    let goal = delivered(&mut lab, author, false);
    lab.tx.effects.clear();
    build(&mut lab);
    assert_eq!(lab.state(goal), State::Integrating);
    let others = |effect: &Effect| matches!(effect, Effect::ReadyBut(_, _, not) if *not == author);
    assert!(lab.tx.effects.iter().any(others), "another one is woken");
    assert_eq!(lab.claim(author).unwrap(), None);
    let said = why(&mut lab, goal).unwrap();
    let wanted = "another agent than able, which made it, and no other one of its org is online";
    assert!(said.contains(wanted), "{said}");

    let other = lab.able_too("other");
    assert_eq!(why(&mut lab, goal), None);
    let verify = lab.take(other);
    assert_eq!(verify.kind, AttemptKind::Verify);
    lab.pass(&verify);
    let main = lab.main();
    lab.run_train(&main, author);
    assert_eq!(lab.state(goal), State::Done);

    let (_, links) = provenance::links(&mut lab.tx, goal).unwrap().unwrap();
    let verifiers = links.iter().rev().find_map(|link| match link {
        Link::Receipts(link) => Some(link.receipts.iter().map(|r| r.verifier)),
        _ => None,
    });
    assert_eq!(verifiers.unwrap().collect::<Vec<_>>(), [other]);
}

#[test]
fn without_such_a_policy_they_do() {
    let mut lab = Lab::new(1);
    let author = lab.able();
    let goal = delivered(&mut lab, author, false);
    let main = lab.main();
    lab.run_train(&main, author);
    assert_eq!(lab.state(goal), State::Done);
}

#[test]
fn an_author_passes_by_and_does_what_comes_after() {
    let (mut lab, author) = strict();
    delivered(&mut lab, author, false);
    build(&mut lab);
    let next = lab.goal(&leaf("", &[])).id;
    assert_eq!(lab.take(author).task, next);
    let other = lab.able_too("other");
    assert_eq!(lab.take(other).kind, AttemptKind::Verify);
}

#[test]
fn two_that_made_one_each_can_verify_the_other_one() {
    let (mut lab, one) = strict();
    let other = lab.able_too("other");
    let goals = [one, one, other].map(|agent| delivered(&mut lab, agent, false));
    assert_eq!(build(&mut lab), 2, "those of one author");
    assert_eq!(lab.claim(one).unwrap(), None);
    let verify = lab.take(other);
    lab.pass(&verify);
    let main = lab.main();
    let TrainStep::Publish(candidate) = lab.next(&main) else {
        panic!("proven");
    };
    lab.publish(&candidate);
    assert_eq!(build(&mut lab), 1);
    assert_eq!(lab.claim(other).unwrap(), None);
    let verify = lab.take(one);
    lab.pass(&verify);
    lab.run_train(&main, one);
    assert!(goals.iter().all(|goal| lab.state(*goal) == State::Done));
}

#[test]
fn what_was_verified_in_its_parts_has_no_author() {
    let (mut lab, author) = strict();
    let goal = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    lab.start_all();
    let attempt = lab.take(author);
    lab.pass(&attempt);
    let branch = lab.target(RefName::of_composite(goal.id));
    let TrainStep::Build(candidate) = lab.next(&branch) else {
        panic!("a candidate");
    };
    lab.build(&candidate, true);
    let said = why(&mut lab, goal.id).unwrap();
    let child = id(&goal, "a");
    let wanted = format!("nothing below it can move: {child} is integrating, but a policy wants");
    assert!(said.starts_with(&wanted), "{said}");
    let other = lab.able_too("other");
    lab.run_train(&branch, other);
    let main = lab.main();
    lab.run_train(&main, author);
    assert_eq!(lab.state(goal.id), State::Done);
}

#[test]
fn a_policy_that_comes_later_counts_for_what_is_being_verified() {
    let mut lab = Lab::new(1);
    let author = lab.able();
    let goal = delivered(&mut lab, author, false);
    let main = lab.main();
    let TrainStep::Build(candidate) = lab.next(&main) else {
        panic!("a candidate");
    };
    lab.build(&candidate, false);
    let own = lab.take(author);
    lab.set_policy(Level::Goal(goal), says(Verifier::Other))
        .unwrap();
    assert_eq!(lab.attempt_state(own.id), AttemptState::Cancelled);
    build(&mut lab);
    assert_eq!(lab.claim(author).unwrap(), None);

    lab.set_policy(Level::Goal(goal), says(Verifier::Any))
        .unwrap();
    build(&mut lab);
    lab.run_train(&main, author);
    assert_eq!(lab.state(goal), State::Done);
    let left = lab.tx.candidates.values();
    let left: Vec<_> = left
        .filter(|c| c.state != CandidateState::Rejected)
        .collect();
    assert_eq!(left.len(), 1, "the others were given up: {left:?}");
}

#[test]
fn a_slot_that_is_the_only_one_has_no_work_in_what_its_agent_may_not_take() {
    let (mut lab, author) = strict();
    delivered(&mut lab, author, false);
    build(&mut lab);
    let labels = lab.tx.agents[&author].labels.clone();
    for (agents, wanted) in [(1, false), (2, true)] {
        let found = claim::has_work(&mut lab.tx, lab.org, &labels, "local", agents);
        assert_eq!(found.unwrap(), wanted);
    }
}
