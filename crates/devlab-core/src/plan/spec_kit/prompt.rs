//! The words that an agent gets: the task, with the story and the requirements that it serves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::limits::GOAL_BYTES_MAX;

use super::lines::Line;
use super::spec::{self, Spec, Story};
use super::{SPEC_FILE, TASKS_FILE};

/// Room that is made at first for the requirements of a task.
const REQUIREMENTS_BYTES: usize = 128;

/// What all tasks of a feature are told in the same words, made once.
pub(super) struct Words<'a> {
    spec: &'a Spec<'a>,
    stories: BTreeMap<u32, StoryWords<'a>>,
    end: String,
}

struct StoryWords<'a> {
    /// The story, as a part of its own.
    text: String,
    /// Requirements that it names, each once.
    named: Vec<&'a str>,
}

impl<'a> Words<'a> {
    pub(super) fn new(spec: &'a Spec<'a>, feature: &str, folder: &str) -> Self {
        let words = |(&number, story): (&u32, &'a Story<'a>)| {
            let mut text = format!("\n## {}\n\n", story.heading);
            for line in &story.body {
                text.push_str(line);
                text.push('\n');
            }
            let mut seen = BTreeSet::new();
            let named = story.body.iter().flat_map(|line| spec::named(line));
            let named = named.filter(|id| spec.requirements.contains_key(id) && seen.insert(*id));
            let named = named.collect();
            (number, StoryWords { text, named })
        };
        let end = format!(
            "\n## Where this belongs\n\n\
             This is one task of the feature \"{feature}\", which is described in \
             {folder}/{SPEC_FILE} and the files beside it. Do this task and no other: others do \
             the rest. Leave the boxes in {folder}/{TASKS_FILE} alone; they are ticked when the \
             work has landed.\n"
        );
        Self {
            spec,
            stories: spec.stories.iter().map(words).collect(),
            end,
        }
    }

    /// Lines and numbers of stories that are longer than what a task may be told.
    pub(super) fn too_long(&self) -> impl Iterator<Item = (u32, u32)> {
        let long = self.stories.iter();
        let long = long.filter(|(_, story)| story.text.len() > GOAL_BYTES_MAX);
        long.filter_map(|(number, _)| Some((self.spec.stories.get(number)?.line, *number)))
    }

    /// What a task is told. It says nothing of the task's id or phase: both may change while the
    /// task stays the same.
    pub(super) fn of(&self, task: &Line<'_>) -> String {
        let story = task.story.and_then(|number| self.stories.get(&number));
        let shared = self.end.len() + story.map_or(0, |story| story.text.len());
        let own: usize = task.words().map(|line| line.len() + 1).sum();
        let mut text = String::with_capacity(own + REQUIREMENTS_BYTES + shared);
        for line in task.words() {
            text.push_str(line);
            text.push('\n');
        }
        let own = task.words().flat_map(spec::named);
        let of_story = story.into_iter().flat_map(|story| &story.named).copied();
        let mut seen = BTreeSet::new();
        for id in own.chain(of_story) {
            let Some(lines) = self.spec.requirements.get(id) else {
                continue;
            };
            if seen.is_empty() {
                text.push_str("\n## Requirements\n\n");
            }
            if seen.insert(id) {
                put(&mut text, format_args!("- {id}: {}\n", lines.join("\n  ")));
            }
        }
        if let Some(story) = story {
            text.push_str(&story.text);
        }
        text.push_str(&self.end);
        text
    }
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
