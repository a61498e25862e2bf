//! Claims, leases, failures and how often they are forgiven.

use devlab_core::attempt::AttemptState;
use devlab_core::limits::{CHECK_RETRIES_MAX, DRIVER_RETRIES_MAX, LOST_RETRIES_MAX};
use devlab_core::rules::agents::{self, Holding};
use devlab_core::rules::complete::Outcome;
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::task::Feedback;
use devlab_core::{AttemptId, attempt::Attempt};

use crate::lab::{Lab, code, leaf};

const ATTENTION: State = State::Waiting(WaitReason::Attention, ResumeTo::Ready);

/// How often something may happen to a task until a person has to look.
fn tries(new: &devlab_core::rules::schedule::NewTask, what: fn(&mut Lab, &Attempt)) -> u8 {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = lab.goal(new).id;
    for times in 1..=u8::MAX {
        let attempt = lab.take(agent);
        what(&mut lab, &attempt);
        if lab.state(task) == ATTENTION {
            lab.release();
            assert_eq!(lab.claim(agent).unwrap(), None, "it waits for a person");
            return times;
        }
        assert_eq!(lab.state(task), State::Ready);
        lab.release();
    }
    panic!("it is tried for ever");
}

fn lose(lab: &mut Lab, _: &Attempt) {
    assert_eq!(lab.expire(), 1);
}

#[test]
fn each_kind_of_failure_has_its_own_limit() {
    let new = leaf("a", &[]);
    assert_eq!(
        tries(&new, |lab, a| drop_state(lab.fail_check(a))),
        CHECK_RETRIES_MAX + 1
    );
    assert_eq!(
        tries(&new, |lab, a| drop_state(lab.fail_driver(a))),
        DRIVER_RETRIES_MAX + 1
    );
    assert_eq!(
        tries(&new, |lab, a| drop_state(lab.fail_to_start(a))),
        1,
        "a program that is not there is not there next time either"
    );
    assert_eq!(
        tries(&new, |lab, a| drop_state(lab.give_up(a))),
        LOST_RETRIES_MAX + 1
    );
    assert_eq!(tries(&new, lose), LOST_RETRIES_MAX + 1);
}

fn drop_state(_: State) {}

#[test]
fn a_clock_that_went_back_holds_no_task_up() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = lab.goal(&leaf("a", &[])).id;
    let attempt = lab.take(agent);
    drop_state(lab.fail_driver(&attempt));
    assert_eq!(lab.release_now(), 0, "its back-off has just begun");
    lab.set_clock_back(std::time::Duration::from_secs(3600));
    assert_eq!(lab.release_now(), 1, "it does not wait for an hour");
    assert_eq!(lab.take(agent).task, task);
}

#[test]
fn side_effects_are_never_repeated_by_themselves() {
    let mut new = leaf("a", &[]);
    new.side_effects = true;
    assert_eq!(tries(&new, |lab, a| drop_state(lab.fail_check(a))), 1);
    assert_eq!(tries(&new, |lab, a| drop_state(lab.fail_driver(a))), 1);
    assert_eq!(tries(&new, |lab, a| drop_state(lab.give_up(a))), 1);
    assert_eq!(tries(&new, lose), 1);
}

#[test]
fn an_agent_with_side_effects_may_come_back_while_a_person_is_asked() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let mut new = leaf("a", &[]);
    new.side_effects = true;
    let task = lab.errand(&new).id;
    let attempt = lab.take(agent);
    lab.expire();
    assert_eq!(lab.state(task), ATTENTION);
    assert_eq!(lab.pass(&attempt), State::Done);
}

#[test]
fn a_lost_attempt_comes_back_before_the_next_claim_and_not_after() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = lab.errand(&leaf("a", &[])).id;
    let first = lab.take(agent);
    lab.expire();
    assert_eq!(lab.state(task), State::Ready);
    assert_eq!(lab.heartbeat(&first).unwrap(), State::Running);
    assert_eq!(lab.claim(agent).unwrap(), None, "it was taken back");
    lab.expire();
    lab.release();
    let second = lab.take(agent);
    assert_eq!(second.number, 2);
    assert_eq!(lab.attempt_state(first.id), AttemptState::Superseded);
    assert_eq!(code(lab.heartbeat(&first)), "stale_attempt");
    let outcome = lab.outcome(&first, true);
    assert_eq!(code(lab.complete(&first, outcome)), "stale_attempt");
    assert_eq!(lab.pass(&second), State::Done);
}

#[test]
fn a_lease_lasts_its_term_after_each_heartbeat() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.errand(&leaf("a", &[]));
    let attempt = lab.take(agent);
    assert_eq!(attempt.lease_until, lab.tx.now.plus(lab.cfg.lease_term));
    let cfg = lab.cfg;
    let expire = |lab: &mut Lab| lab.unit(|tx| devlab_core::rules::lease::expire(tx, &cfg, 10));
    lab.advance(cfg.lease_term - std::time::Duration::from_millis(1));
    assert_eq!(expire(&mut lab).unwrap(), 0);
    lab.heartbeat(&attempt).unwrap();
    lab.advance(cfg.lease_term - std::time::Duration::from_millis(1));
    assert_eq!(expire(&mut lab).unwrap(), 0);
    lab.advance(std::time::Duration::from_millis(1));
    assert_eq!(expire(&mut lab).unwrap(), 1);
}

#[test]
fn a_failed_task_backs_off_and_then_comes_again() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = lab.goal(&leaf("a", &[])).id;
    let attempt = lab.take(agent);
    lab.fail_check(&attempt);
    assert_eq!(lab.claim(agent).unwrap(), None);
    let first = lab.cfg.backoff_first;
    let delay = lab.task(task).not_before.unwrap().since(lab.tx.now);
    assert!(
        delay >= first * 3 / 4 && delay <= first * 5 / 4,
        "{delay:?}"
    );
    assert_eq!(lab.release(), 1);
    let again = lab.take(agent);
    assert_eq!(
        again.prior, lab.tx.attempts[&attempt.id].commit,
        "it goes on from there"
    );
    assert!(matches!(
        lab.tx.feedback[&task][..],
        [Feedback::CheckFailed {
            on_target: false,
            ..
        }]
    ));
}

#[test]
fn an_attempt_of_another_task_is_stale() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.errand(&leaf("a", &[]));
    lab.errand(&leaf("b", &[]));
    let (mut a, b) = (lab.take(agent), lab.take(agent));
    a.task = b.task;
    assert_eq!(code(lab.heartbeat(&a)), "stale_attempt");
    assert_eq!(code(lab.complete(&a, Outcome::GivenUp)), "stale_attempt");
    a.id = AttemptId::new(lab.tx.now, 7);
    assert_eq!(code(lab.heartbeat(&a)), "stale_attempt");
}

#[test]
fn a_repeated_claim_returns_the_same_attempt() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let other = lab.agent("other", &[], 8);
    lab.errand(&leaf("a", &[]));
    lab.errand(&leaf("b", &[]));
    let first = lab.claim_as(agent, "once").unwrap().unwrap();
    assert_eq!(lab.claim_as(agent, "once").unwrap(), Some(first.clone()));
    assert_ne!(lab.claim_as(other, "once").unwrap().unwrap().id, first.id);
    lab.pass(&first);
    assert_eq!(lab.claim_as(agent, "once").unwrap().unwrap().id, first.id);
    assert_eq!(code(lab.claim_as(agent, "")), "invalid");
}

#[test]
fn an_agent_holds_no_more_than_it_said() {
    let mut lab = Lab::new(1);
    let agent = lab.agent("one", &[], 1);
    lab.errand(&leaf("a", &[]));
    lab.errand(&leaf("b", &[]));
    let first = lab.take(agent);
    assert_eq!(code(lab.claim(agent)), "limit_reached");
    lab.pass(&first);
    lab.take(agent);
}

#[test]
fn a_draining_agent_gets_nothing_and_one_that_holds_work_stays() {
    let mut lab = Lab::new(1);
    let agent = lab.agent("one", &[], 8);
    lab.errand(&leaf("a", &[]));
    lab.errand(&leaf("b", &[]));
    let attempt = lab.take(agent);
    lab.unit(|tx| agents::drain(tx, agent, true)).unwrap();
    assert_eq!(lab.claim(agent).unwrap(), None);
    assert_eq!(code(lab.unit(|tx| agents::remove(tx, agent))), "conflict");
    let held = [holding(&attempt)];
    let told = agents::control(&mut lab.tx, agent, &held).unwrap();
    assert!(told.stop.is_empty() && told.drain, "it may finish");
    lab.pass(&attempt);
    lab.unit(|tx| agents::remove(tx, agent)).unwrap();
    assert_eq!(code(lab.claim(agent)), "not_found");
}

fn holding(attempt: &Attempt) -> Holding {
    Holding {
        attempt: attempt.id,
        seen: Some(0),
    }
}

#[test]
fn a_cancelled_attempt_is_told_to_stop() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let task = lab.errand(&leaf("a", &[])).id;
    let attempt = lab.take(agent);
    lab.cancel(task).unwrap();
    let told = agents::control(&mut lab.tx, agent, &[holding(&attempt)]).unwrap();
    assert_eq!((told.stop, told.drain), (vec![attempt.id], false));
    let outcome = lab.outcome(&attempt, true);
    assert_eq!(code(lab.complete(&attempt, outcome)), "task_cancelled");
}

#[test]
fn a_completion_is_answered_again_but_another_one_is_not() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.goal(&leaf("a", &[]));
    let attempt = lab.take(agent);
    let outcome = lab.outcome(&attempt, true);
    lab.complete(&attempt, outcome.clone()).unwrap();
    let before = lab.tx.clone();
    assert_eq!(lab.complete(&attempt, outcome).unwrap(), State::Integrating);
    let other = lab.outcome(&attempt, true);
    assert_eq!(code(lab.complete(&attempt, other)), "stale_attempt");
    assert_eq!(
        code(lab.complete(&attempt, Outcome::GivenUp)),
        "stale_attempt"
    );
    assert!(before == lab.tx);
}

#[test]
fn receipts_have_to_be_those_of_the_check_set_on_that_tree() {
    let mut lab = Lab::new(1);
    lab.settings.checks.checks.push(crate::lab::check("lint"));
    let agent = lab.able();
    lab.goal(&leaf("a", &[]));
    let attempt = lab.take(agent);
    let change: [fn(&mut Vec<devlab_core::rules::complete::CheckRun>); 5] = [
        |runs| runs.truncate(1),
        |runs| runs.swap(0, 1),
        |runs| runs.push(runs[1].clone()),
        |runs| runs[0].exit_code = 1,
        |runs| runs[1].tree = "0".repeat(40).parse().unwrap(),
    ];
    for change in change {
        let Outcome::Delivered {
            result,
            mut checks,
            protected,
            heard,
        } = lab.outcome(&attempt, true)
        else {
            panic!("a delivery");
        };
        change(&mut checks);
        let outcome = Outcome::Delivered {
            result,
            checks,
            protected,
            heard,
        };
        assert_eq!(code(lab.complete(&attempt, outcome)), "invalid");
    }
    assert!(lab.tx.receipts.is_empty());
    assert_eq!(lab.pass(&attempt), State::Integrating);
}
