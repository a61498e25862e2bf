//! Backups, restores, orgs that move, and what `verify` finds: with real processes.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

mod broken;
mod demo;
mod foreign;
mod homes;
mod load;
mod moved;
mod orgs;
mod places;
mod retention;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::bench::{Bench, until};

/// A checkout whose project has a check.
fn checkout(bench: &Bench) -> PathBuf {
    let folder = bench.checkout("tool");
    with_check(bench, &folder);
    folder
}

fn with_check(bench: &Bench, folder: &Path) {
    std::fs::create_dir_all(folder.join(".devlab")).unwrap();
    let project = "[[check]]\nname = \"greets\"\nrun = \"grep -q hello README\"\n";
    std::fs::write(folder.join(".devlab/project.toml"), project).unwrap();
    bench.commit(folder, "checks");
}

/// One piece of work, from `devlab run` to its merge.
fn work(bench: &Bench, folder: &Path, name: &str) {
    let script = format!("echo {name} > {name}; echo {name} is done");
    bench
        .run_in(folder, &["run", name, "--", "sh", "-c", &script])
        .ok();
}

/// A lab with a little history, which is stopped.
fn lab() -> (Bench, PathBuf) {
    let bench = Bench::sealing();
    let folder = checkout(&bench);
    bench.up(2);
    work(&bench, &folder, "one");
    work(&bench, &folder, "two");
    until("sealed logs", || (blobs(&bench).len() > 1).then_some(()));
    bench.run(&["down"]).ok();
    (bench, folder)
}

/// Files of sealed logs.
fn blobs(bench: &Bench) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![bench.home().join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.retain(|file| file.file_name().is_some_and(|name| name.len() == 64));
    found
}

fn verified(bench: &Bench) -> Value {
    bench.run(&["verify", "--output", "json"]).ok().json()
}

fn backup(bench: &Bench, name: &str) -> PathBuf {
    let to = bench.path().join(name);
    bench.run(&["backup", to.to_str().unwrap()]).ok();
    to
}

/// The repositories of the one org.
fn repositories(bench: &Bench) -> Vec<PathBuf> {
    let org = std::fs::read_dir(bench.home().join("repos"))
        .unwrap()
        .next();
    let org = org.unwrap().unwrap().path();
    let found = std::fs::read_dir(org).unwrap().flatten();
    let found = found.map(|entry| entry.path());
    found.filter(|path| path.extension().is_some()).collect()
}

fn repository(bench: &Bench) -> PathBuf {
    repositories(bench).remove(0)
}

/// Everything that a lab says, without what a start changes.
fn told(bench: &Bench) -> Vec<Value> {
    let mut all = Vec::new();
    let json = |args: &[&str]| bench.run(&[args, &["--output", "json"]].concat()).ok();
    let goals = json(&["goal", "list"]).json();
    for goal in goals.as_array().unwrap() {
        let id = goal["id"].as_str().unwrap();
        all.push(json(&["task", "show", id]).json());
        for what in ["attempts", "receipts"] {
            all.push(json(&["task", what, id]).json());
        }
        all.push(Value::from(bench.run(&["task", "logs", id]).ok().out));
    }
    all.push(goals);
    all
}

/// `devlab server` in the foreground.
struct Foreground(Child);

impl Foreground {
    fn start(bench: &Bench, database: Option<&str>) -> Self {
        let mut command = bench.devlab(&["server"]);
        command.envs(database.map(|url| ("DATABASE_URL", url)));
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self(child);
        until("the server", || {
            (bench.run(&["whoami"]).code == 0).then_some(())
        });
        this
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
