//! What a driver and people say to each other.
//!
//! What people say while a driver runs is appended to a file of JSON lines, each with a number; a
//! driver that takes them writes the number of the last one that it has heard to another file.
//! Otherwise the next attempt hears them: the server knows what this one was told.
//!
//! A driver that needs an answer writes its question to a file and ends with [`EXIT_ASKS`]. Its work
//! so far is pushed, and the attempt ends: nothing waits here.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use devlab_api::agent::{Asked, Completion, DriverFailure, Message, Question};
use devlab_core::ask;

use super::work::{Stop, Work};
use crate::supervise::{DriverEnd, DriverOutcome};

/// Exit code of a driver that asks: "try again later" in the words of `sysexits.h`.
const EXIT_ASKS: i32 = 75;
/// Its question, as JSON of a [`Question`].
pub(super) const QUESTION: &str = "question.json";
/// Largest file that is read: a question at its bounds, with every character escaped.
const QUESTION_FILE_BYTES_MAX: u64 = 256 * 1024;

/// What people say, one [`Message`] a line.
pub(super) const MESSAGES: &str = "messages.jsonl";
/// Number of the last one that the driver has heard, in decimal digits.
pub(super) const HEARD: &str = "heard";
/// Longest file that such a number is read from.
const HEARD_BYTES_MAX: u64 = 64;

/// What was said to an attempt in this process, and the file that its driver reads it from.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Mail>);

#[derive(Debug, Default)]
struct Mail {
    lines: Vec<Vec<u8>>,
    /// Once there is one.
    file: Option<File>,
}

impl Mailbox {
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages there are.
    pub(super) fn seen(&self) -> u32 {
        u32::try_from(self.mail().lines.len()).unwrap_or(u32::MAX)
    }

    /// Makes the file, with what is there already.
    pub(super) fn open(&self, path: &Path) -> io::Result<()> {
        let mut mail = self.mail();
        let mut file = File::create(path)?;
        for line in &mail.lines {
            file.write_all(line)?;
        }
        mail.file = Some(file);
        Ok(())
    }

    /// Appends the next message; one that is there already is left out.
    pub(super) fn put(&self, message: &Message) -> io::Result<()> {
        let mut mail = self.mail();
        if usize::try_from(message.number).ok() != Some(mail.lines.len() + 1) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        if let Some(file) = &mut mail.file {
            file.write_all(&line)?;
        }
        mail.lines.push(line);
        Ok(())
    }
}

impl Work {
    /// How many of the messages the driver says it has heard. What is no number is none.
    pub(super) async fn heard(&self) -> Result<u32, Stop> {
        let path = self.paths.talk().join(HEARD);
        let said = self
            .files(move || Ok(read_at_most(&path, HEARD_BYTES_MAX).unwrap_or_default()))
            .await?;
        let number = std::str::from_utf8(&said).ok().map(str::trim);
        Ok(number.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

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
    let read = File::open(path)?
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
    fn messages_are_appended_once_each_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MESSAGES);
        let at = devlab_core::Timestamp::from_millis(1);
        let message = |number: u32| Message {
            attempt: devlab_core::AttemptId::new(at, 1),
            number,
            by: "operator:ada".to_owned(),
            message: format!("message\n{number}"),
        };
        let mail = Mailbox::default();
        mail.put(&message(1)).unwrap();
        mail.open(&path).unwrap();
        for number in [1, 2, 4, 2, 3] {
            mail.put(&message(number)).unwrap();
        }
        assert_eq!(mail.seen(), 3);
        let text = std::fs::read_to_string(&path).unwrap();
        let read = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let read: Vec<Message> = read.collect();
        assert_eq!(read, [message(1), message(2), message(3)]);
    }

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
