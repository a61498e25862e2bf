//! What the demo came to: a summary for people, one JSON document for programs.

use std::path::Path;

use anyhow::Context as _;
use devlab_core::state::StateName;
use devlab_core::task::Proof;
use serde_json::{Value, json};

use super::facts::Facts;
use super::stage::{Set, Stage};
use super::{Played, say};
use crate::args::{Demo, Output};
use crate::client::tasks::word;
use crate::context::Context;
use crate::show;

/// The word for attempts that do a task.
const WORK: &str = "work";

/// Prints it, and writes all of it to a file if one was named.
pub(super) fn print(context: &Context, demo: &Demo, played: &Played) -> anyhow::Result<()> {
    let whole = whole(played);
    if let Some(file) = &demo.report {
        let text = serde_json::to_string_pretty(&whole)?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if context.output == Output::Json {
        return show::json(&whole);
    }
    let facts = &played.facts;
    tasks(facts)?;
    verdict(played)?;
    if let Some(verified) = &facts.provenance {
        let links = show::count(verified.links.len() as u64, "link");
        let commit = show::commit(verified.commit.as_str());
        show::line(&format!(
            "  provenance of {commit} verified: {links}, each signed"
        ))?;
    }
    let rest = match &demo.report {
        Some(file) => file.display().to_string(),
        None => "FILE after `devlab demo --report FILE`".to_owned(),
    };
    show::line(&format!(
        "  {}, {} and {}, with their commits and trees, are in {rest}",
        show::count(facts.attempts.len() as u64, "attempt"),
        show::count(facts.receipts.len() as u64, "receipt"),
        show::count(facts.merges.len() as u64, "merge"),
    ))
}

/// All that is known, for programs.
fn whole(played: &Played) -> Value {
    let Played { facts, seconds, .. } = played;
    json!({
        "ok": facts.problems.is_empty(),
        "seconds": (seconds * 1000.0).round() / 1000.0,
        "checks_failed": facts.incidents.checks_failed,
        "conflicts_resolved": facts.incidents.conflicts_resolved,
        "agents_killed": facts.incidents.agents_killed,
        "killed": facts.killed,
        "ticked": facts.ticked,
        "provenance": facts.provenance,
        "problems": facts.problems,
        "tasks": facts.tasks,
        "attempts": facts.attempts,
        "receipts": facts.receipts,
        "merges": facts.merges,
    })
}

/// One line for each task: who did it, what its checks said, and where it is.
fn tasks(facts: &Facts) -> anyhow::Result<()> {
    show::line("")?;
    let rows = facts.tasks.iter().map(|task| {
        vec![
            task.key.clone(),
            match task.state {
                StateName::Done => word(&task.proof),
                other => other.as_str().to_owned(),
            },
            task.attempts.to_string(),
            agents(facts, &task.key),
            checks(facts, &task.key),
            show::commit(task.merged_as.as_deref().unwrap_or_default()).to_owned(),
        ]
    });
    // Narrow enough for a terminal of 80 columns, where a title would take more lines than one.
    let columns = [
        "task",
        "result",
        "tries",
        "agents",
        "checks passed",
        "merged as",
    ];
    show::table(&columns, rows)
}

/// Who worked on a task, each once, in the order of their tries.
fn agents(facts: &Facts, task: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for attempt in &facts.attempts {
        let works = attempt.task == task && attempt.kind == WORK;
        if works && !names.contains(&attempt.agent.as_str()) {
            names.push(&attempt.agent);
        }
    }
    names.join(", ")
}

/// How the checks of a task went, on its own result and on its merge.
fn checks(facts: &Facts, task: &str) -> String {
    let own = facts.receipts.iter().filter(|r| r.task == task);
    let (passed, failed): (Vec<_>, Vec<_>) = own.partition(|receipt| receipt.passed);
    match passed.len() + failed.len() {
        0 => String::new(),
        all => format!("{} of {all}", passed.len()),
    }
}

fn verdict(played: &Played) -> anyhow::Result<()> {
    let Played { facts, seconds, .. } = played;
    let (style, sign) = match facts.problems.is_empty() {
        true => (show::GREEN, "✓"),
        false => (show::RED, "✗"),
    };
    let proven = facts
        .tasks
        .iter()
        .filter(|task| task.proof == Proof::Proven)
        .count();
    show::line(&format!(
        "\n{style}{sign}{style:#} {proven} of {} tasks done and proven in {seconds:.0} s; failed \
         checks put right: {}, conflicts resolved: {}, agents killed: {}",
        facts.tasks.len(),
        facts.incidents.checks_failed,
        facts.incidents.conflicts_resolved,
        facts.incidents.agents_killed,
    ))
}

/// Where to watch it, before anything is to be seen.
pub(super) fn open_the_door(stage: &Stage) {
    let server = &stage.server;
    let Some(dashboard) = &server.dashboard else {
        return;
    };
    say(&format!("Watch it at {dashboard}/ui"));
    if let Some(login) = &server.login {
        say(&format!("  log in once: {login}"));
    }
}

/// How to look around, and the command that brings the commits to where they came from.
pub(super) fn invite(context: &Context, stage: &Stage, set: &Set) -> anyhow::Result<()> {
    let command = fetch_command(
        set.place.checkout.top(),
        stage.server.home.path(),
        &std::env::current_exe()?,
    );
    let dashboard = stage.server.dashboard.as_ref();
    let dashboard = dashboard.map(|url| format!("{url}/ui"));
    let text = format!(
        "\nThe commits are in the lab. This brings them into the checkout that they came from:\n\n  \
         {command}\n\nThe lab is at {} until Ctrl-C, which leaves nothing behind.",
        dashboard.unwrap_or_else(|| stage.lab.url.clone()),
    );
    match context.output {
        Output::Table => show::line(&text),
        Output::Json => {
            say(&text);
            Ok(())
        }
    }
}

fn fetch_command(checkout: &Path, home: &Path, program: &Path) -> String {
    let [checkout, home, program] =
        [checkout, home, program].map(|path| quoted(&path.to_string_lossy()));
    format!(
        "cd {checkout} && DEVLAB_HOME={home} {program} project sync && git log --graph --oneline"
    )
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_survives_odd_folders() {
        let command = fetch_command(
            Path::new("/tmp/a"),
            Path::new("/it's $x"),
            Path::new("/b/devlab"),
        );
        assert_eq!(
            command,
            "cd /tmp/a && DEVLAB_HOME='/it'\\''s $x' /b/devlab project sync && git log --graph \
             --oneline"
        );
    }
}
