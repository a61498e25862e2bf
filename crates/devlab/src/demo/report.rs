//! What the demo came to: tables for people, one JSON document for programs.

use std::path::Path;

use devlab_core::task::Proof;
use serde_json::json;

use super::facts::Facts;
use super::stage::{Set, Stage};
use super::{Played, say};
use crate::args::Output;
use crate::context::Context;
use crate::show;

/// Characters of a commit or tree that are shown.
const OID_CHARS: usize = 10;

/// Prints it.
pub(super) fn print(context: &Context, played: &Played) -> anyhow::Result<()> {
    let Played { facts, seconds, .. } = played;
    let holds = facts.problems.is_empty();
    if context.output == Output::Json {
        return show::json(&json!({
            "ok": holds,
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "checks_failed": facts.incidents.checks_failed,
            "conflicts_resolved": facts.incidents.conflicts_resolved,
            "agents_killed": facts.incidents.agents_killed,
            "killed": facts.killed,
            "problems": facts.problems,
            "tasks": facts.tasks,
            "attempts": facts.attempts,
            "receipts": facts.receipts,
            "merges": facts.merges,
        }));
    }
    tasks(facts)?;
    attempts(facts)?;
    receipts(facts)?;
    merges(facts)?;
    let (style, sign) = if holds {
        (show::GREEN, "✓")
    } else {
        (show::RED, "✗")
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

fn heading(text: &str) -> anyhow::Result<()> {
    show::line(&format!("\n{0}{text}{0:#}", show::BOLD))
}

fn start_of(oid: &str) -> String {
    oid.chars().take(OID_CHARS).collect()
}

fn tasks(facts: &Facts) -> anyhow::Result<()> {
    heading("Tasks")?;
    let rows = facts.tasks.iter().map(|task| {
        vec![
            task.key.clone(),
            show::short(&task.title, 40),
            task.state.as_str().to_owned(),
            format!("{:?}", task.proof).to_lowercase(),
            task.attempts.to_string(),
            task.merged_as.as_deref().map(start_of).unwrap_or_default(),
        ]
    });
    show::table(
        &["task", "title", "state", "proof", "tries", "merged as"],
        rows,
    )
}

fn attempts(facts: &Facts) -> anyhow::Result<()> {
    heading("Attempts")?;
    let rows = facts.attempts.iter().map(|attempt| {
        vec![
            attempt.task.clone(),
            format!("{} {}", attempt.kind, attempt.number),
            attempt.agent.clone(),
            attempt.state.clone(),
            attempt.failure.clone().unwrap_or_default(),
            format!("{} ms", attempt.ms),
        ]
    });
    show::table(
        &["task", "attempt", "agent", "state", "failure", "took"],
        rows,
    )
}

fn receipts(facts: &Facts) -> anyhow::Result<()> {
    heading("Receipts")?;
    let rows = facts.receipts.iter().map(|receipt| {
        let result = match receipt.passed {
            true => "passed".to_owned(),
            false => format!("exit {}", receipt.exit_code),
        };
        vec![
            receipt.task.clone(),
            receipt.check.clone(),
            result,
            start_of(&receipt.tree),
            format!("{} ms", receipt.ms),
        ]
    });
    show::table(&["task", "check", "result", "tree", "took"], rows)
}

fn merges(facts: &Facts) -> anyhow::Result<()> {
    heading("Merges, oldest first")?;
    let rows = facts.merges.iter().map(|fact| {
        vec![
            start_of(&fact.merge.commit),
            fact.branch.clone(),
            start_of(&fact.merge.tree),
            show::short(&fact.merge.subject, 60),
        ]
    });
    show::table(&["commit", "into", "tree", "subject"], rows)
}

/// How to look around, and the command that brings the commits to where they came from.
pub(super) fn invite(context: &Context, stage: &Stage, set: &Set) -> anyhow::Result<()> {
    let command = fetch_command(
        set.place.checkout.top(),
        stage.server.home.path(),
        &std::env::current_exe()?,
    );
    let text = format!(
        "\nThe commits are in the lab. This brings them into the checkout that they came from:\n\n  \
         {command}\n\nThe lab is at {} until Ctrl-C, which leaves nothing behind.",
        stage.lab.url,
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
