//! `devlab run` in a checkout, and what comes back.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

mod refuses;
mod syncs;
mod waits;

use std::process::{Child, Stdio};

use crate::bench::{Bench, Ended, until};

const PROJECT: &str = r#"
[[check]]
name = "greets"
run = "grep -q hello README"
"#;

fn checkout(bench: &Bench) -> std::path::PathBuf {
    let folder = bench.checkout("My Tool");
    std::fs::create_dir_all(folder.join(".devlab")).unwrap();
    std::fs::write(folder.join(".devlab/project.toml"), PROJECT).unwrap();
    bench.commit(&folder, "checks");
    folder
}

/// An agent with a driver of its own, in a process of its own.
pub(crate) struct Able(Child);

impl Able {
    /// Starts it, and waits until the lab knows it.
    fn start(bench: &Bench, script: &str) -> Self {
        Self::named(bench, "able", script)
    }

    /// One of this name, in a folder of its own.
    pub(crate) fn named(bench: &Bench, name: &str, script: &str) -> Self {
        let token = ["token", "create", "agent", "--org", "default"];
        let token = bench.run(&[&token[..], &["--output", "json"]].concat());
        let agent = bench
            .devlab(&[
                "agent",
                "--name",
                name,
                "--driver-command",
                script,
                "--home",
            ])
            .arg(bench.path().join(format!("agent-{name}")))
            .env(
                "DEVLAB_TOKEN",
                token.ok().json()["secret"].as_str().unwrap(),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self(agent);
        until("the agent", || {
            let agents = bench.run(&["agents", "list", "--output", "json"]).ok();
            let agents = agents.json();
            let mut agents = agents.as_array().unwrap().iter();
            agents.any(|agent| agent["name"] == name).then_some(())
        });
        this
    }
}

impl Drop for Able {
    fn drop(&mut self) {
        // What it runs ends with it.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_goal_is_done_proven_and_fetched_back() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    std::fs::write(folder.join("scratch"), "not committed\n").unwrap();
    let script = "echo working; echo more >> README; test -z \"${DEVLAB_TOKEN:-}\"";
    let args = [
        "run",
        "Say more",
        "--check",
        "grep -q more README",
        "--",
        "sh",
        "-c",
        script,
    ];
    // It starts the lab by itself.
    let run = bench.run_in(&folder, &args).ok();
    assert!(run.err.contains("starting one"), "{run:#?}");
    assert!(run.err.contains("in no commit"), "{run:#?}");
    assert!(run.err.contains("working"), "{run:#?}");
    assert!(
        run.out.contains("greets") && run.out.contains("grep-q-more-readme"),
        "{run:#?}"
    );
    assert!(run.err.contains("(proven)"), "{run:#?}");
    assert_eq!(
        std::fs::read_to_string(folder.join("README")).unwrap(),
        "hello\n"
    );

    let sync = bench.run_in(&folder, &["project", "sync"]).ok();
    assert!(sync.err.contains("main is now at"), "{sync:#?}");
    assert_eq!(
        std::fs::read_to_string(folder.join("README")).unwrap(),
        "hello\nmore\n"
    );
    let subject = bench.git(&folder, &["log", "-1", "--format=%s"]);
    assert_eq!(subject, "Merge: Say more");

    let goals = bench.run(&["goal", "list", "--output", "json"]).ok().json();
    let id = goals[0]["id"].as_str().unwrap();
    let short = &id[id.len() - 8..];
    let log = bench.run(&["task", "logs", short]).ok().out;
    assert!(log.contains("working"), "{log}");
    let diff = bench.run(&["task", "diff", short]).ok().out;
    assert!(diff.contains("+more"), "{diff}");
    let receipts = bench
        .run(&["task", "receipts", short, "--output", "json"])
        .ok()
        .json();
    assert!(
        receipts
            .as_array()
            .unwrap()
            .iter()
            .all(|receipt| receipt["passed"] == true)
    );

    // The result goes into a branch of its own only when the tree is clean.
    let refused = bench
        .run_in(&folder, &["task", "checkout", short])
        .fails_with(1);
    assert!(refused.err.contains("commit or stash"), "{refused:#?}");
    std::fs::remove_file(folder.join("scratch")).unwrap();
    bench.run_in(&folder, &["task", "checkout", short]).ok();
    assert_eq!(
        bench.git(&folder, &["branch", "--show-current"]),
        "devlab/say-more"
    );
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
}

/// The last words of a command that failed.
fn error(ended: &Ended) -> &str {
    ended.err.rsplit_once("error: ").unwrap().1
}

#[test]
fn a_goal_whose_check_never_passes_ends_with_a_person_and_exit_code_1() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let check = "echo the README is rude; exit 3";
    let args = ["run", "Break it", "--check", check, "--", "date"];
    let run = bench.run_in(&folder, &args).fails_with(1);
    let last = error(&run);
    assert!(last.starts_with("it is waiting for a person"), "{run:#?}");
    assert!(
        last.contains("the check echo-the-readme-is-rude-exit-3 failed"),
        "{run:#?}"
    );
    assert!(last.contains("exit code 3"), "{run:#?}");
    assert!(last.contains("│ the README is rude"), "{run:#?}");
    assert!(last.contains("`devlab task retry"), "{run:#?}");

    let goals = bench.run(&["goal", "list", "--output", "json"]).ok().json();
    let id = goals[0]["id"].as_str().unwrap();
    let shown = bench.run(&["task", "show", id]).ok().out;
    assert!(
        shown.contains("the check echo-the-readme-is-rude-exit-3 failed"),
        "{shown}"
    );
    assert!(shown.contains("│ the README is rude"), "{shown}");
    bench.run_in(&folder, &["project", "sync"]).ok();
    assert_eq!(
        std::fs::read_to_string(folder.join("README")).unwrap(),
        "hello\n"
    );
}

#[test]
fn a_command_that_changes_nothing_is_done_and_says_so() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let run = bench.run_in(&folder, &["run", "Idle", "--", "true"]).ok();
    assert!(run.err.contains("nothing was changed"), "{run:#?}");
    let run = bench
        .run_in(&folder, &["run", "Do", "--", "sh", "-c", "date > did"])
        .ok();
    assert!(!run.err.contains("nothing was changed"), "{run:#?}");
}

#[test]
fn a_command_that_fails_is_named_at_the_end() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let args = ["run", "Try", "--", "sh", "-c", "echo no such model; exit 9"];
    let run = bench.run_in(&folder, &args).fails_with(1);
    let last = error(&run);
    assert!(last.contains("the command failed"), "{run:#?}");
    assert!(last.contains("│ no such model"), "{run:#?}");
}

#[test]
fn new_commits_of_the_checkout_go_in_and_a_diverged_branch_is_merged() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let add = |name: &str| format!("echo {name} > {name}");
    bench
        .run_in(&folder, &["run", "One", "--", "sh", "-c", &add("one")])
        .ok();
    // The person works on, without what landed.
    std::fs::write(folder.join("mine"), "mine\n").unwrap();
    bench.commit(&folder, "mine");
    bench
        .run_in(
            &folder,
            &[
                "run",
                "Two",
                "--",
                "sh",
                "-c",
                &format!("test -f mine; {}", add("two")),
            ],
        )
        .ok();
    bench.run_in(&folder, &["project", "sync"]).ok();
    for name in ["one", "two", "mine"] {
        assert!(folder.join(name).exists(), "{name}");
    }
    let project = bench.git(&folder, &["config", "devlab.project"]);
    assert!(project.starts_with("proj_"), "{project}");
    let shown = bench
        .run(&["project", "show", "my-tool", "--output", "json"])
        .ok()
        .json();
    assert_eq!(shown["id"], project.as_str());
}

#[test]
fn a_result_that_wants_a_review_waits_for_it() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let args = [
        "run",
        "Look at me",
        "--review",
        "--",
        "sh",
        "-c",
        "echo x > x",
    ];
    // The work is done and not merged: that is neither success nor failure.
    let run = bench.run_in(&folder, &args).fails_with(7);
    assert!(run.err.contains("waits for your review"), "{run:#?}");
    assert!(!run.err.contains("error:"), "{run:#?}");
    let patches = bench
        .run(&["patch", "list", "--output", "json"])
        .ok()
        .json();
    let patch = patches[0]["id"].as_str().unwrap();
    for verb in ["diff", "accept", "reject"] {
        let command = format!("`devlab patch {verb} {}", &patch[patch.len() - 8..]);
        assert!(run.err.contains(&command), "{command}: {run:#?}");
    }
    bench.run(&["patch", "accept", patch, "-m", "fine"]).ok();
    let task = patches[0]["task"].as_str().unwrap();
    let tries = bench.run(&["task", "attempts", task]).ok().out;
    assert!(tries.contains(" local-"), "agents have names: {tries}");
    crate::bench::until("the merge", || {
        let task = bench
            .run(&["task", "show", task, "--output", "json"])
            .ok()
            .json();
        (task["state"] == "done").then_some(())
    });
    // What is open is what there is to do; the rest has to be asked for.
    let count = |more: &[&str]| {
        let list = bench.run(&[&["patch", "list", "--output", "json"], more].concat());
        list.ok().json().as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 0);
    assert_eq!((count(&["--all"]), count(&["--state", "merged"])), (1, 1));
}
