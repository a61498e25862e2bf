//! What is asked of people: approvals, questions, permissions. Kept with who answered, and when.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::git::Oid;
use crate::id::{AttemptId, TaskId};
use crate::limits::{CHOICE_BYTES_MAX, CHOICES_MAX, COMMENT_BYTES_MAX, QUESTION_BYTES_MAX};
use crate::name;
use crate::state::WaitReason;
use crate::time::Timestamp;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// Whether a task may start.
    Start,
    /// Whether a result may be published.
    Publication,
    /// Whether a result is the one of several that is taken.
    Choice,
    /// Something that an agent wants to know.
    Question,
    /// Whether an agent may do something.
    Permission,
}

impl AskKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Start,
        Self::Publication,
        Self::Choice,
        Self::Question,
        Self::Permission,
    ];

    /// What a task waits for after an agent has asked; `None` if only policy asks this.
    #[must_use]
    pub fn wait_reason(self) -> Option<WaitReason> {
        match self {
            Self::Question => Some(WaitReason::Question),
            Self::Permission => Some(WaitReason::Permission),
            Self::Start | Self::Publication | Self::Choice => None,
        }
    }
}

/// What an agent asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// [`AskKind::Question`] or [`AskKind::Permission`].
    pub kind: AskKind,
    /// In words.
    pub text: String,
    /// Answers to choose from; a person may say something else.
    pub choices: Vec<String>,
}

impl Question {
    /// Checks what an agent sent.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the part below `field`.
    pub fn validate(&self, field: &str) -> Result<(), Refusal> {
        let at = |part: &str| format!("{field}.{part}");
        if self.kind.wait_reason().is_none() {
            return Err(Refusal::invalid(at("kind"), "is question or permission"));
        }
        name::check_text(&at("text"), &self.text, QUESTION_BYTES_MAX)?;
        if self.text.trim().is_empty() {
            return Err(Refusal::invalid(at("text"), "must not be empty"));
        }
        if self.choices.len() > CHOICES_MAX {
            let problem = format!("at most {CHOICES_MAX} choices");
            return Err(Refusal::invalid(at("choices"), problem));
        }
        let mut seen = BTreeSet::new();
        for (i, choice) in self.choices.iter().enumerate() {
            let at = at(&format!("choices[{i}]"));
            name::check_text(&at, choice, CHOICE_BYTES_MAX)?;
            if choice.trim().is_empty() || !seen.insert(choice) {
                return Err(Refusal::invalid(at, "must not be empty or there twice"));
            }
        }
        Ok(())
    }
}

/// What a person answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The choice with this number, from 1.
    Choice(u32),
    /// Words of their own.
    Words(String),
}

impl Reply {
    /// The answer in words.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if there is no such choice, or the words are none.
    pub fn words(&self, choices: &[String]) -> Result<String, Refusal> {
        match self {
            Self::Choice(number) => {
                let index = usize::try_from(*number).ok().and_then(|n| n.checked_sub(1));
                let chosen = index.and_then(|index| choices.get(index)).cloned();
                chosen.ok_or_else(|| {
                    let problem = match choices.len() {
                        0 => "there is nothing to choose from: answer in words".to_owned(),
                        most => format!("must be from 1 to {most}"),
                    };
                    Refusal::invalid("choice", problem)
                })
            }
            Self::Words(text) => {
                name::check_text("text", text, COMMENT_BYTES_MAX)?;
                match text.trim().is_empty() {
                    true => Err(Refusal::invalid("text", "must not be empty")),
                    false => Ok(text.clone()),
                }
            }
        }
    }
}

/// Something that is asked of people about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Task.
    pub task: TaskId,
    /// From 1, without gaps, for each task.
    pub number: u32,
    /// What is asked.
    pub kind: AskKind,
    /// The attempt that asks; absent if policy does.
    pub attempt: Option<AttemptId>,
    /// The result that it is about.
    pub head: Option<Oid>,
    /// In words; may be empty if policy asks.
    pub text: String,
    /// Answers to choose from; none if policy asks.
    pub choices: Vec<String>,
    /// When.
    pub asked_at: Timestamp,
    /// What somebody said to it.
    pub answer: Option<AskAnswer>,
}

/// What somebody said to what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskAnswer {
    /// Who, as [`crate::auth::Principal::display`] shows them.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// In words; may be empty for an approval.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(kind: AskKind, text: &str, choices: &[&str]) -> Question {
        Question {
            kind,
            text: text.to_owned(),
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
        }
    }

    #[test]
    fn questions_have_bounds() {
        let asked = |kind, text: &str, choices: &[&str]| {
            question(kind, text, choices).validate("question").is_ok()
        };
        let long = "x".repeat(QUESTION_BYTES_MAX);
        assert!(asked(AskKind::Question, &long, &["a", "b"]));
        assert!(asked(AskKind::Permission, "?", &[]));
        assert!(!asked(AskKind::Start, "?", &[]));
        assert!(!asked(AskKind::Question, &format!("{long}x"), &[]));
        assert!(!asked(AskKind::Question, " \n", &[]));
        assert!(!asked(AskKind::Question, "?", &["a", "a"]));
        assert!(!asked(AskKind::Question, "?", &["a", ""]));
        let many: Vec<String> = (0..=CHOICES_MAX).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(asked(AskKind::Question, "?", &many[..CHOICES_MAX]));
        assert!(!asked(AskKind::Question, "?", &many));
    }

    #[test]
    fn a_choice_is_by_its_number() {
        let choices = ["tabs".to_owned(), "spaces".to_owned()];
        let chosen = |number| Reply::Choice(number).words(&choices);
        assert_eq!(chosen(1), Ok("tabs".to_owned()));
        assert_eq!(chosen(2), Ok("spaces".to_owned()));
        assert!(chosen(0).is_err() && chosen(3).is_err());
        assert!(Reply::Choice(1).words(&[]).is_err());
        let said = |text: &str| Reply::Words(text.to_owned()).words(&choices);
        assert_eq!(said("neither"), Ok("neither".to_owned()));
        assert!(said(" \n").is_err());
        assert!(said(&"x".repeat(COMMENT_BYTES_MAX + 1)).is_err());
    }
}
