//! The words that an agent gets: the task, with the story and the requirements that it serves.

use std::fmt::Write as _;

use super::lines::Line;
use super::spec::{self, Spec, Story};
use super::{SPEC_FILE, TASKS_FILE};

/// What a task is told. It says nothing of the task's id or phase: both may change while the task
/// stays the same.
pub(super) fn of(
    task: &Line<'_>,
    story: Option<&Story<'_>>,
    spec: &Spec<'_>,
    feature: &str,
    folder: &str,
) -> String {
    let mut text = format!("{}\n", task.text);
    for line in &task.details {
        text.push_str(line);
        text.push('\n');
    }
    let named = requirements(task, story);
    let mut named = named.filter_map(|id| Some((id, spec.requirements.get(id)?)));
    let first = named.next();
    let mut seen = std::collections::BTreeSet::new();
    if first.is_some() {
        text.push_str("\n## Requirements\n\n");
    }
    for (id, lines) in first.into_iter().chain(named) {
        if seen.insert(id) {
            put(&mut text, format_args!("- {id}: {}\n", lines.join("\n  ")));
        }
    }
    if let Some(story) = story {
        put(&mut text, format_args!("\n## {}\n\n", story.heading));
        for line in &story.body {
            text.push_str(line);
            text.push('\n');
        }
    }
    put(
        &mut text,
        format_args!(
            "\n## Where this belongs\n\n\
             This is one task of the feature \"{feature}\", which is described in \
             {folder}/{SPEC_FILE} and the files beside it. Do this task and no other: others do \
             the rest. Leave the boxes in {folder}/{TASKS_FILE} alone; they are ticked when the \
             work has landed.\n"
        ),
    );
    text
}

/// What the whole feature is told: for what is generated for it, such as a merge.
pub(super) fn goal(feature: &str, folder: &str) -> String {
    format!("The feature \"{feature}\", as {folder}/{SPEC_FILE} describes it.\n")
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let written = text.write_fmt(args);
    debug_assert!(written.is_ok());
}

/// Requirements that a task or its story names.
fn requirements<'a>(
    task: &'a Line<'a>,
    story: Option<&'a Story<'a>>,
) -> impl Iterator<Item = &'a str> {
    let details = task.details.iter().flat_map(|line| spec::named(line));
    let body = story.into_iter().flat_map(|story| &story.body);
    spec::named(task.text)
        .chain(details)
        .chain(body.flat_map(|line| spec::named(line)))
}
