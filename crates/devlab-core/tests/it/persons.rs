//! What persons do, and how composites start and end.

use devlab_core::attempt::{Attempt, AttemptState};
use devlab_core::check::{CommandSpec, DriverSpec};
use devlab_core::limits::{FEEDBACK_MAX, MESSAGES_MAX};
use devlab_core::org::ProjectSettings;
use devlab_core::rules::agents::{self, Holding};
use devlab_core::rules::complete::Outcome;
use devlab_core::rules::person;
use devlab_core::rules::schedule::Place;
use devlab_core::rules::stuck;
use devlab_core::rules::tell;
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::task::{Feedback, Proof, Tries};

use crate::graph::id;
use crate::lab::{Lab, check, code, composite, leaf, refusal};
use crate::trains::delivered;

#[test]
fn a_draft_waits_for_its_approval() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let place = Place {
        draft: true,
        ..lab.place(false)
    };
    let goal = lab
        .create(&place, &composite("", &[], vec![leaf("a", &[])]))
        .unwrap();
    assert_eq!(lab.state(goal.id), State::Draft);
    assert_eq!(lab.claim(agent).unwrap(), None);
    let task = lab.task(goal.id).clone();
    assert_eq!(
        stuck::reason(&mut lab.tx, &task).unwrap().unwrap(),
        "it waits for an approval"
    );
    lab.unit(|tx| person::approve(tx, goal.id, "bo", None))
        .unwrap();
    assert_eq!(lab.take(agent).task, id(&goal, "a"));
    assert_eq!(
        code(lab.unit(|tx| person::approve(tx, goal.id, "bo", None))),
        "bad_state"
    );
}

#[test]
fn a_draft_is_judged_by_what_its_project_says_when_it_is_approved() {
    let mut lab = Lab::new(1);
    let place = Place {
        draft: true,
        ..lab.place(true)
    };
    let goal = lab
        .create(&place, &composite("", &[], vec![leaf("a", &[])]))
        .unwrap();
    let mut settings = lab.settings.clone();
    settings.checks.checks.push(check("security"));
    lab.unit(|tx| person::approve(tx, goal.id, "bo", Some(&settings)))
        .unwrap();
    for task in [goal.id, id(&goal, "a")] {
        let set = lab.task(task).check_set.clone();
        assert_eq!(set, Some(settings.checks.hash()));
    }
    // Once it runs, what it is judged by is fixed.
    let none = ProjectSettings::default();
    let again = lab.unit(|tx| person::approve(tx, goal.id, "bo", Some(&none)));
    assert_eq!(code(again), "bad_state");
    let set = lab.task(goal.id).check_set.clone();
    assert_eq!(set, Some(settings.checks.hash()));
}

/// A command that any agent can run.
fn command() -> DriverSpec {
    DriverSpec::Command(CommandSpec {
        argv: vec!["true".to_owned()],
        script: None,
        env: std::collections::BTreeMap::new(),
        timeout_secs: 60,
    })
}

#[test]
fn a_task_that_nobody_can_do_says_what_gives_it_a_driver_and_is_taken_once_it_has_one() {
    let mut lab = Lab::new(1);
    let plain = lab.agent("plain", &[], 1);
    let mut new = leaf("a", &[]);
    new.spec.driver = None;
    let task = lab.goal(&new).id;
    assert_eq!(lab.claim(plain).unwrap(), None);
    let stored = lab.task(task).clone();
    let why = stuck::reason(&mut lab.tx, &stored).unwrap().unwrap();
    let way_out = format!("`devlab task update {task} -- CMD`");
    assert!(why.contains(&way_out), "{why}");

    let change = person::Change {
        driver: Some(command()),
        ..person::Change::default()
    };
    let give = |lab: &mut Lab| lab.unit(|tx| person::update(tx, task, change.clone()));
    give(&mut lab).unwrap();
    let stored = lab.task(task).clone();
    assert_eq!(stuck::reason(&mut lab.tx, &stored).unwrap(), None);
    let attempt = lab.take(plain);
    assert_eq!(attempt.task, task);
    assert_eq!(code(give(&mut lab)), "bad_state");
    // One that could not be started is replaced before the next try.
    lab.fail_to_start(&attempt);
    give(&mut lab).unwrap();
    lab.retry(task).unwrap();
    assert_eq!(lab.take(plain).task, task);
}

#[test]
fn children_wait_until_their_parent_has_its_branch() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    assert_eq!(lab.state(goal.id), State::Ready);
    assert_eq!(lab.state(id(&goal, "a")), State::Blocked);
    let place = Place {
        parent: Some(goal.id),
        ..lab.place(true)
    };
    let late = lab.create(&place, &leaf("late", &[])).unwrap().id;
    assert_eq!(lab.state(late), State::Blocked);
    assert_eq!(lab.claim(agent).unwrap(), None);
    lab.start(goal.id);
    assert_eq!(lab.state(goal.id), State::Running);
    assert_eq!(lab.take(agent).task, id(&goal, "a"));
}

#[test]
fn cancelling_a_composite_ends_everything_below_it() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let inner = composite("b", &[], vec![leaf("c", &[])]);
    let goal = lab.errand(&composite("", &[], vec![leaf("a", &[]), inner]));
    let (one, two) = (lab.take(agent), lab.take(agent));
    lab.cancel(goal.id).unwrap();
    for key in ["a", "b", "b/c"] {
        assert_eq!(lab.state(id(&goal, key)), State::Cancelled, "{key}");
    }
    for attempt in [one, two] {
        assert_eq!(lab.attempt_state(attempt.id), AttemptState::Cancelled);
        assert_eq!(code(lab.heartbeat(&attempt)), "task_cancelled");
    }
    let before = lab.tx.clone();
    lab.cancel(goal.id).unwrap();
    assert!(before == lab.tx, "it stays cancelled");
    assert_eq!(code(lab.fail(goal.id)), "bad_state");
}

#[test]
fn retrying_a_composite_brings_back_what_had_ended_below_it() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let inner = composite("b", &["a"], vec![leaf("c", &[])]);
    let goal = lab.errand(&composite("", &[], vec![leaf("a", &[]), inner]));
    lab.cancel(goal.id).unwrap();
    assert_eq!(code(lab.retry(id(&goal, "a"))), "conflict");
    lab.retry(goal.id).unwrap();
    assert_eq!(lab.state(goal.id), State::Running);
    for key in ["a", "b/c"] {
        let attempt = lab.take(agent);
        assert_eq!(attempt.task, id(&goal, key));
        lab.pass(&attempt);
    }
    assert_eq!(lab.state(goal.id), State::Done);
    assert_eq!(code(lab.retry(goal.id)), "bad_state");
}

#[test]
fn a_parent_ends_without_its_cancelled_children_but_not_without_failed_ones() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.errand(&composite("", &[], vec![leaf("a", &[]), leaf("b", &[])]));
    lab.fail(id(&goal, "a")).unwrap();
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    assert_eq!(lab.state(goal.id), State::Running);
    lab.retry(id(&goal, "a")).unwrap();
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    assert_eq!(lab.state(goal.id), State::Done);
    let other = lab.errand(&composite("", &[], vec![leaf("a", &[]), leaf("b", &[])]));
    lab.cancel(id(&other, "a")).unwrap();
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    assert_eq!(lab.state(other.id), State::Done);
}

#[test]
fn a_parent_whose_children_are_all_cancelled_is_done() {
    let mut lab = Lab::new(1);
    let early = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    lab.cancel(id(&early, "a")).unwrap();
    assert_eq!(lab.state(early.id), State::Ready);
    lab.start(early.id);
    assert_eq!(lab.state(early.id), State::Integrating);
    let late = lab.errand(&composite("", &[], vec![leaf("a", &[])]));
    lab.cancel(id(&late, "a")).unwrap();
    assert_eq!(lab.state(late.id), State::Done);
}

#[test]
fn what_has_no_project_is_done_unproven_with_its_completion() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = lab.errand(&leaf("a", &[])).id;
    let attempt = lab.take(agent);
    assert_eq!(lab.pass(&attempt), State::Done);
    assert_eq!(lab.task(task).proof, Proof::Unproven);
}

#[test]
fn a_parent_takes_no_children_once_its_result_is_settled() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let mut new = composite("", &[], vec![leaf("a", &[]), leaf("b", &[])]);
    new.review = Some(true);
    let goal = lab.goal(&new);
    lab.start(goal.id);
    lab.cancel(id(&goal, "b")).unwrap();
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let place = Place {
        parent: Some(goal.id),
        ..lab.place(true)
    };
    lab.create(&place, &leaf("late", &[])).unwrap();
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let branch = devlab_core::RefName::of_composite(goal.id);
    let (inner, main) = (lab.target(branch), lab.main());
    lab.run_train(&inner, agent);
    assert_eq!(lab.state(goal.id), State::Integrating);
    assert_eq!(code(lab.create(&place, &leaf("later", &[]))), "conflict");
    lab.run_train(&main, agent);
    assert_eq!(
        lab.state(goal.id),
        State::Waiting(WaitReason::Review, ResumeTo::Integrating)
    );
    assert_eq!(code(lab.create(&place, &leaf("later", &[]))), "conflict");
    assert_eq!(code(lab.retry(id(&goal, "b"))), "conflict");
}

#[test]
fn only_what_has_ended_is_archived_with_all_below_it() {
    let mut lab = Lab::new(1);
    let goal = lab.errand(&composite("", &[], vec![leaf("a", &[])]));
    assert_eq!(
        code(lab.unit(|tx| person::archive(tx, goal.id))),
        "bad_state"
    );
    lab.cancel(goal.id).unwrap();
    lab.unit(|tx| person::archive(tx, goal.id)).unwrap();
    assert!(lab.task(id(&goal, "a")).archived);
}

#[test]
fn a_task_without_a_base_stands_in_nobodys_way() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let stuck = lab.goal(&leaf("a", &[])).id;
    let fine = lab.errand(&leaf("b", &[])).id;
    let main = lab.main();
    lab.unit(|tx| tx.set_branch_head(main.project, &main.branch, None))
        .unwrap();
    assert_eq!(lab.take(agent).task, fine);
    let waits = State::Waiting(WaitReason::Attention, ResumeTo::Ready);
    assert_eq!(lab.state(stuck), waits);
}

#[test]
fn a_retried_task_goes_on_from_the_result_that_it_had() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = lab.goal(&leaf("a", &[])).id;
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let head = lab.task(task).head.clone();
    assert!(head.is_some());
    lab.cancel(task).unwrap();
    lab.retry(task).unwrap();
    assert_eq!(lab.take(agent).prior, head);
}

#[test]
fn what_a_person_says_is_heard_by_the_next_attempt() {
    let mut lab = Lab::new(40);
    let able = lab.able();
    let graph = lab.errand(&composite("goal", &[], vec![leaf("a", &[])]));
    let task = graph.below[0].1;
    let attempt = lab.take(able);
    lab.unit(|tx| tell::tell(tx, task, "ada", "mind the gap"))
        .unwrap();
    let said = Feedback::Message {
        by: "ada".into(),
        message: "mind the gap".into(),
        attempt: Some(attempt.id),
        after: 1,
    };
    assert_eq!(lab.tx.feedback[&task], std::slice::from_ref(&said));
    assert_eq!(lab.state(task), State::Running, "work under way goes on");
    lab.fail_driver(&attempt);
    assert_eq!(lab.tx.feedback[&task][0], said, "it is kept");

    let told = |lab: &mut Lab, id, words: &str| {
        let words = words.to_owned();
        code(lab.unit(|tx| tell::tell(tx, id, "ada", &words)))
    };
    assert_eq!(told(&mut lab, graph.id, "x"), "invalid");
    assert_eq!(told(&mut lab, task, " \n"), "invalid");
    lab.cancel(task).unwrap();
    assert_eq!(told(&mut lab, task, "x"), "bad_state");
}

#[test]
fn what_nobody_works_on_any_more_is_told_nothing() {
    let mut lab = Lab::new(40);
    let able = lab.able();
    let task = delivered(&mut lab, able, true);
    let told = |lab: &mut Lab| refusal(lab.unit(|tx| tell::tell(tx, task, "ada", "x"))).to_string();
    let said = told(&mut lab);
    assert!(said.contains("cancel and retry it"), "{said}");
    let main = lab.main();
    lab.run_train(&main, able);
    let said = told(&mut lab);
    assert!(said.contains("`devlab patch comment`"), "{said}");
    assert!(!lab.tx.feedback.contains_key(&task));

    lab.cancel(task).unwrap();
    lab.retry(task).unwrap();
    lab.unit(|tx| tell::tell(tx, task, "ada", "x")).unwrap();
    assert_eq!(lab.tx.feedback[&task].len(), 1);
}

#[test]
fn what_an_attempt_did_not_hear_another_one_does() {
    let mut lab = Lab::new(41);
    let able = lab.able();
    let id = lab.goal(&leaf("a", &[])).id;
    let say = |lab: &mut Lab, words: &str| {
        let words = words.to_owned();
        lab.unit(|tx| tell::tell(tx, id, "ada", &words)).map(drop)
    };
    for number in 2..=FEEDBACK_MAX {
        say(&mut lab, &format!("number {number}")).unwrap();
    }
    say(&mut lab, "before the first").unwrap();
    assert!(lab.task(id).told);
    let more = say(&mut lab, "more than it is told of");
    assert_eq!(code(more), "limit_reached");
    let first = lab.take(able);
    let orders = |lab: &mut Lab, attempt: &Attempt, seen: Option<u32>| {
        let attempt = attempt.id;
        agents::control(&mut lab.tx, able, &[Holding { attempt, seen }]).unwrap()
    };
    assert!(orders(&mut lab, &first, Some(0)).is_empty(), "it knows");
    for number in 1..=MESSAGES_MAX {
        say(&mut lab, &format!("word {number}")).unwrap();
    }
    assert_eq!(code(say(&mut lab, "too much")), "limit_reached");
    assert!(orders(&mut lab, &first, None).is_empty(), "it wants none");
    let told = orders(&mut lab, &first, Some(6)).messages;
    let words: Vec<_> = told
        .iter()
        .map(|one| (one.number, one.message.as_str()))
        .collect();
    assert_eq!(words, [(7, "word 7"), (8, "word 8")]);

    // It has heard all but the last.
    let deliver = |lab: &mut Lab, attempt: &Attempt, all: u32| {
        let mut outcome = lab.outcome(attempt, true);
        if let Outcome::Delivered { heard, .. } = &mut outcome {
            *heard = all;
        }
        lab.complete(attempt, outcome).unwrap()
    };
    assert_eq!(deliver(&mut lab, &first, 7), State::Ready);
    let work = lab.tx.attempts[&first.id].commit.clone();
    assert_eq!(lab.task(id).tries, Tries::default(), "no failure");
    let second = lab.take(able);
    assert_eq!((second.number, second.prior.clone()), (2, work));
    say(&mut lab, "one more").unwrap();
    assert_eq!(deliver(&mut lab, &second, 1), State::Integrating);
}

#[test]
fn side_effects_are_not_repeated_because_of_a_message() {
    let mut lab = Lab::new(42);
    let able = lab.able();
    let mut new = leaf("a", &[]);
    new.side_effects = true;
    let id = lab.errand(&new).id;
    let attempt = lab.take(able);
    lab.unit(|tx| tell::tell(tx, id, "ada", "wait")).unwrap();
    assert_eq!(lab.pass(&attempt), State::Done);
}
