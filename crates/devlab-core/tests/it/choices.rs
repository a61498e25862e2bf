//! Several attempts at once: one of several alternatives is taken.

use devlab_core::TaskId;
use devlab_core::ask::AskKind;
use devlab_core::attempt::{Attempt, AttemptState};
use devlab_core::check::DriverSpec;
use devlab_core::choice::{Alternative, Choice, Choose};
use devlab_core::event::EventKind;
use devlab_core::limits::{ALTERNATIVES_MAX, DEPTH_MAX};
use devlab_core::policy::{Level, Policy};
use devlab_core::provenance::link::{About, Link};
use devlab_core::rules;
use devlab_core::rules::person::{self, Change};
use devlab_core::rules::plan::Running;
use devlab_core::rules::schedule::{NewTask, Place};
use devlab_core::rules::{choice, provenance, stuck};
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::task::{Feedback, Proof};
use devlab_core::train::TrainStep;
use devlab_core::tx::Read as _;
use devlab_core::{AgentId, RefName};

use crate::invariants;
use crate::lab::{Lab, code, composite, leaf, refusal};
use crate::plans::{plan, proposal, task};

const WAITS: State = State::Waiting(WaitReason::Approval, ResumeTo::Integrating);
const ATTENTION: State = State::Waiting(WaitReason::Attention, ResumeTo::Ready);

/// A task that is tried in so many ways.
pub(crate) fn best_of(key: &str, count: usize) -> NewTask {
    NewTask {
        alternatives: vec![Alternative::default(); count],
        ..leaf(key, &[])
    }
}

/// A lab with a goal that is tried in so many ways, which are at work.
fn at_work(count: usize) -> (Lab, AgentId, TaskId, Vec<Attempt>) {
    let mut lab = Lab::new(1);
    let able = lab.able();
    let goal = lab.goal(&best_of("goal", count)).id;
    lab.start_all();
    let attempts: Vec<_> = (0..count).map(|_| lab.take(able)).collect();
    (lab, able, goal, attempts)
}

fn choose(
    lab: &mut Lab,
    goal: TaskId,
    one: TaskId,
) -> devlab_core::Result<devlab_core::task::Task> {
    lab.unit(|tx| choice::choose(tx, goal, one, None, "operator:bo"))
}

/// Lets what was taken and the goal itself go into their targets.
fn publish(lab: &mut Lab, able: AgentId, goal: TaskId) {
    let branch = lab.target(RefName::of_composite(goal));
    lab.run_train(&branch, able);
    let main = lab.main();
    lab.run_train(&main, able);
    invariants::check(&lab.tx, 0);
}

fn wears_out(lab: &mut Lab, able: AgentId, mut attempt: Attempt) {
    while lab.fail_check(&attempt) == State::Ready {
        lab.release();
        attempt = lab.take(able);
    }
}

#[test]
fn the_only_one_that_passes_is_taken_by_nobody() {
    let (mut lab, able, goal, tries) = at_work(3);
    assert_eq!(lab.task(goal).choice, Some(Choice::Open));
    assert_eq!(lab.pass(&tries[0]), WAITS, "the others may still deliver");
    assert_eq!(lab.tx.live().len(), 2, "it holds no slot");
    lab.fail(tries[2].task).unwrap();
    assert_eq!(lab.state(tries[0].task), WAITS);
    wears_out(&mut lab, able, tries[1].clone());
    let chosen = tries[0].task;
    assert_eq!(lab.state(chosen), State::Integrating);
    assert_eq!(lab.task(goal).choice, Some(Choice::Taken(chosen)));
    for other in &tries[1..] {
        assert_eq!(lab.state(other.task), State::Cancelled);
    }
    publish(&mut lab, able, goal);
    let done = lab.task(goal);
    assert_eq!((done.state, done.proof), (State::Done, Proof::Proven));
    let ask = lab.tx.asks(chosen).unwrap().pop().unwrap();
    assert_eq!(ask.kind, AskKind::Choice);
    assert_eq!(ask.answer.unwrap().by, choice::BY_CHECKS);
}

#[test]
fn a_person_chooses_once_among_those_that_passed() {
    let (mut lab, able, goal, tries) = at_work(3);
    assert_eq!(lab.pass(&tries[0]), WAITS);
    assert_eq!(code(choose(&mut lab, goal, tries[2].task)), "conflict");
    assert_eq!(lab.pass(&tries[1]), WAITS);
    wears_out(&mut lab, able, tries[2].clone());
    let why = |lab: &mut Lab, id: TaskId| {
        let task = lab.task(id).clone();
        stuck::reason(&mut lab.tx, &task).unwrap().unwrap()
    };
    assert!(why(&mut lab, goal).contains("somebody has to choose"));
    assert!(why(&mut lab, tries[0].task).contains("devlab task choose"));
    assert_eq!(code(choose(&mut lab, goal, goal)), "invalid");
    assert_eq!(
        code(choose(&mut lab, tries[0].task, tries[0].task)),
        "invalid"
    );

    let (first, second) = (tries[0].task, tries[1].task);
    choose(&mut lab, goal, second).unwrap();
    let before = lab.tx.clone();
    choose(&mut lab, goal, second).unwrap();
    assert!(before == lab.tx, "the same again changes nothing");
    assert_eq!(code(choose(&mut lab, goal, first)), "conflict");
    assert_eq!(code(lab.retry(first)), "conflict");
    let chosen = |kind| kind == EventKind::TaskChosen;
    let events = lab.tx.events.iter().filter(|one| chosen(one.event.kind));
    let events: Vec<_> = events.map(|one| one.event.data.to_string()).collect();
    assert_eq!(events.len(), 1);
    assert!(events[0].contains("operator:bo") && events[0].contains(&second.to_string()));
    publish(&mut lab, able, goal);
    assert_eq!(lab.state(goal), State::Done);
    assert_eq!(lab.state(first), State::Cancelled);
    let standing = choice::standing(&mut lab.tx, goal).unwrap();
    assert_eq!(standing.taken, Some(second));
    assert_eq!(standing.answer.unwrap().by, "operator:bo");
    let heads = standing.alternatives.iter().map(|one| one.head.is_some());
    assert!(heads.eq([true, true, true]), "every one's work is named");
    assert!(standing.alternatives.iter().all(|one| !one.is_choosable));
}

#[test]
fn an_approval_of_an_alternative_is_a_choice() {
    let (mut lab, _, goal, tries) = at_work(2);
    lab.pass(&tries[0]);
    lab.pass(&tries[1]);
    lab.approve_task(tries[1].task).unwrap();
    assert_eq!(lab.task(goal).choice, Some(Choice::Taken(tries[1].task)));
    assert_eq!(lab.state(tries[0].task), State::Cancelled);
    assert_eq!(code(lab.approve_task(tries[0].task)), "bad_state");
}

#[test]
fn policy_may_take_the_first() {
    let mut lab = Lab::new(1);
    let able = lab.able();
    let first = Policy {
        choose: Some(Choose::First),
        ..Policy::default()
    };
    lab.set_policy(Level::Org(lab.org), first).unwrap();
    let goal = lab.goal(&best_of("goal", 3)).id;
    lab.start_all();
    let tries: Vec<_> = (0..2).map(|_| lab.take(able)).collect();
    assert_eq!(lab.pass(&tries[1]), State::Integrating);
    assert_eq!(lab.attempt_state(tries[0].id), AttemptState::Cancelled);
    let late = lab.outcome(&tries[0], true);
    assert_eq!(code(lab.complete(&tries[0], late)), "task_cancelled");
    assert!(lab.claim(able).unwrap().is_none(), "the third never begins");
    publish(&mut lab, able, goal);
    assert_eq!(lab.state(goal), State::Done);
}

#[test]
fn a_person_may_choose_early() {
    let (mut lab, able, goal, tries) = at_work(2);
    lab.pass(&tries[1]);
    choose(&mut lab, goal, tries[1].task).unwrap();
    let late = lab.outcome(&tries[0], true);
    assert_eq!(code(lab.complete(&tries[0], late)), "task_cancelled");
    publish(&mut lab, able, goal);
    assert_eq!(lab.state(goal), State::Done);
}

#[test]
fn what_is_taken_and_called_off_leaves_the_choice_open() {
    let (mut lab, able, goal, tries) = at_work(2);
    lab.pass(&tries[0]);
    lab.pass(&tries[1]);
    let (first, second) = (tries[0].task, tries[1].task);
    choose(&mut lab, goal, first).unwrap();
    lab.cancel(first).unwrap();
    let open = lab.task(goal);
    assert_eq!(
        (open.state, open.choice),
        (State::Running, Some(Choice::Open))
    );
    invariants::check(&lab.tx, 0);
    let reason = lab.task(goal).clone();
    let reason = stuck::reason(&mut lab.tx, &reason).unwrap().unwrap();
    assert!(
        reason.contains("none of its alternatives is left"),
        "{reason}"
    );
    lab.retry(second).unwrap();
    let again = lab.take(able);
    let work = &lab.tx.attempts[&tries[1].id].commit;
    assert_eq!(again.prior, *work, "it goes on from its work");
    assert_eq!(lab.pass(&again), State::Integrating, "the only one");
    publish(&mut lab, able, goal);
    assert_eq!(lab.state(goal), State::Done);
    let (_, links) = provenance::links(&mut lab.tx, goal).unwrap().unwrap();
    let chose = links.iter().filter_map(|link| match link {
        Link::Verdict(verdict) if verdict.about == About::Asked(AskKind::Choice) => {
            (verdict.task == second).then_some(verdict.by.as_str())
        }
        _ => None,
    });
    let chose: Vec<_> = chose.collect();
    assert_eq!(
        chose,
        ["checks"],
        "who took the other one did not choose it"
    );
}

#[test]
fn nothing_is_done_if_none_passes() {
    let (mut lab, able, goal, tries) = at_work(2);
    wears_out(&mut lab, able, tries[0].clone());
    wears_out(&mut lab, able, tries[1].clone());
    assert_eq!(lab.state(tries[0].task), ATTENTION);
    assert_eq!(lab.state(goal), State::Running);
    invariants::check(&lab.tx, 0);
    lab.cancel(tries[0].task).unwrap();
    lab.cancel(tries[1].task).unwrap();
    assert_eq!(
        lab.state(goal),
        State::Running,
        "not done for want of alternatives"
    );
    lab.cancel(goal).unwrap();
    lab.retry(goal).unwrap();
    let again = lab.take(able);
    assert_eq!(
        lab.state(tries[1].task),
        State::Ready,
        "all are tried again"
    );
    lab.pass(&again);
    assert_eq!(lab.state(again.task), WAITS);
    lab.fail(tries[1].task).unwrap();
    publish(&mut lab, able, goal);
    assert_eq!(lab.state(goal), State::Done);
}

#[test]
fn a_goal_that_comes_back_is_mended_without_another_choice() {
    let (mut lab, able, goal, tries) = at_work(2);
    lab.pass(&tries[0]);
    lab.pass(&tries[1]);
    choose(&mut lab, goal, tries[0].task).unwrap();
    let branch = lab.target(RefName::of_composite(goal));
    lab.run_train(&branch, able);
    let main = lab.main();
    let TrainStep::Build(candidate) = lab.next(&main) else {
        panic!("the goal is in its train");
    };
    lab.conflict(&candidate, 0);
    let mends = lab.take(able);
    assert_eq!(lab.task(mends.task).choice, None);
    let told = lab.tx.feedback(mends.task).unwrap();
    assert!(matches!(told[..], [Feedback::Conflict { .. }]), "{told:?}");
    assert_eq!(lab.pass(&mends), State::Integrating);
    publish(&mut lab, able, goal);
    assert_eq!(lab.state(goal), State::Done);
    assert_eq!(lab.state(tries[1].task), State::Cancelled);
}

#[test]
fn a_lost_agent_is_no_end_of_an_alternative() {
    let (mut lab, able, goal, tries) = at_work(2);
    lab.pass(&tries[0]);
    lab.expire();
    assert_eq!(lab.state(tries[1].task), State::Ready);
    assert_eq!(lab.state(tries[0].task), WAITS);
    let again = lab.take(able);
    assert_eq!(lab.pass(&again), WAITS);
    choose(&mut lab, goal, again.task).unwrap();
    publish(&mut lab, able, goal);
    assert_eq!(lab.state(goal), State::Done);
}

#[test]
fn a_plan_that_changes_a_choice_makes_another() {
    let mut lab = Lab::new(1);
    let able = lab.able();
    let mut wanted = task("a", &[]);
    wanted.alternatives = vec![Alternative::default(); 2];
    let id = lab
        .planned(vec![wanted.clone(), task("b", &["a"])])
        .unwrap();
    lab.approve(id, 1, Running::Cancel).unwrap();
    lab.start_all();
    lab.start_all();
    let (one, two) = (lab.take(able), lab.take(able));
    lab.pass(&one);
    lab.pass(&two);
    let choice = lab.task(one.task).parent.unwrap();
    wanted.alternatives.push(Alternative::default());
    let revision = lab.propose(id, vec![wanted, task("b", &["a"])]).unwrap();
    lab.approve(id, revision.number, Running::Cancel).unwrap();
    assert_eq!(lab.state(choice), State::Cancelled);
    assert_eq!(lab.state(one.task), State::Cancelled);
    assert_eq!(code(choose(&mut lab, choice, one.task)), "conflict");
    invariants::check(&lab.tx, 0);
    lab.start_all();
    let again: Vec<_> = (0..3).map(|_| lab.take(able)).collect();
    let now = lab.task(again[0].task).parent.unwrap();
    assert_ne!(now, choice);
    let current = &lab.tx.plans[&id][1].tasks;
    assert_eq!(current["a"], now);
    assert_eq!(current["a/3"], again[2].task);
}

#[test]
fn a_choice_takes_nothing_but_its_alternatives() {
    let (mut lab, _, goal, tries) = at_work(2);
    let place = Place {
        parent: Some(goal),
        ..lab.place(true)
    };
    assert_eq!(code(lab.create(&place, &leaf("more", &[]))), "invalid");
    let edge = lab.add_edge(tries[0].task, tries[1].task);
    assert_eq!(code(edge), "invalid");
    let wanted = proposal(plan(vec![task("a", &[])]), None);
    let proposed = lab.unit(|tx| rules::plan::propose(tx, goal, &wanted));
    assert_eq!(code(proposed), "invalid");
    let errand = lab.place(false);
    assert_eq!(code(lab.create(&errand, &best_of("goal", 2))), "invalid");
}

#[test]
fn what_makes_no_choice_is_refused_where_it_stands() {
    let mut lab = Lab::new(1);
    let place = lab.place(true);
    let mut field = |new: NewTask| match refusal(lab.create(&place, &new)) {
        devlab_core::Refusal::Invalid { field, .. } => field,
        other => other.code().to_owned(),
    };
    let inside = |new: NewTask| composite("goal", &[], vec![leaf("a", &[]), new]);
    assert_eq!(field(inside(best_of("b", 1))), "tasks[1].alternatives");
    let many = best_of("b", ALTERNATIVES_MAX + 1);
    assert_eq!(field(inside(many)), "tasks[1].alternatives");
    let outside = NewTask {
        side_effects: true,
        ..best_of("b", 2)
    };
    assert_eq!(field(inside(outside)), "tasks[1].side_effects");
    let both = NewTask {
        children: vec![leaf("c", &[])],
        ..best_of("b", 2)
    };
    assert_eq!(field(inside(both)), "tasks[1].alternatives");
    let mut untitled = best_of("b", 2);
    untitled.alternatives[1].title = Some(String::new());
    assert_eq!(field(inside(untitled)), "tasks[1].alternatives[1].title");
    let mut deep = best_of("leaf", 2);
    for _ in 0..DEPTH_MAX {
        deep = composite("outer", &[], vec![deep]);
    }
    assert_eq!(field(deep), "limit_reached");
}

#[test]
fn words_that_change_before_the_work_reach_every_alternative() {
    let mut lab = Lab::new(1);
    let able = lab.able();
    let goal = lab.goal(&best_of("goal", 2)).id;
    let second = lab.tx.children(goal).unwrap()[1];
    let own = Change {
        title: Some("my way".into()),
        ..Change::default()
    };
    lab.unit(|tx| person::update(tx, second, own)).unwrap();
    let DriverSpec::Command(mut command) = leaf("any", &[]).spec.driver.unwrap();
    command.argv = vec!["false".into()];
    let driver = DriverSpec::Command(command);
    let change = Change {
        title: Some("another title".into()),
        goal: Some("another".into()),
        driver: Some(driver.clone()),
        ..Change::default()
    };
    lab.unit(|tx| person::update(tx, goal, change)).unwrap();
    lab.start_all();
    for title in ["1 of 2: another title", "my way"] {
        let attempt = lab.take(able);
        let spec = lab.tx.task_spec(attempt.task).unwrap().unwrap();
        assert_eq!(
            (spec.title.as_str(), spec.goal.as_str()),
            (title, "another")
        );
        assert_eq!(spec.driver.as_ref(), Some(&driver));
    }
}

#[test]
fn what_has_changed_since_it_was_looked_at_is_not_taken() {
    let (mut lab, _, goal, tries) = at_work(2);
    lab.pass(&tries[0]);
    let (one, other) = (tries[0].task, tries[1].task);
    let head = lab.task(one).head.clone().unwrap();
    lab.pass(&tries[1]);
    let stale = lab.task(other).head.clone().unwrap();
    let refused = lab.unit(|tx| choice::choose(tx, goal, one, Some(&stale), "bo"));
    assert_eq!(code(refused), "outdated");
    lab.unit(|tx| choice::choose(tx, goal, one, Some(&head), "bo"))
        .unwrap();
}

#[test]
fn who_calls_off_one_that_passed_takes_no_other_by_that() {
    let (mut lab, able, goal, tries) = at_work(3);
    lab.pass(&tries[0]);
    lab.pass(&tries[1]);
    wears_out(&mut lab, able, tries[2].clone());
    lab.cancel(tries[0].task).unwrap();
    assert_eq!(lab.task(goal).choice, Some(Choice::Open));
    assert_eq!(lab.state(tries[1].task), WAITS);
    invariants::check(&lab.tx, 0);
    lab.retry(tries[0].task).unwrap();
    choose(&mut lab, goal, tries[1].task).unwrap();
    assert_eq!(lab.task(goal).choice, Some(Choice::Taken(tries[1].task)));
}
