//! Starting and stopping a lab.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, Ended, until, wait};

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn online(bench: &Bench) -> usize {
    let agents = bench.run(&["agents", "list", "--output", "json"]);
    if agents.code != 0 {
        return 0;
    }
    agents
        .json()
        .as_array()
        .unwrap()
        .iter()
        .filter(|agent| agent["online"] == true)
        .count()
}

#[test]
fn up_and_down_leave_nothing_behind() {
    let bench = Bench::new();
    let first = bench.run(&["up", "--detach", "--agents", "2"]).ok();
    assert!(first.err.contains("/login#"), "{first:#?}");
    let credentials = bench.home().join("credentials.json");
    let mode = std::fs::metadata(&credentials)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    until("two agents", || (online(&bench) == 2).then_some(()));
    let me = bench.run(&["whoami", "--output", "json"]).ok().json();
    assert_eq!(me["role"], "admin");
    let clusters = bench.run(&["clusters", "--output", "json"]).ok().json();
    assert_eq!(clusters[0]["runtime"], "local");

    // A second one on the same folder is refused, and `up -d` finds the first.
    let second = bench.run(&["server"]).fails_with(1);
    assert!(second.err.contains("runs already"), "{}", second.err);
    let again = bench.run(&["up", "--detach"]).ok();
    assert!(again.err.contains("runs already"), "{again:#?}");

    // No token is in an argument.
    let token = std::fs::read_to_string(&credentials).unwrap();
    let token: serde_json::Value = serde_json::from_str(&token).unwrap();
    let processes = bench.processes();
    assert!(processes.len() >= 3, "{processes:#?}");
    assert!(
        processes
            .iter()
            .all(|line| !line.contains(token["token"].as_str().unwrap()))
    );

    let logs = bench.run(&["logs"]).ok().out;
    assert!(logs.contains("the lab is ready"), "{logs}");
    let down = bench.run(&["down"]).ok();
    assert!(down.err.contains("has stopped"), "{}", down.err);
    bench.assert_nothing_left();
    let down = bench.run(&["down"]).ok();
    assert!(down.err.contains("no lab runs"), "{}", down.err);

    // The next start has the same tokens and prints no login link.
    let later = bench.run(&["up", "--detach", "--agents", "0"]).ok();
    assert!(!later.err.contains("/login#"), "{later:#?}");
    bench.run(&["whoami"]).ok();
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
}

#[test]
fn a_killed_lab_takes_its_agents_with_it_and_starts_again() {
    let bench = Bench::new();
    let server = bench.up(2);
    until("two agents", || (online(&bench) == 2).then_some(()));
    let pid = u32::try_from(server["process"]["pid"].as_i64().unwrap()).unwrap();
    signal(pid, Signal::KILL);
    bench.assert_nothing_left();
    bench.run(&["whoami"]).fails_with(3);
    bench.up(1);
    bench.run(&["whoami"]).ok();
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
}

#[test]
fn a_server_in_the_foreground_ends_on_a_signal() {
    let bench = Bench::new();
    let child = bench
        .devlab(&["server"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the server", || {
        (bench.run(&["whoami"]).code == 0).then_some(())
    });
    // Tokens decide what may be done: a viewer makes no org.
    let token = bench
        .run(&["token", "create", "viewer", "--org", "default"])
        .ok();
    let secret = token.out.trim();
    bench
        .run(&["org", "create", "other", "--token", secret])
        .fails_with(4);
    bench
        .run(&["whoami", "--token", "dl_unknown"])
        .fails_with(4);
    bench.run(&["org", "show", "nobody"]).fails_with(5);
    bench.run(&["project", "show", "nothing"]).fails_with(5);
    signal(child.id(), Signal::TERM);
    assert_eq!(wait(child), Some(0));
    bench.assert_nothing_left();
}

#[test]
fn ctrl_c_ends_what_is_in_the_foreground_in_order_and_says_so_by_its_exit_code() {
    for args in [&["server"][..], &["up", "--agents", "1"]] {
        let bench = Bench::new();
        let child = bench
            .devlab(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the server", || {
            (bench.run(&["whoami"]).code == 0).then_some(())
        });
        signal(child.id(), Signal::INT);
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!(ended.code, 130, "{ended:#?}");
        assert!(ended.err.ends_with("stopped\n"), "{ended:#?}");
        assert!(!ended.err.contains("error:"), "{ended:#?}");
        bench.assert_nothing_left();
    }
}

#[test]
fn doctor_knows_what_is_there() {
    let bench = Bench::new();
    let before = bench.run(&["doctor", "--output", "json"]).ok().json();
    let health = |findings: &serde_json::Value, what: &str| {
        let findings = findings.as_array().unwrap();
        let found = findings.iter().find(|finding| finding["what"] == what);
        found.unwrap()["health"].as_str().unwrap().to_owned()
    };
    assert_eq!(health(&before, "git"), "good");
    assert_eq!(health(&before, "http-backend"), "good");
    assert_eq!(health(&before, "lab"), "warning");
    bench.up(1);
    until("an agent", || (online(&bench) == 1).then_some(()));
    let after = bench.run(&["doctor", "--output", "json"]).ok().json();
    for what in [
        "folder", "store", "address", "lab", "token", "agents", "clock",
    ] {
        assert_eq!(health(&after, what), "good", "{after:#}");
    }
    let mut without = bench.devlab(&["doctor"]);
    let without = crate::bench::Ended::of(without.env("PATH", "/nowhere").output().unwrap());
    let without = without.fails_with(1);
    assert!(
        without.out.contains("apt-get install git"),
        "{}",
        without.out
    );
}
