//! What a driver and people say to each other.
//!
//! A driver that needs an answer writes its question to a file and ends with [`EXIT_ASKS`]. Its work
//! so far is pushed, and the attempt ends: nothing waits here.

use std::io::{self, Read};
use std::path::Path;

use devlab_api::agent::{Asked, Completion, DriverFailure, Question};
use devlab_core::ask;

use super::work::{Stop, Work};
use crate::supervise::{DriverEnd, DriverOutcome};

/// Exit code of a driver that asks: "try again later" in the words of `sysexits.h`.
const EXIT_ASKS: i32 = 75;
/// Its question, as JSON of a [`Question`].
pub(super) const QUESTION: &str = "question.json";
/// Largest file that is read: a question at its bounds, with every character escaped.
const QUESTION_FILE_BYTES_MAX: u64 = 256 * 1024;

impl Work {
    /// What the server is told if the driver asks something: its question, once its work so far is
    /// on the server. `None` if it does not ask.
    pub(super) async fn question(
        &mut self,
        outcome: &DriverOutcome,
    ) -> Result<Option<Completion>, Stop> {
        if outcome.end != (DriverEnd::Exited { code: EXIT_ASKS }) {
            return Ok(None);
        }
        let path = self.paths.talk().join(QUESTION);
        let question = match self.files(move || Ok(read_question(&path))).await? {
            Ok(question) => question,
            Err(problem) => {
                let reason = format!("exit code {EXIT_ASKS}, but its question {problem}");
                let log_tail = self.tail_from(self.driver_from);
                return Err(Stop::Failed(DriverFailure {
                    reason,
                    log_tail,
                    not_started: false,
                }));
            }
        };
        self.say("the driver asks a person, and ends until there is an answer");
        let commit = match self.claim.repository.is_some() {
            true => Some(self.commit_and_push().await?),
            false => None,
        };
        let commit = commit.map(|commit| commit.to_string());
        Ok(Some(Completion::Asked(Asked { commit, question })))
    }

    async fn commit_and_push(&mut self) -> Result<devlab_core::Oid, Stop> {
        self.repo().await?;
        let commit = self.commit().await?;
        self.push(&commit).await?;
        self.pushed().await?;
        Ok(commit)
    }
}

/// The question in a file, or what is wrong with it.
fn read_question(path: &Path) -> Result<Question, String> {
    let bytes = match read_at_most(path, QUESTION_FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("is not in the file that DEVLAB_QUESTION names".to_owned());
        }
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let question: Question =
        serde_json::from_slice(&bytes).map_err(|error| format!("is none: {error}"))?;
    let checked = ask::Question::from(question.clone()).validate("question");
    checked.map_err(|refusal| format!("is refused: {refusal}"))?;
    Ok(question)
}

fn read_at_most(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // A driver may have left anything there; what is no file could block a reader for ever.
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)?
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)?;
    match read as u64 > bytes_max {
        true => Err(io::Error::other(format!(
            "it has more than {bytes_max} bytes"
        ))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use devlab_core::ask::AskKind;

    use super::*;

    #[test]
    fn a_question_is_read_and_what_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(QUESTION);
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_question(&path)
        };
        let question = read(r#"{"text": "Which?", "choices": ["a", "b"]}"#).unwrap();
        assert_eq!(
            (question.kind, question.choices.len()),
            (AskKind::Question, 2)
        );
        let may = read(r#"{"kind": "permission", "text": "May I?"}"#).unwrap();
        assert_eq!(may.kind, AskKind::Permission);
        for (text, says) in [
            ("", "is none"),
            ("[]", "is none"),
            (r#"{"text": "?", "chioces": []}"#, "chioces"),
            (r#"{"text": ""}"#, "question.text"),
            (r#"{"kind": "start", "text": "?"}"#, "question.kind"),
            (
                &format!(r#"{{"text": "{}"}}"#, "x".repeat(20_000)),
                "at most",
            ),
            (&"x".repeat(300_000), "more than"),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.contains(says), "{says}: {problem}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(
            read_question(&path)
                .unwrap_err()
                .contains("DEVLAB_QUESTION")
        );
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(read_question(&path).unwrap_err().contains("no file"));
    }
}
