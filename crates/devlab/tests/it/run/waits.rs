//! What `devlab run` says while nothing moves.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;

use super::checkout;
use crate::bench::{Bench, PATIENCE, wait};

#[test]
fn a_goal_that_nobody_takes_says_why_once_and_what_to_do() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    bench.up(1);
    // No command, and no agent that has one.
    let mut run = bench
        .devlab(&["run", "Do"])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let err = run.stderr.take().unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(err).lines();
        lines
            .map_while(Result::ok)
            .for_each(|line| tell.send(line).unwrap());
    });
    let hint = "`devlab agent --driver-command SCRIPT`";
    let mut said = Vec::new();
    while said.last().is_none_or(|line: &String| !line.contains(hint)) {
        said.push(told.recv_timeout(PATIENCE).unwrap());
    }
    assert!(
        said[said.len() - 2].contains("nobody takes it: "),
        "{said:#?}"
    );

    let goals = bench.run(&["goal", "list", "--output", "json"]).ok().json();
    let id = goals[0]["id"].as_str().unwrap();
    bench.run(&["task", "cancel", id]).ok();
    assert_eq!(wait(run), Some(1));
    said.extend(told);
    let times = said.iter().filter(|line| line.contains(hint)).count();
    assert_eq!(times, 1, "{said:#?}");
}
