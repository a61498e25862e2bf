//! Agents ask, people answer.

use devlab_core::ask::{AskKind, Reply};
use devlab_core::attempt::AttemptState;
use devlab_core::event::EventKind;
use devlab_core::limits::{FEEDBACK_MAX, QUESTIONS_MAX};
use devlab_core::policy::{Concurrency, Level, Policy};
use devlab_core::rules::complete::Outcome;
use devlab_core::rules::{ask, tell};
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::task::Feedback;
use devlab_core::tx::Read as _;

use crate::lab::{Lab, code, leaf, refusal};

const QUESTION: State = State::Waiting(WaitReason::Question, ResumeTo::Ready);
const PERMISSION: State = State::Waiting(WaitReason::Permission, ResumeTo::Ready);
const ATTENTION: State = State::Waiting(WaitReason::Attention, ResumeTo::Ready);

fn words(text: &str) -> Reply {
    Reply::Words(text.to_owned())
}

#[test]
fn a_question_holds_nothing_and_the_next_attempt_goes_on_with_its_answer() {
    let mut lab = Lab::new(1);
    let able = lab.able();
    let limits = Policy {
        concurrency: Concurrency {
            total: Some(1),
            ..Concurrency::default()
        },
        ..Policy::default()
    };
    lab.set_policy(Level::Org(lab.org), limits).unwrap();
    let id = lab.goal(&leaf("a", &[])).id;
    let attempt = lab.take(able);
    assert_eq!(lab.ask(&attempt), QUESTION);
    let asked = &lab.tx.attempts[&attempt.id];
    assert_eq!(asked.state, AttemptState::Asked);
    assert_eq!(asked.failure, None);
    assert!(asked.commit.is_some());
    let (work, task) = (asked.commit.clone(), lab.task(id).clone());
    assert_eq!((task.live, task.prior), (None, work.clone()));
    assert_eq!(task.tries, devlab_core::task::Tries::default());
    // Its place is free, and its lease is over.
    let other = lab.goal(&leaf("b", &[])).id;
    let next = lab.take(able);
    assert_eq!(next.task, other);
    lab.pass(&next);
    assert_eq!(lab.expire(), 0);
    assert_eq!(lab.state(id), QUESTION);

    let task = lab.task(id).clone();
    let open = ask::open_question(&mut lab.tx, &task).unwrap().unwrap();
    assert_eq!((open.number, open.attempt), (1, Some(attempt.id)));
    lab.answer(id, &Reply::Choice(2)).unwrap();
    assert_eq!(ask::answers(&mut lab.tx, id).unwrap().len(), 1);
    let answer = lab.tx.asks(id).unwrap().pop().unwrap().answer.unwrap();
    assert_eq!(
        (answer.by.as_str(), answer.text.as_str()),
        ("operator:bo", "that")
    );
    let again = lab.take(able);
    assert_eq!(
        (again.task, again.number, again.prior.clone()),
        (id, 2, work)
    );
    let kinds = lab.tx.events.iter().map(|stored| stored.event.kind);
    let kinds: Vec<_> = kinds
        .filter(|kind| matches!(kind, EventKind::TaskAsked | EventKind::TaskAnswered))
        .collect();
    assert_eq!(kinds, [EventKind::TaskAsked, EventKind::TaskAnswered]);
    assert_eq!(lab.pass(&again), State::Integrating);
}

#[test]
fn a_task_asks_only_so_often() {
    let mut lab = Lab::new(2);
    let able = lab.able();
    let id = lab.goal(&leaf("a", &[])).id;
    for number in 1..=QUESTIONS_MAX {
        let attempt = lab.take(able);
        assert_eq!(lab.ask(&attempt), QUESTION, "{number}");
        lab.answer(id, &words("so")).unwrap();
    }
    let attempt = lab.take(able);
    assert_eq!(lab.ask(&attempt), ATTENTION);
    assert_eq!(lab.tx.asks(id).unwrap().len(), QUESTIONS_MAX);
    let work = lab.tx.attempts[&attempt.id].commit.clone();
    assert_eq!(lab.task(id).prior, work, "what it has done is kept");
    let said = lab.tx.feedback[&id].last();
    assert!(
        matches!(said, Some(Feedback::DriverFailed { log_tail, .. }) if log_tail == "what of 9?")
    );
    lab.retry(id).unwrap();
    let attempt = lab.take(able);
    assert_eq!(lab.pass(&attempt), State::Integrating);
}

#[test]
fn what_an_attempt_was_told_does_not_wait_for_the_next_one() {
    let mut lab = Lab::new(7);
    let able = lab.able();
    let id = lab.goal(&leaf("a", &[])).id;
    let say = |lab: &mut Lab| {
        lab.unit(|tx| tell::tell(tx, id, "ada", "mind the gap"))
            .map(drop)
    };
    for round in 1..=3 {
        for _ in 0..FEEDBACK_MAX {
            say(&mut lab).unwrap();
        }
        assert_eq!(code(say(&mut lab)), "limit_reached", "round {round}");
        let attempt = lab.take(able);
        assert_eq!(lab.ask(&attempt), QUESTION);
        lab.answer(id, &words("yes")).unwrap();
    }
}

#[test]
fn only_what_is_asked_is_answered() {
    let mut lab = Lab::new(3);
    let able = lab.able();
    let id = lab.goal(&leaf("a", &[])).id;
    let says = |lab: &mut Lab, number: Option<u32>, reply: Reply| {
        let unit = lab.unit(|tx| ask::answer(tx, id, "ada", number, &reply));
        code(unit)
    };
    assert_eq!(says(&mut lab, None, words("x")), "bad_state");
    let attempt = lab.take(able);
    assert_eq!(says(&mut lab, None, words("x")), "bad_state");
    lab.ask(&attempt);
    assert_eq!(says(&mut lab, Some(2), words("x")), "outdated");
    assert_eq!(says(&mut lab, None, Reply::Choice(3)), "invalid");
    assert_eq!(says(&mut lab, None, words(" ")), "invalid");
    lab.cancel(id).unwrap();
    let refused = refusal(lab.answer(id, &words("x"))).to_string();
    assert!(refused.contains("cancelled"), "{refused}");
    assert!(refused.contains("it asks nothing"), "{refused}");

    // Tried again, it does not wait for what was asked before it was called off.
    lab.retry(id).unwrap();
    let attempt = lab.take(able);
    assert_eq!(says(&mut lab, Some(1), words("x")), "bad_state");
    lab.ask(&attempt);
    assert_eq!(says(&mut lab, Some(1), words("x")), "outdated");
    lab.unit(|tx| ask::answer(tx, id, "ada", Some(2), &words("x")))
        .unwrap();
    let attempt = lab.take(able);
    lab.pass(&attempt);
    assert_eq!(says(&mut lab, None, words("x")), "bad_state");
}

#[test]
fn a_permission_is_a_yes_or_a_no_and_a_cancelled_task_asks_nothing() {
    let mut lab = Lab::new(4);
    let able = lab.able();
    let id = lab.errand(&leaf("a", &[])).id;
    let attempt = lab.take(able);
    let asked = lab.asking(&attempt, AskKind::Permission);
    assert_eq!(lab.complete(&attempt, asked.clone()).unwrap(), PERMISSION);
    let before = lab.tx.clone();
    assert_eq!(lab.complete(&attempt, asked).unwrap(), PERMISSION);
    assert!(before == lab.tx, "asked twice");
    lab.answer(id, &Reply::Choice(1)).unwrap();
    let answer = lab.tx.asks(id).unwrap().pop().unwrap().answer.unwrap();
    assert_eq!(answer.text, "yes");

    let attempt = lab.take(able);
    let wrong = lab.asking(&attempt, AskKind::Start);
    assert_eq!(code(lab.complete(&attempt, wrong)), "invalid");
    let Outcome::Asked { question, .. } = lab.asking(&attempt, AskKind::Question) else {
        panic!("it asks");
    };
    let work = Some(lab.oid());
    let wrong = Outcome::Asked { work, question };
    assert_eq!(code(lab.complete(&attempt, wrong)), "invalid");
    lab.cancel(id).unwrap();
    let asked = lab.asking(&attempt, AskKind::Question);
    assert_eq!(code(lab.complete(&attempt, asked)), "task_cancelled");
}
