//! What a run reports, what a driver gets, and its limits.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::time::Duration;

use devlab_agent::driver::{passed_through, stored_outcome};
use devlab_agent::supervise::{DriverEnd, EXIT_NOT_STARTED, MARK_VARIABLE};

use crate::lab::{Lab, until};

#[tokio::test]
async fn ends_are_told_apart() {
    let cases = [
        ("exit 0", DriverEnd::Exited { code: 0 }),
        ("false; exit 9", DriverEnd::Exited { code: 1 }),
        ("exit 7", DriverEnd::Exited { code: 7 }),
        ("kill -s KILL $$", DriverEnd::Signaled { signal: 9 }),
        ("kill -s TERM $$", DriverEnd::Signaled { signal: 15 }),
    ];
    for (script, end) in cases {
        let lab = Lab::script(script);
        let outcome = lab.run().await;
        assert_eq!(outcome.end, end, "{script}");
        assert_eq!((outcome.leftovers, outcome.survivors), (0, 0), "{script}");
        assert_eq!(
            stored_outcome(&lab.spec.status_path()),
            Some(outcome),
            "{script}"
        );
    }
}

#[tokio::test]
async fn a_command_that_cannot_start_says_why_in_the_log() {
    let lab = Lab::argv(&["no-such-program"]);
    let outcome = lab.run().await;
    assert_eq!(
        outcome.end,
        DriverEnd::Exited {
            code: EXIT_NOT_STARTED.into()
        }
    );
    assert!(
        lab.output().contains("cannot start no-such-program"),
        "{}",
        lab.output()
    );
}

#[tokio::test]
async fn the_environment_is_what_was_named_and_nothing_else() {
    let mut lab = Lab::argv(&["env"]);
    lab.spec.vars.insert("GIVEN".to_owned(), "yes".to_owned());
    lab.spec
        .vars
        .insert(MARK_VARIABLE.to_owned(), "forged".to_owned());
    assert!(lab.run().await.is_success());
    let mark = format!("{MARK_VARIABLE}={}", lab.spec.mark);
    let output = lab.output();
    let seen: BTreeSet<&str> = output.lines().collect();
    assert_eq!(
        seen,
        BTreeSet::from(["PATH=/usr/bin:/bin", "GIVEN=yes", mark.as_str()])
    );
}

#[test]
fn secrets_of_the_agent_do_not_pass() {
    let env = passed_through(|name| Some(format!("{name}'s value")));
    assert_eq!(env.get("PATH").map(String::as_str), Some("PATH's value"));
    assert!(
        env.keys()
            .all(|name| !name.contains("TOKEN") && !name.starts_with("DEVLAB"))
    );
}

#[tokio::test]
async fn both_streams_are_in_the_log_in_the_order_they_were_written() {
    let lab = Lab::script("echo one; echo two >&2; echo three; cat; echo four >&2");
    lab.log.append(b"[devlab] before\n").unwrap();
    let outcome = lab.run().await;
    assert!(outcome.is_success());
    assert_eq!(lab.output(), "[devlab] before\none\ntwo\nthree\nfour\n");
    assert_eq!(outcome.output_bytes, "one\ntwo\nthree\nfour\n".len() as u64);
}

#[tokio::test]
async fn the_log_grows_while_the_driver_runs() {
    let lab = Lab::script("echo first; while ! test -e go; do sleep 0.01; done; echo second");
    let seen = async {
        let mut length = lab.log.watch();
        length.wait_for(|length| *length >= 6).await.unwrap();
        assert_eq!(lab.output(), "first\n");
        std::fs::write(lab.path("go"), "").unwrap();
    };
    let (outcome, ()) = tokio::join!(lab.run(), seen);
    assert!(outcome.is_success());
    assert_eq!(lab.output(), "first\nsecond\n");
}

#[tokio::test]
async fn too_much_output_ends_the_driver() {
    let mut lab = Lab::argv(&["yes"]);
    lab.spec.output_limit_bytes = 100_001;
    let outcome = lab.run().await;
    assert_eq!(
        (outcome.end, outcome.output_bytes),
        (DriverEnd::OutputLimit, 100_001)
    );
    let output = lab.output();
    assert_eq!(&output[..4], "y\ny\n");
    assert_eq!(
        output[100_001..].trim(),
        "[devlab] the command wrote more than 100001 bytes, and was ended"
    );
}

#[tokio::test]
async fn too_much_output_as_the_last_word_counts_too() {
    let mut lab = Lab::script("printf 12345678");
    lab.spec.output_limit_bytes = 7;
    assert_eq!(lab.run().await.end, DriverEnd::OutputLimit);
    lab.spec.output_limit_bytes = 8;
    assert!(lab.run().await.is_success());
}

#[tokio::test]
async fn time_is_limited() {
    let mut lab = Lab::script("echo begun; sleep 1000");
    lab.spec.time_limit = Duration::from_millis(300);
    let outcome = lab.run().await;
    assert_eq!(outcome.end, DriverEnd::TimedOut);
    assert!((300..5_000).contains(&outcome.duration_ms), "{outcome:?}");
    assert!(
        lab.output().contains("ran longer than 0.3 s"),
        "{}",
        lab.output()
    );
}

#[tokio::test]
async fn a_full_disk_under_the_log_ends_the_driver_and_is_named() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let lab = Lab::script("echo lost; sleep 1000");
    std::fs::remove_file(lab.log.path()).unwrap();
    symlink("/dev/full", lab.log.path()).unwrap();
    let outcome = lab.run().await;
    let DriverEnd::Failed { problem } = outcome.end else {
        panic!("{outcome:?}")
    };
    assert!(problem.contains("No space left"), "{problem}");
}

#[tokio::test]
async fn nothing_runs_before_the_journal_knows_of_it() {
    let lab = Lab::script("touch started");
    let ready = lab.driver.prepare(&lab.spec, &lab.log).unwrap();
    let supervisor = ready.supervisor();
    assert!(supervisor.is_alive());
    drop(ready);
    until("the supervisor is gone", || {
        (!supervisor.is_alive()).then_some(())
    })
    .await;
    assert!(!lab.path("started").exists());
}

#[tokio::test]
async fn a_run_that_was_cancelled_before_it_began_starts_nothing() {
    let lab = Lab::script("touch started");
    lab.cancel.cancel();
    assert_eq!(lab.run().await.end, DriverEnd::Cancelled);
    assert!(!lab.path("started").exists());
}
