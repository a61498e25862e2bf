//! Values in the words of a goal.
//!
//! A place is a name in braces, `{branch}`, in a title or in the words of a goal. It is filled once:
//! what a value has in braces stays as it is. Commands are never changed: a value that somebody
//! outside chose must not become part of one. They get the values as variables of their environment,
//! `DEVLAB_START_BRANCH`.

use std::collections::BTreeMap;

use crate::check::DriverSpec;
use crate::limits::{GOAL_BYTES_MAX, TITLE_CHARS_MAX};
use crate::rules::schedule::NewTask;

/// Longest value, in characters.
pub const VALUE_CHARS_MAX: usize = 200;
/// Longest place, with its braces: what is further away ends another one.
const PLACE_BYTES_MAX: usize = 34;
/// What the variables of a command begin with.
const VARIABLE: &str = "DEVLAB_START_";

/// A value from outside: one line, without control characters, of bounded length.
#[must_use]
pub fn one_line(text: &str) -> String {
    let plain = text.chars().filter(|c| !is_hidden(*c));
    plain.take(VALUE_CHARS_MAX).collect()
}

/// Whether a character does something to a text without being seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}')
}

/// A goal with its places filled.
#[must_use]
pub fn fill(goal: &NewTask, values: &BTreeMap<String, String>) -> NewTask {
    let mut filled = goal.clone();
    fill_in(&mut filled, values);
    filled
}

fn fill_in(task: &mut NewTask, values: &BTreeMap<String, String>) {
    let title = words(&task.spec.title, values);
    task.spec.title = title.chars().take(TITLE_CHARS_MAX).collect();
    task.spec.goal = words(&task.spec.goal, values);
    let ways = task.alternatives.iter_mut();
    let titles = ways.filter_map(|way| way.title.as_mut());
    for title in titles {
        *title = words(title, values).chars().take(TITLE_CHARS_MAX).collect();
    }
    let ways = task.alternatives.iter_mut();
    let drivers = ways.filter_map(|way| way.driver.as_mut());
    for driver in drivers.chain(&mut task.spec.driver) {
        let DriverSpec::Command(command) = driver;
        for (name, value) in values {
            let variable = format!("{VARIABLE}{}", name.to_ascii_uppercase());
            // What the template itself says counts.
            command.env.entry(variable).or_insert_with(|| value.clone());
        }
    }
    for child in &mut task.children {
        fill_in(child, values);
    }
}

fn words(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        match place(rest).and_then(|name| Some((name, values.get(name)?))) {
            // What gets longer than a goal may be is refused anyway.
            Some((name, value)) if filled.len() <= GOAL_BYTES_MAX => {
                filled.push_str(value);
                rest = &rest[name.len() + 2..];
            }
            Some(_) | None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The name in a place that a text begins with.
fn place(text: &str) -> Option<&str> {
    let mut near = text.bytes().take(PLACE_BYTES_MAX);
    let end = near.position(|byte| byte == b'}')?;
    text.get(1..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = of.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn places_are_filled_once_and_unknown_ones_stay() {
        let values = values(&[("branch", "{commit}"), ("commit", "abc")]);
        let filled = words("{branch} at {commit}, {other} {} {{commit}}", &values);
        assert_eq!(filled, "{commit} at abc, {other} {} {abc}");
        assert_eq!(words("{", &values), "{");
        let many = "{".repeat(GOAL_BYTES_MAX);
        assert_eq!(words(&many, &values), many, "and soon");
        let long = words(&"{branch}".repeat(GOAL_BYTES_MAX), &values);
        assert!(long.len() < 10 * GOAL_BYTES_MAX);
        assert_eq!(
            words("\u{fc}{\u{fc}}{commit}", &values),
            "\u{fc}{\u{fc}}abc"
        );
    }

    #[test]
    fn a_value_is_one_plain_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m\u{202e}c\u{e0041}"), "ab[31mc");
        let long = "\u{fc}".repeat(500);
        assert_eq!(one_line(&long).chars().count(), VALUE_CHARS_MAX);
    }

    #[test]
    fn a_command_gets_values_as_variables_only() {
        let goal = serde_json::json!({
            "spec": {"title": "Look at {branch}", "goal": "{branch}", "checks": [],
                "driver": {"command": {"script": "echo {branch}"}}},
            "requires": [], "priority": 0, "review": null, "side_effects": false,
            "children": [{"spec": {"title": "{branch}", "goal": "", "driver": null, "checks": []},
                "requires": [], "priority": 0, "review": null, "side_effects": false}],
        });
        let goal: NewTask = serde_json::from_value(goal).unwrap();
        let filled = fill(&goal, &values(&[("branch", "$(rm -rf /)")]));
        assert_eq!(filled.spec.title, "Look at $(rm -rf /)");
        assert_eq!(filled.children[0].spec.title, "$(rm -rf /)");
        let Some(DriverSpec::Command(command)) = filled.spec.driver else {
            panic!("it has a command");
        };
        assert_eq!(command.script.as_deref(), Some("echo {branch}"));
        assert_eq!(command.env["DEVLAB_START_BRANCH"], "$(rm -rf /)");
    }
}
