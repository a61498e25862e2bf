//! What went wrong with a task last, in words.

use devlab_core::task::Feedback;

use crate::show;

/// Lines of a log that are shown.
const LOG_LINES_MAX: usize = 8;
/// Longest of them.
const LINE_CHARS_MAX: usize = 400;

/// What happened, with the end of the log where there is one.
pub(crate) fn words(feedback: &Feedback) -> String {
    match feedback {
        Feedback::CheckFailed {
            check,
            exit_code,
            log_tail,
            on_target,
            ..
        } => {
            let at = match on_target {
                true => " once it was merged",
                false => "",
            };
            with_log(
                &format!("the check {check} failed{at} (exit code {exit_code})"),
                log_tail,
            )
        }
        Feedback::Conflict { paths, .. } => {
            show::printable(&format!("it conflicts in {}", paths.join(", ")))
        }
        Feedback::DriverFailed {
            reason, log_tail, ..
        } => with_log(&format!("the command failed: {reason}"), log_tail),
        Feedback::Message { by, message, .. } => {
            show::printable(&format!("{by} says: {}", message.trim()))
        }
        Feedback::ChangesRequested { by, message } => {
            show::printable(&format!("{by} asks for changes: {}", message.trim()))
        }
    }
}

/// A line, and below it the last lines of a log.
fn with_log(line: &str, log: &str) -> String {
    let lines: Vec<&str> = log.trim_end().lines().collect();
    let mut text = show::printable(line);
    for line in &lines[lines.len().saturating_sub(LOG_LINES_MAX)..] {
        text.push_str("\n  │ ");
        text.push_str(&show::short(&show::printable(line), LINE_CHARS_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_log_only_the_end_is_shown_and_nothing_moves_the_cursor() {
        let log: String = (1..=20).map(|n| format!("line {n}\x1b[2K\n")).collect();
        let shown = with_log("it failed", &log);
        assert!(shown.starts_with("it failed\n  │ line 13"), "{shown}");
        assert!(shown.ends_with("line 20\u{fffd}[2K"), "{shown}");
        assert_eq!(with_log("it failed", ""), "it failed");
    }
}
