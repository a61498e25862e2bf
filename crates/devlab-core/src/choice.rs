//! Several attempts at once: a task that is tried in several ways, of which one is taken.

use serde::{Deserialize, Serialize};

use crate::check::DriverSpec;
use crate::error::Refusal;
use crate::id::TaskId;
use crate::label::Labels;
use crate::limits::{ALTERNATIVES_MAX, TITLE_CHARS_MAX};
use crate::name;
use crate::rules::schedule::NewTask;
use crate::task::TaskSpec;

/// What a task has to do with a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// A composite whose alternatives are at work, or wait for somebody to choose.
    Open,
    /// A composite of whose alternatives this one was taken.
    Taken(TaskId),
    /// A leaf that is one of its parent's alternatives.
    Alternative,
}

/// Who chooses among the alternatives that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// A person.
    #[default]
    Person,
    /// Nobody: the one that passes first is taken, and the others are called off.
    First,
}

/// One of several ways to do a task. What it leaves out is the task's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alternative {
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<DriverSpec>,
    /// Labels that an agent needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
}

/// The alternatives that a request asks for: so many like the task itself, or those that it lists.
///
/// # Errors
/// [`Refusal::Invalid`] if it asks for both, or for too few or too many; names `best_of` or
/// `alternatives`.
pub fn wanted(
    best_of: Option<u8>,
    list: Option<Vec<Alternative>>,
) -> Result<Vec<Alternative>, Refusal> {
    let bounds = |field: &str, count: usize| {
        if (2..=ALTERNATIVES_MAX).contains(&count) {
            return Ok(());
        }
        let problem = format!("must be between 2 and {ALTERNATIVES_MAX}");
        Err(Refusal::invalid(field, problem))
    };
    match (best_of, list) {
        (None, None) => Ok(Vec::new()),
        (Some(_), Some(_)) => {
            let problem = "give either best_of or alternatives";
            Err(Refusal::invalid("alternatives", problem))
        }
        (Some(count), None) => {
            bounds("best_of", count.into())?;
            Ok(vec![Alternative::default(); count.into()])
        }
        (None, Some(list)) => {
            bounds("alternatives", list.len())?;
            Ok(list)
        }
    }
}

/// What is wrong with the alternatives of a task, whoever made them. The refusal names the field of
/// the task.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn validate(list: &[Alternative], has_tasks: bool, side_effects: bool) -> Result<(), Refusal> {
    if list.is_empty() {
        return Ok(());
    }
    if list.len() < 2 || list.len() > ALTERNATIVES_MAX {
        let problem = format!("must be between 2 and {ALTERNATIVES_MAX}");
        return Err(Refusal::invalid("alternatives", problem));
    }
    if has_tasks {
        let problem = "a task that has tasks below it has no alternatives: give them to those";
        return Err(Refusal::invalid("alternatives", problem));
    }
    if side_effects {
        let problem = "must not be repeated, which alternatives would do";
        return Err(Refusal::invalid("side_effects", problem));
    }
    for (i, one) in list.iter().enumerate() {
        let field = |part: &str| format!("alternatives[{i}].{part}");
        if let Some(title) = &one.title {
            name::check_title(&field("title"), title)?;
        }
        if let Some(driver) = &one.driver {
            driver.validate(&field("driver"))?;
        }
    }
    Ok(())
}

/// Title of an alternative: its number, and its own title or its task's.
pub(crate) fn title(number: usize, count: usize, words: &str) -> String {
    let title = format!("{number} of {count}: {words}");
    title.chars().take(TITLE_CHARS_MAX).collect()
}

/// The leaves that a task's alternatives become. Their keys are their numbers.
#[must_use]
pub fn leaves(task: &NewTask) -> Vec<NewTask> {
    let count = task.alternatives.len();
    let leaf = |(number, one): (usize, &Alternative)| {
        let words = one.title.as_ref().unwrap_or(&task.spec.title);
        NewTask {
            key: number.to_string(),
            spec: TaskSpec {
                title: title(number, count, words),
                driver: one.driver.clone().or_else(|| task.spec.driver.clone()),
                ..task.spec.clone()
            },
            requires: one.labels.clone().unwrap_or_else(|| task.requires.clone()),
            priority: task.priority,
            review: Some(false),
            side_effects: false,
            depends_on: Vec::new(),
            children: Vec::new(),
            alternatives: Vec::new(),
        }
    };
    (1..).zip(&task.alternatives).map(leaf).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_number_or_one_list() {
        let field = |result: Result<Vec<Alternative>, Refusal>| match result {
            Err(Refusal::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let some = |count| Some(vec![Alternative::default(); count]);
        assert_eq!(wanted(None, None), Ok(Vec::new()));
        assert_eq!(wanted(Some(3), None).unwrap().len(), 3);
        assert_eq!(
            wanted(None, some(ALTERNATIVES_MAX)).unwrap().len(),
            ALTERNATIVES_MAX
        );
        assert_eq!(field(wanted(Some(1), None)), "best_of");
        assert_eq!(field(wanted(Some(9), None)), "best_of");
        assert_eq!(field(wanted(None, some(1))), "alternatives");
        assert_eq!(field(wanted(None, some(9))), "alternatives");
        assert_eq!(field(wanted(Some(2), some(2))), "alternatives");
    }
}
