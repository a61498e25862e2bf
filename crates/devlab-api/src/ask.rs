//! What is asked of people about a task.

use devlab_core::ask::{self, AskKind};
use devlab_core::{AttemptId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that is asked of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ask {
    /// From 1 for each task.
    pub number: u32,
    /// `start` and `publication` want an approval, `choice` one of several results, `question` and
    /// `permission` an answer.
    #[schema(value_type = String)]
    pub kind: AskKind,
    /// The attempt that asks; absent if policy does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub attempt: Option<AttemptId>,
    /// The result that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// In words; empty if policy asks.
    pub text: String,
    /// Answers to choose from; a person may say something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// What somebody said to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AskAnswer>,
}

/// What somebody said to what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskAnswer {
    /// Who.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// In words; may be empty for an approval.
    pub text: String,
}

/// What a driver asks a person. It is what a driver writes, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// `question` wants an answer, `permission` a yes or a no. Default `question`.
    #[serde(default = "question_default")]
    #[schema(value_type = String)]
    pub kind: AskKind,
    /// In words; at most 16 KiB.
    pub text: String,
    /// Answers to choose from, at most 16 of at most 1 KiB; a permission without any has yes and no.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

fn question_default() -> AskKind {
    AskKind::Question
}

impl From<Question> for ask::Question {
    fn from(question: Question) -> Self {
        Self {
            kind: question.kind,
            text: question.text,
            choices: question.choices,
        }
    }
}

/// A person's answer. Give either `choice` or `text`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerTask {
    /// Number of the question that is answered; refused if the task asks something else by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// The choice with this number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<u32>,
    /// The answer in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
