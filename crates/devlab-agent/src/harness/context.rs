//! What a driver is told, as files in a folder of its own.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use devlab_api::agent::Claimed;
use devlab_api::task::Ask;
use devlab_core::Oid;
use devlab_core::task::Feedback;
use serde_json::json;

use super::config::Withhold;

/// Files of the folder; see `examples/demo/README.md` for what a driver relies on.
const PROMPT: &str = "prompt.md";
const FAILED_CHECK: &str = "failed-check.log";
const CONFLICT: &str = "conflict.json";
const FEEDBACK: &str = "feedback.json";
const ANSWERS: &str = "answers.json";
/// Output of a set-up that failed before the driver.
pub(super) const FAILED_SETUP: &str = "failed-setup.log";
/// Largest file that is searched for conflict markers.
const MARKED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Two sides that git could not bring together.
#[derive(Debug, Clone)]
pub(super) struct Conflict {
    /// What landed in the target.
    pub(super) theirs: Oid,
    /// The earlier work on this task, or what is to be merged.
    pub(super) ours: Oid,
    pub(super) paths: Vec<String>,
    pub(super) messages: Vec<String>,
}

/// Writes the folder, which is empty.
pub(super) fn write(
    folder: &Path,
    tree: &Path,
    claim: &Claimed,
    conflict: Option<Conflict>,
    withhold: Withhold,
) -> io::Result<()> {
    let feedback: Vec<Feedback> = claim
        .feedback
        .iter()
        .filter(|entry| !is_withheld(entry, withhold))
        .cloned()
        .collect();
    let marked = conflict.map(|conflict| Conflict {
        paths: with_markers(tree, &conflict.paths),
        ..conflict
    });
    fs::write(
        folder.join(PROMPT),
        prompt(claim, &feedback, marked.as_ref()),
    )?;
    if let Some(log) = feedback.iter().rev().find_map(failed_check) {
        fs::write(folder.join(FAILED_CHECK), log)?;
    }
    if let Some(conflict) = marked.filter(|conflict| !conflict.paths.is_empty()) {
        let body = json!({
            "paths": conflict.paths,
            // Not `ours` and `theirs`: those are the other way round for git, whose markers have
            // what landed on top.
            "landed": conflict.theirs,
            "mine": conflict.ours,
            "messages": conflict.messages,
        });
        fs::write(folder.join(CONFLICT), serde_json::to_vec_pretty(&body)?)?;
    }
    if !feedback.is_empty() {
        fs::write(folder.join(FEEDBACK), serde_json::to_vec_pretty(&feedback)?)?;
    }
    if !claim.answers.is_empty() {
        let body = serde_json::to_vec_pretty(&claim.answers)?;
        fs::write(folder.join(ANSWERS), body)?;
    }
    Ok(())
}

fn is_withheld(entry: &Feedback, withhold: Withhold) -> bool {
    match entry {
        Feedback::CheckFailed { .. } => withhold.check_log,
        Feedback::Conflict { .. } => withhold.conflict,
        Feedback::DriverFailed { .. }
        | Feedback::Message { .. }
        | Feedback::ChangesRequested { .. } => false,
    }
}

fn failed_check(entry: &Feedback) -> Option<&str> {
    match entry {
        Feedback::CheckFailed { log_tail, .. } => Some(log_tail),
        Feedback::Conflict { .. }
        | Feedback::DriverFailed { .. }
        | Feedback::Message { .. }
        | Feedback::ChangesRequested { .. } => None,
    }
}

/// Those files that have markers: a file that one side removed conflicts without any.
fn with_markers(tree: &Path, paths: &[String]) -> Vec<String> {
    let mut marked: Vec<String> = paths
        .iter()
        .filter(|path| has_markers(&tree.join(path)))
        .cloned()
        .collect();
    marked.sort_unstable();
    marked.dedup();
    marked
}

fn has_markers(path: &Path) -> bool {
    let is_small_file = fs::symlink_metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.len() <= MARKED_BYTES_MAX);
    is_small_file
        && fs::read(path).is_ok_and(|bytes| {
            bytes
                .split(|byte| *byte == b'\n')
                .any(|line| line.starts_with(b"<<<<<<< "))
        })
}

/// The task in words, with what happened before, for people and language models.
fn prompt(claim: &Claimed, feedback: &[Feedback], conflict: Option<&Conflict>) -> String {
    let mut text = format!("# {}\n\n{}\n", claim.title, claim.goal.trim_end());
    if !feedback.is_empty() {
        text.push_str("\n## What happened before\n");
    }
    for entry in feedback {
        text.push('\n');
        text.push_str(&in_words(entry));
    }
    if !claim.answers.is_empty() {
        text.push_str("\n## What was asked, and answered\n");
    }
    for ask in &claim.answers {
        text.push_str(&answer_in_words(ask));
    }
    if let Some(conflict) = conflict {
        text.push_str(
            "\n## Conflicts in the tree\n\n\
             The tree has the newest state of the target, with the earlier work on this task \
             merged into it. Both sides changed the same places; resolve them and remove the \
             markers.\n\n",
        );
        let named = if conflict.messages.is_empty() {
            &conflict.paths
        } else {
            &conflict.messages
        };
        for line in named {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "- {line}");
        }
    }
    text
}

/// A question of an earlier attempt, with what somebody answered.
fn answer_in_words(ask: &Ask) -> String {
    let mut text = format!("\n{}\n", quoted(&ask.text));
    if !ask.choices.is_empty() {
        text.push_str("To choose from:\n\n");
        text.extend(ask.choices.iter().map(|choice| quoted(choice)));
        text.push('\n');
    }
    if let Some(answer) = &ask.answer {
        let (by, words) = (&answer.by, quoted(&answer.text));
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{by} answered:\n\n{words}");
    }
    text
}

fn in_words(entry: &Feedback) -> String {
    match entry {
        Feedback::CheckFailed {
            check,
            command,
            exit_code,
            log_tail,
            on_target,
            ..
        } => {
            let place = if *on_target {
                " after the result was merged with its target"
            } else {
                ""
            };
            format!(
                "### The check `{check}` failed{place}\n\n\
                 `{command}` ended with exit code {exit_code}. The end of its output:\n\n{}",
                quoted(log_tail)
            )
        }
        Feedback::Conflict { paths, .. } => {
            let list: String = paths.iter().map(|path| format!("- {path}\n")).collect();
            format!("### The result conflicted with its target\n\n{list}")
        }
        Feedback::DriverFailed {
            reason, log_tail, ..
        } => format!(
            "### The work was not finished: {reason}\n\nThe end of its output:\n\n{}",
            quoted(log_tail)
        ),
        Feedback::Message { by, message, .. } => {
            format!("### {by} says\n\n{}\n", message.trim_end())
        }
        Feedback::ChangesRequested { by, message } => {
            format!("### {by} asked for changes\n\n{}\n", message.trim_end())
        }
    }
}

/// Output as an indented block: no output can end it.
fn quoted(output: &str) -> String {
    output.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use devlab_core::{AttemptId, TaskId, Timestamp};

    use super::*;

    fn claim(feedback: Vec<Feedback>) -> Claimed {
        let at = Timestamp::from_millis(1);
        Claimed {
            attempt: AttemptId::new(at, 1),
            task: TaskId::new(at, 1),
            number: 2,
            kind: devlab_core::attempt::AttemptKind::Work,
            lease_ms: 30_000,
            title: "Export".to_owned(),
            goal: "Write CSV.".to_owned(),
            driver: None,
            driver_secs_max: None,
            repository: None,
            artifacts: Vec::new(),
            feedback,
            answers: Vec::new(),
        }
    }

    fn check_failed(log_tail: &str) -> Feedback {
        Feedback::CheckFailed {
            attempt: AttemptId::new(Timestamp::from_millis(1), 1),
            check: "test".to_owned(),
            command: "npm test".to_owned(),
            exit_code: 1,
            log_tail: log_tail.to_owned(),
            on_target: false,
        }
    }

    #[test]
    fn the_newest_failure_is_given_and_may_be_withheld() {
        let folder = tempfile::tempdir().unwrap();
        let claim = claim(vec![check_failed("old"), check_failed("new\n# title")]);
        let tree = folder.path();
        write(folder.path(), tree, &claim, None, Withhold::default()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read(FAILED_CHECK), "new\n# title");
        assert!(
            read(PROMPT).contains("    new\n    # title\n"),
            "{}",
            read(PROMPT)
        );
        assert!(read(FEEDBACK).contains("\"old\""));

        let folder = tempfile::tempdir().unwrap();
        let withhold = Withhold {
            check_log: true,
            conflict: false,
        };
        write(folder.path(), tree, &claim, None, withhold).unwrap();
        assert!(!folder.path().join(FAILED_CHECK).exists());
        assert!(!folder.path().join(FEEDBACK).exists());
        let text = fs::read_to_string(folder.path().join(PROMPT)).unwrap();
        assert_eq!(text, "# Export\n\nWrite CSV.\n");
    }

    #[test]
    fn what_a_person_said_is_in_the_prompt() {
        let folder = tempfile::tempdir().unwrap();
        let said = Feedback::Message {
            by: "operator:ada".to_owned(),
            message: "Mind the gap\n".to_owned(),
            attempt: None,
            after: 0,
        };
        let claim = claim(vec![said]);
        write(
            folder.path(),
            folder.path(),
            &claim,
            None,
            Withhold::default(),
        )
        .unwrap();
        let text = fs::read_to_string(folder.path().join(PROMPT)).unwrap();
        assert!(
            text.contains("### operator:ada says\n\nMind the gap\n"),
            "{text}"
        );
        let text = fs::read_to_string(folder.path().join(FEEDBACK)).unwrap();
        assert!(text.contains("\"message\""), "{text}");
    }

    #[test]
    fn what_was_answered_is_in_the_prompt() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_millis(1);
        let mut claim = claim(Vec::new());
        claim.answers = vec![Ask {
            number: 1,
            kind: devlab_core::ask::AskKind::Question,
            attempt: None,
            head: None,
            text: "Tabs or spaces?\n# no title".to_owned(),
            choices: vec!["tabs".to_owned(), "spaces".to_owned()],
            asked_at: at,
            answer: Some(devlab_api::task::AskAnswer {
                by: "operator:ada".to_owned(),
                at,
                text: "spaces".to_owned(),
            }),
        }];
        let none = Withhold::default();
        write(folder.path(), folder.path(), &claim, None, none).unwrap();
        let text = fs::read_to_string(folder.path().join(PROMPT)).unwrap();
        let told = "    Tabs or spaces?\n    # no title\n\nTo choose from:\n\n    tabs\n    spaces\n\n\
                    operator:ada answered:\n\n    spaces\n";
        assert!(text.contains(told), "{text}");
        let text = fs::read_to_string(folder.path().join(ANSWERS)).unwrap();
        assert!(text.contains("\"spaces\""), "{text}");
    }

    #[test]
    fn only_files_with_markers_are_conflicts_to_resolve() {
        let folder = tempfile::tempdir().unwrap();
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("both"), "a\n<<<<<<< x\nb\n").unwrap();
        fs::write(tree.path().join("removed"), "a\n").unwrap();
        let conflict = Conflict {
            theirs: "a".repeat(40).parse().unwrap(),
            ours: "b".repeat(40).parse().unwrap(),
            paths: ["removed", "both", "gone", "both"]
                .map(str::to_owned)
                .into(),
            messages: vec!["CONFLICT (modify/delete): removed".to_owned()],
        };
        let claim = claim(Vec::new());
        let none = Withhold::default();
        write(folder.path(), tree.path(), &claim, Some(conflict), none).unwrap();
        let bytes = fs::read(folder.path().join(CONFLICT)).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(body["paths"], json!(["both"]));
        let text = fs::read_to_string(folder.path().join(PROMPT)).unwrap();
        assert!(
            text.contains("- CONFLICT (modify/delete): removed"),
            "{text}"
        );
    }
}
