//! Several servers on one database, each with a disk of its own.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bench::{Ended, until};
use crate::pair::Pair;

#[test]
fn a_request_reaches_the_home_whichever_server_gets_it() {
    let mut pair = Pair::new();
    pair.start("one", "git", "");
    pair.start("two", "api,loops", "");
    let refused = pair.ask("one", &["task", "list"]);
    assert!(
        refused.code != 0 && refused.err.contains("roles git"),
        "{refused:?}"
    );
    let peers = pair.asked("two", &["peers"]);
    let roles: Vec<_> = peers
        .as_array()
        .unwrap()
        .iter()
        .map(|peer| &peer["roles"])
        .collect();
    assert_eq!(roles, [&json!(["git"]), &json!(["api", "loops"])]);
    pair.agent("two");

    let checkout = pair.bench.checkout("tally");
    let (home, mut run) = (pair.home("two"), pair.bench.devlab(&["run", "Say hello"]));
    let run = run.args(["--check", "grep -q hello greeting", "--output", "json"]);
    let run = run.args(["--", "sh", "-c", "echo hello >greeting"]);
    let done = Ended::of_command(run.env("DEVLAB_HOME", &home).current_dir(&checkout));
    done.ok();
    let project = pair.asked("two", &["project", "show", "tally"]);
    assert_eq!(
        project["home"],
        pair.id("one"),
        "the only one that takes repositories"
    );
    let repository = pair.git_dir("one", &project);
    pair.bench.git(&repository, &["fsck", "--strict"]);
    let landed = pair.bench.git(&repository, &["show", "main:greeting"]);
    assert_eq!(landed, "hello");
    let goals = pair.asked("two", &["goal", "list"]);
    let goal = goals[0]["id"].as_str().unwrap().to_owned();
    let diff = pair.ask("two", &["task", "diff", &goal]).ok();
    assert!(diff.out.contains("+hello"), "{diff:?}");

    pair.kill("one");
    let away = pair.ask("two", &["task", "diff", &goal]);
    assert!(
        away.code != 0 && away.err.contains("repository"),
        "{away:?}"
    );
    assert_eq!(pair.state_of("two", &goal), "done", "the rest goes on");
    let bind = pair.bind("one");
    pair.start("one", "git", "");
    assert_eq!(pair.bind("one"), bind);
    pair.ask("two", &["task", "diff", &goal]).ok();
}

#[test]
fn a_server_that_starts_before_its_database_waits_for_it() {
    let mut pair = Pair::new();
    pair.postgres.stop();
    pair.spawn("one", "api,loops,git", "");
    until("it waits", || {
        let said = pair.log("one");
        assert!(!said.contains("ready"), "{said}");
        said.contains("waiting for the database").then_some(())
    });
    pair.postgres.run();
    pair.is_ready("one");
    assert_eq!(pair.asked("one", &["task", "list"]), json!([]));
}

#[test]
fn a_server_whose_lab_was_replaced_while_it_was_cut_off_stops() {
    let mut pair = Pair::new();
    pair.start("one", "api,loops,git", "");
    pair.signal("one", Signal::STOP);
    until("it to stand still", || {
        pair.stands_still("one").then_some(())
    });
    // As a restore leaves it: no server is known, and the lab is another one.
    pair.postgres.sql("devlab", "DELETE FROM servers");
    let replaced = "UPDATE settings SET value = 'another' WHERE key = 'lab_id'";
    pair.postgres.sql("devlab", replaced);
    pair.signal("one", Signal::CONT);
    until("its end", || (!pair.is_running("one")).then_some(()));
    let said = pair.log("one");
    // Why depends on what it was at: in the middle of saying that it is there, it misses itself.
    let words = "it, or its lab, is not the one that it was";
    assert!(said.contains(words), "{said}");
    let servers = pair.postgres.sql("devlab", "SELECT count(*) FROM servers");
    assert_eq!(servers, "0", "it does not come back");
}

#[test]
fn servers_that_start_at_once_on_an_empty_database_are_one_lab() {
    let mut pair = Pair::new();
    let names = ["one", "two", "three"];
    pair.start_at_once(&names, "api,loops,git");
    let orgs = names.map(|name| pair.asked(name, &["org", "list"]));
    assert_eq!(orgs[0].as_array().unwrap().len(), 1);
    assert!(orgs.iter().all(|one| *one == orgs[0]), "{orgs:?}");
    let peers = pair.asked("two", &["peers"]);
    assert_eq!(peers.as_array().unwrap().len(), 3, "{peers}");
}

/// A goal that is done and waits for a review. Its agent talks to the other server.
fn reviewed_goal(pair: &mut Pair, checkout: &Path) -> String {
    let args = ["run", "Say hello", "--review", "--output", "json"];
    let mut run = pair.bench.devlab(&args);
    let run = run.args(["--check", "grep -q hello greeting"]);
    let run = run.args(["--", "sh", "-c", "echo hello >greeting"]);
    let run = run
        .env("DEVLAB_HOME", pair.home("one"))
        .current_dir(checkout);
    pair.agent("two");
    // It waits for a review, and says so with its exit code.
    Ended::of_command(run).fails_with(7);
    let goals = pair.asked("two", &["goal", "list"]);
    goals[0]["id"].as_str().unwrap().to_owned()
}

fn is_there(pair: &Pair) -> bool {
    let peers = pair.asked("two", &["peers"]);
    peers[0]["there"].as_bool().unwrap()
}

/// Moves the repository away from a home that has been silent for a term, which has to be said.
fn take_for_lost(pair: &Pair) {
    until("the home to be missed", || (!is_there(pair)).then_some(()));
    let (one, two) = (pair.id("one"), pair.id("two"));
    let refused = pair.ask("two", &["project", "move", "tally", "--to", &two]);
    assert!(
        refused.code != 0 && refused.err.contains("does not answer"),
        "{refused:?}"
    );
    let project = pair.asked("two", &["project", "show", "tally"]);
    assert_eq!(project["home"], one.as_str());
    let lost = ["project", "move", "tally", "--to", &two, "--lost"];
    assert_eq!(pair.asked("two", &lost)["home"], two.as_str());
}

/// Lets the home go on where it stood: with the ref of its own old copy.
fn wake(pair: &mut Pair) {
    pair.signal("one", Signal::CONT);
    until("the home to go on", || {
        let points = std::fs::read_to_string(pair.record("one")).unwrap_or_default();
        points.contains("publish.after_ref").then_some(())
    });
    until("the home to be heard of again", || {
        is_there(pair).then_some(())
    });
}

#[test]
fn a_paused_home_that_wakes_after_its_repository_has_moved_changes_nothing() {
    let mut pair = Pair::new();
    pair.start("one", "api,loops,git", "");
    pair.start("two", "api,loops,git", "");
    let checkout = pair.bench.checkout("tally");
    let goal = reviewed_goal(&mut pair, &checkout);
    let project = pair.asked("one", &["project", "show", "tally"]);
    assert_eq!(project["home"], pair.id("one"), "where it was asked for");

    pair.there_and_back("tally");
    pair.kill("one");
    pair.start("one", "api,loops,git", "publish.before_ref=stop");
    let patches = pair.asked("two", &["patch", "list"]);
    let patch = patches[0]["id"].as_str().unwrap().to_owned();
    pair.ask("two", &["patch", "accept", &patch]).ok();
    until("the home to stand still", || {
        pair.stands_still("one").then_some(())
    });

    take_for_lost(&pair);
    until("the goal", || {
        (pair.state_of("two", &goal) == "done").then_some(())
    });
    let there = pair.git_dir("two", &project);
    let two = pair.id("two");
    let head = pair.bench.git(&there, &["rev-parse", "main"]);

    wake(&mut pair);
    for server in ["one", "two"] {
        let project = pair.asked(server, &["project", "show", "tally"]);
        assert_eq!(project["home"], two.as_str());
        assert_eq!(project["head"], head.as_str());
        assert_eq!(pair.state_of(server, &goal), "done");
    }
    pair.bench.git(&there, &["fsck", "--strict"]);
    assert_eq!(pair.bench.git(&there, &["show", "main:greeting"]), "hello");
    assert_eq!(pair.times_done(&goal), 1);

    // Work goes on, asked for at the old home and done at the new one.
    let mut run = pair.bench.devlab(&["run", "Say more", "--output", "json"]);
    let run = run.args(["--", "sh", "-c", "echo more >more"]);
    let run = run
        .env("DEVLAB_HOME", pair.home("one"))
        .current_dir(&checkout);
    Ended::of_command(run).ok();
    assert_eq!(pair.bench.git(&there, &["show", "main:more"]), "more");
}

#[test]
fn a_move_that_is_cut_off_leaves_the_repository_where_it_was() {
    let mut pair = Pair::new();
    pair.start("one", "api,loops,git", "");
    pair.start("two", "api,loops,git", "");
    let checkout = pair.bench.checkout("tally");
    let run = |pair: &Pair, what: &str| {
        let mut run = pair.bench.devlab(&["run", what, "--output", "json"]);
        let run = run.args(["--", "sh", "-c", &format!("echo {what} >>said")]);
        let run = run
            .env("DEVLAB_HOME", pair.home("one"))
            .current_dir(&checkout);
        Ended::of_command(run).ok();
    };
    pair.agent("one");
    run(&pair, "first");
    let (one, two) = (pair.id("one"), pair.id("two"));
    for point in ["move.after_copy", "move.after_begin", "move.before_finish"] {
        pair.kill("two");
        pair.start("two", "api,loops,git", &format!("{point}=kill"));
        let cut = pair.ask("one", &["project", "move", "tally", "--to", &two]);
        assert!(cut.code != 0, "{point}: {cut:?}");
        // To where it is: nothing stands in its way any more.
        let stays = pair.asked("one", &["project", "move", "tally", "--to", &one]);
        assert_eq!(
            (&stays["home"], &stays["moving_to"]),
            (&json!(one), &Value::Null)
        );
        run(&pair, point);
    }
    pair.kill("two");
    pair.start("two", "api,loops,git", "");
    let moved = pair.asked("one", &["project", "move", "tally", "--to", &two]);
    assert_eq!(moved["home"], two.as_str());
    run(&pair, "last");
    let said = pair
        .bench
        .git(&pair.git_dir("two", &moved), &["show", "main:said"]);
    let all = [
        "first",
        "move.after_copy",
        "move.after_begin",
        "move.before_finish",
        "last",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), all);
}
