//! What is on disk after a crash at any moment.

use std::fs;
use std::io;
use std::sync::Arc;

use devlab_agent::faults::{Action, FaultPlan, Faults, NoFaults};
use devlab_agent::journal::{Entry, FAULT_WRITE, Journal, JournalError, Step, scan};
use devlab_agent::process::ProcessRef;
use devlab_agent::supervise::DriverOutcome;
use devlab_agent::workspace::Home;
use devlab_core::{AttemptId, Timestamp};
use serde_json::json;
use tempfile::TempDir;

fn attempt(number: i64) -> AttemptId {
    AttemptId::new(Timestamp::from_millis(number), 7)
}

fn home() -> (TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    (folder, home)
}

fn start(home: &Home, attempt: AttemptId, faults: Arc<dyn Faults>) -> Journal {
    let (paths, _lock) = home.enter(attempt).unwrap();
    Journal::start(paths.journal(), attempt, json!({"task": "t"}), faults).unwrap()
}

fn no_faults() -> Arc<dyn Faults> {
    Arc::new(NoFaults)
}

const SUPERVISOR: ProcessRef = ProcessRef {
    pid: 4,
    start_ticks: 5,
};

#[test]
fn every_step_is_found_again() {
    let (_folder, home) = home();
    let mut journal = start(&home, attempt(1), no_faults());
    let entries = [
        (Entry::Prepared, Step::Prepared),
        (Entry::Driving(SUPERVISOR), Step::Driving),
        (
            Entry::DriverExited(DriverOutcome::failed("x")),
            Step::DriverExited,
        ),
        (
            Entry::Committed(Some("a".repeat(40).parse().unwrap())),
            Step::Committed,
        ),
        (Entry::Pushed, Step::Pushed),
        (Entry::Checking(SUPERVISOR), Step::Checking),
        (Entry::Receipt(json!({"exit": 0})), Step::Checking),
        (Entry::Checking(SUPERVISOR), Step::Checking),
        (Entry::Receipt(json!({"exit": 1})), Step::Checking),
        (Entry::Checked, Step::Checked),
        (Entry::Completed(json!({"result": "done"})), Step::Completed),
        (Entry::Acked, Step::Acked),
    ];
    for (entry, step) in entries {
        journal.record(entry).unwrap();
        let found = scan(&home, &no_faults()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].facts(), journal.facts());
        assert_eq!(found[0].facts().step, step);
    }
    assert_eq!(journal.facts().receipts.len(), 2);
    assert_eq!(journal.facts().supervisor, Some(SUPERVISOR));
}

#[test]
fn steps_do_not_go_back() {
    let (_folder, home) = home();
    let mut journal = start(&home, attempt(1), no_faults());
    journal.record(Entry::Pushed).unwrap();
    let error = journal.record(Entry::Driving(SUPERVISOR)).unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::Backwards {
                now: Step::Pushed,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(
        scan(&home, &no_faults()).unwrap()[0].facts().step,
        Step::Pushed
    );
}

#[test]
fn a_full_disk_keeps_the_former_step_and_the_next_try_works() {
    let (_folder, home) = home();
    let plan = Arc::new(FaultPlan::default().arm(FAULT_WRITE, Action::DiskFull, 3));
    let mut journal = start(&home, attempt(1), Arc::clone(&plan) as _);
    journal.record(Entry::Prepared).unwrap();
    let JournalError::Write { source, .. } = journal.record(Entry::Pushed).unwrap_err() else {
        panic!("not a write error");
    };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert_eq!(journal.facts().step, Step::Prepared);
    assert_eq!(
        scan(&home, &no_faults()).unwrap()[0].facts().step,
        Step::Prepared
    );
    journal.record(Entry::Pushed).unwrap();
    assert_eq!(
        scan(&home, &no_faults()).unwrap()[0].facts().step,
        Step::Pushed
    );
    assert_eq!(plan.hits(FAULT_WRITE), 4);
}

#[test]
fn a_torn_write_is_a_write_that_never_was() {
    let (_folder, home) = home();
    let mut journal = start(&home, attempt(1), no_faults());
    journal.record(Entry::Prepared).unwrap();
    let path = home.attempt(attempt(1)).journal();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(
            devlab_agent::durable::temporary_name(&path),
            &whole[..length],
        )
        .unwrap();
        assert_eq!(
            scan(&home, &no_faults()).unwrap()[0].facts().step,
            Step::Prepared
        );
    }
    journal.record(Entry::Pushed).unwrap();
    assert_eq!(
        scan(&home, &no_faults()).unwrap()[0].facts().step,
        Step::Pushed
    );
}

#[test]
fn an_unreadable_journal_is_set_aside_and_the_others_go_on() {
    let (_folder, home) = home();
    let bad: [&[u8]; 5] = [
        b"",
        b"{\"version\":1,",
        b"\xff\xff",
        b"[]",
        b"{\"version\":2}",
    ];
    for (number, bytes) in (1_i64..).zip(bad) {
        drop(start(&home, attempt(number), no_faults()));
        fs::write(home.attempt(attempt(number)).journal(), bytes).unwrap();
    }
    drop(start(&home, attempt(8), no_faults()));
    drop(start(&home, attempt(9), no_faults()));
    // One that belongs to another attempt.
    fs::copy(
        home.attempt(attempt(8)).journal(),
        home.attempt(attempt(9)).journal(),
    )
    .unwrap();
    let found = scan(&home, &no_faults()).unwrap();
    assert_eq!(
        found.iter().map(|j| j.facts().attempt).collect::<Vec<_>>(),
        [attempt(8)]
    );
    for (number, bytes) in (1_i64..).zip(bad) {
        let aside = home
            .attempt(attempt(number))
            .journal()
            .with_extension("json.unreadable-0");
        assert_eq!(fs::read(aside).unwrap(), bytes);
    }
}
