//! Notes of other ways into the default branch, and a server that is killed while it attaches one.

use std::process::Stdio;

use super::{NOTES, attested, feature, json, repository};
use crate::bench::{Bench, until};

#[test]
fn a_note_is_owed_until_it_is_there() {
    for point in ["attest.before_note", "attest.after_note"] {
        let bench = Bench::new();
        let folder = feature(&bench);
        let mut breaking = bench
            .devlab(&["up", "--agents", "1"])
            .env("DEVLAB_FAULTS", format!("{point}=kill@1"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the server", || {
            (bench.run(&["whoami"]).code == 0).then_some(())
        });
        let run = [
            "run",
            "Greet",
            "--no-wait",
            "--",
            "sh",
            "-c",
            "echo hi > hi",
        ];
        bench.run_in(&folder, &run).ok();
        until(point, || breaking.try_wait().unwrap());
        bench.up(0);
        let goals = json(&bench, &["goal", "list"]);
        let goal = goals[0]["id"].as_str().unwrap();
        let repo = repository(&bench);
        let merge = attested(&bench, goal, &repo);
        let root = bench.run(&["provenance", "key"]).ok().out;
        let (repo_text, root) = (repo.to_str().unwrap(), root.trim());
        let verify = [
            "provenance",
            "verify",
            &merge,
            "--repo",
            repo_text,
            "--key",
            root,
        ];
        bench.run(&verify).ok();
        let notes = bench.git(&repo, &["notes", "--ref", NOTES, "list"]);
        assert_eq!(notes.lines().count(), 1, "{point}: {notes}");
        bench.run(&["down"]).ok();
        bench.assert_nothing_left();
    }
}

#[test]
fn what_a_sync_brings_in_has_a_note_too() {
    let bench = Bench::new();
    bench.up(1);
    let folder = feature(&bench);
    let run = ["run", "Greet", "--", "sh", "-c", "echo hi > hi"];
    bench.run_in(&folder, &run).ok();
    // A person has gone on meanwhile, so that both have to be merged.
    std::fs::write(folder.join("theirs"), "mine\n").unwrap();
    bench.commit(&folder, "Go on");
    bench.run_in(&folder, &["project", "sync"]).ok();
    let goals = json(&bench, &["goal", "list"]);
    let goals = goals.as_array().unwrap();
    assert_eq!(goals.len(), 2, "{goals:#?}");
    let repo = repository(&bench);
    let root = bench.run(&["provenance", "key"]).ok().out;
    for goal in goals {
        let merge = attested(&bench, goal["id"].as_str().unwrap(), &repo);
        let verify = [
            "provenance",
            "verify",
            &merge,
            "--repo",
            repo.to_str().unwrap(),
        ];
        bench
            .run(&[&verify[..], &["--key", root.trim()]].concat())
            .ok();
    }
    bench.run(&["down"]).ok();
}
