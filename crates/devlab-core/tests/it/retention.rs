//! What goes a while after a goal has ended, and what is never touched.

use std::time::Duration;

use devlab_core::bytes::{KeptLog, ReadBytes as _, Retention, WriteBytes as _};
use devlab_core::check::Sha256Hex;
use devlab_core::rules::retention;
use devlab_core::tx::Read as _;
use devlab_core::{AttemptId, TaskId, Timestamp};

use crate::graph::id;
use crate::lab::{Lab, composite, leaf};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A log of which `len` bytes are in a blob.
fn seal(lab: &mut Lab, attempt: AttemptId, len: u64) {
    let log = KeptLog {
        attempt,
        blob: Some(Sha256Hex::of(b"a log")),
        len,
        lines: 1,
        at: lab.tx.now,
        gone: false,
    };
    lab.tx.put_kept_log(&log).unwrap();
}

fn before(lab: &Lab) -> Timestamp {
    Retention::default().before(lab.tx.now).unwrap()
}

fn let_go(lab: &mut Lab, task: TaskId, logs: &[(AttemptId, u64)]) -> bool {
    let before = before(lab);
    let done = lab.unit(|tx| retention::let_go(tx, task, before, logs));
    done.unwrap()
}

fn retire(lab: &mut Lab, goal: TaskId) -> bool {
    let before = before(lab);
    lab.unit(|tx| retention::retire(tx, goal, before)).unwrap()
}

fn is_gone(lab: &mut Lab, attempt: AttemptId) -> bool {
    let log = lab.tx.kept_log(attempt).unwrap();
    log.is_some_and(|log| log.gone && log.blob.is_none())
}

#[test]
fn nothing_of_a_goal_that_goes_on_or_ended_lately_is_touched() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.errand(&composite("", &[], vec![leaf("a", &[]), leaf("b", &[])]));
    let first = lab.take(agent);
    lab.pass(&first);
    seal(&mut lab, first.id, 5);
    lab.advance(DAY * 40);
    // One child is done for long, but not its goal.
    assert!(!let_go(&mut lab, first.task, &[]));
    assert!(!retire(&mut lab, goal.id));
    let second = lab.take(agent);
    lab.pass(&second);
    seal(&mut lab, second.id, 5);
    lab.advance(DAY * 29);
    for task in [goal.id, first.task, second.task] {
        assert!(!let_go(&mut lab, task, &[]));
    }
    assert!(!is_gone(&mut lab, first.id) && !is_gone(&mut lab, second.id));
    lab.advance(DAY * 2);
    // A child is no goal, and a goal is retired once.
    assert!(!retire(&mut lab, first.task));
    for task in [goal.id, first.task, second.task] {
        assert!(let_go(&mut lab, task, &[]));
    }
    assert!(is_gone(&mut lab, first.id) && is_gone(&mut lab, second.id));
    assert!(retire(&mut lab, goal.id));
    assert!(!retire(&mut lab, goal.id));
    assert!(!let_go(&mut lab, first.task, &[]));
}

#[test]
fn what_can_still_write_keeps_its_goal() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.errand(&leaf("", &[]));
    let attempt = lab.take(agent);
    lab.cancel(goal.id).unwrap();
    lab.advance(DAY * 31);
    // As if its agent had not been told.
    let mut live = lab.tx.attempt(attempt.id).unwrap().unwrap();
    let ended = live.state;
    live.state = devlab_core::attempt::AttemptState::Lost;
    lab.unit(|tx| tx.put_attempt(&live)).unwrap();
    assert!(!let_go(&mut lab, goal.id, &[(attempt.id, 7)]));
    assert!(!is_gone(&mut lab, attempt.id));
    live.state = ended;
    lab.unit(|tx| tx.put_attempt(&live)).unwrap();
    assert!(let_go(&mut lab, goal.id, &[(attempt.id, 7)]));
    let log = lab.tx.kept_log(attempt.id).unwrap().unwrap();
    assert_eq!((log.len, log.gone), (7, true), "its length is known still");
}

#[test]
fn refs_go_after_their_goal_is_retired_and_nothing_starts_from_them() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    lab.start_all();
    let leaf = id(&goal, "a");
    let attempt = lab.take(agent);
    lab.fail_check(&attempt);
    assert!(lab.task(leaf).prior.is_some());
    lab.cancel(goal.id).unwrap();
    // Something that a person has accepted before it was sent back.
    let mut ended = lab.task(leaf).clone();
    ended.accepted = ended.prior.clone();
    lab.unit(|tx| tx.put_task(&ended)).unwrap();
    lab.advance(DAY * 31);
    let may_go = |lab: &mut Lab| retention::refs_may_go(&mut lab.tx, leaf).unwrap();
    assert!(let_go(&mut lab, leaf, &[]) && let_go(&mut lab, goal.id, &[]));
    assert!(!may_go(&mut lab), "not before its goal is retired");
    assert!(retire(&mut lab, goal.id));
    assert!(may_go(&mut lab));
    assert_eq!(lab.task(leaf).prior, None);
    assert_eq!(lab.task(leaf).head, None);
    assert_eq!(lab.task(leaf).accepted, None);
    lab.retry(goal.id).unwrap();
    assert!(!may_go(&mut lab), "it was taken up again");
}

#[test]
fn an_archive_holds_what_it_may_name_until_some_time_after_its_last_word() {
    let mut lab = Lab::new(1);
    let is_held = |lab: &mut Lab| retention::is_held(&mut lab.tx).unwrap();
    assert!(!is_held(&mut lab));
    lab.unit(|tx| retention::hold(tx)).unwrap();
    lab.advance(retention::HOLD_TERM / 2);
    assert!(is_held(&mut lab));
    lab.unit(|tx| retention::hold(tx)).unwrap();
    lab.advance(retention::HOLD_TERM / 2);
    assert!(is_held(&mut lab));
    lab.advance(retention::HOLD_TERM / 2);
    assert!(!is_held(&mut lab));
}

#[test]
fn a_retention_is_days_or_forever() {
    for text in ["1d", "30d", "36500d", "forever"] {
        assert_eq!(text.parse::<Retention>().unwrap().to_string(), text);
    }
    for text in ["", "0d", "d", "30", "-1d", "36501d", "1w", "Forever"] {
        assert!(text.parse::<Retention>().is_err(), "{text}");
    }
    let now = Timestamp::from_millis(90 * 24 * 3_600_000);
    assert_eq!(Retention::Forever.before(now), None);
    let before = Retention::Days(90).before(now);
    assert_eq!(before, Some(Timestamp::from_millis(0)));
}
