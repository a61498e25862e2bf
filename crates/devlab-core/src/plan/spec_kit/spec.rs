//! Reads `spec.md`: stories, requirements, open questions.

use std::collections::BTreeMap;

use super::lines::{Hidden, story_number};

/// What marks an open question.
const OPEN: &str = "[NEEDS CLARIFICATION";

/// A user story.
#[derive(Debug)]
pub(super) struct Story<'a> {
    /// Its heading, without the marks.
    pub heading: &'a str,
    /// What stands below it, in lines, without empty ones at both ends.
    pub body: Vec<&'a str>,
    /// Line of its heading.
    pub line: u32,
}

/// `spec.md`.
#[derive(Debug, Default)]
pub(super) struct Spec<'a> {
    pub title: &'a str,
    pub stories: BTreeMap<u32, Story<'a>>,
    /// Functional requirements and success criteria by id, such as `FR-001`, each with the lines
    /// that go on with it.
    pub requirements: BTreeMap<&'a str, Vec<&'a str>>,
    /// Lines and texts of open questions.
    pub open_questions: Vec<(u32, &'a str)>,
}

enum Place<'a> {
    Nowhere,
    Story(u32),
    Requirement(&'a str),
}

/// Parses the file. Whatever it does not know is left out: the words are for people.
pub(super) fn parse(text: &str) -> Spec<'_> {
    let mut spec = Spec::default();
    let mut place = Place::Nowhere;
    let mut hidden = Hidden::default();
    for (line, number) in text.lines().zip(1_u32..) {
        if !hidden.shows(line) {
            if let Place::Story(number) = place
                && let Some(story) = spec.stories.get_mut(&number)
                && !line.contains("<!--")
                && !line.contains("-->")
                && !hidden.in_comment()
            {
                story.body.push(line);
            }
            continue;
        }
        if let Some(at) = line.find(OPEN) {
            let end = line[at..].find(']').map_or(line.len(), |end| at + end + 1);
            spec.open_questions.push((number, &line[at..end]));
        }
        if line.starts_with('#') {
            place = heading(line, number, &mut spec);
        } else if let Some((id, rest)) = requirement(line) {
            spec.requirements.insert(id, vec![rest]);
            place = Place::Requirement(id);
        } else {
            place = within(place, line, &mut spec);
        }
    }
    for story in spec.stories.values_mut() {
        trim(&mut story.body);
    }
    spec
}

fn heading<'a>(line: &'a str, at: u32, spec: &mut Spec<'a>) -> Place<'a> {
    let text = line.trim_start_matches('#').trim();
    let level = line.len() - line.trim_start_matches('#').len();
    if level == 1 {
        let title = text.strip_prefix("Feature Specification:").unwrap_or(text);
        if spec.title.is_empty() {
            spec.title = title.trim();
        }
        return Place::Nowhere;
    }
    let lower = text.to_ascii_lowercase();
    let number = story_number(&lower).filter(|_| level == 3 && lower.starts_with("user story "));
    let Some(number) = number else {
        return Place::Nowhere;
    };
    let story = Story {
        heading: text,
        body: Vec::new(),
        line: at,
    };
    spec.stories.entry(number).or_insert(story);
    Place::Story(number)
}

/// Takes a line that is no heading; where the next one belongs.
fn within<'a>(place: Place<'a>, line: &'a str, spec: &mut Spec<'a>) -> Place<'a> {
    match place {
        Place::Nowhere => Place::Nowhere,
        // A rule between two stories belongs to neither.
        Place::Story(number) => {
            if let Some(story) = spec
                .stories
                .get_mut(&number)
                .filter(|_| line.trim() != "---")
            {
                story.body.push(line.trim_end());
            }
            Place::Story(number)
        }
        Place::Requirement(id) if line.starts_with([' ', '\t']) && !line.trim().is_empty() => {
            if let Some(lines) = spec.requirements.get_mut(id) {
                lines.push(line.trim());
            }
            Place::Requirement(id)
        }
        Place::Requirement(_) => Place::Nowhere,
    }
}

/// The id and the words of a line such as `- **FR-001**: System MUST …`.
fn requirement(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("- **")?;
    let (id, rest) = rest.split_once("**")?;
    let id = id.trim_end_matches(':');
    let rest = rest.trim_start_matches(':').trim();
    is_requirement(id).then_some((id, rest))
}

fn is_requirement(word: &str) -> bool {
    let digits = word
        .strip_prefix("FR-")
        .or_else(|| word.strip_prefix("SC-"));
    digits.is_some_and(|digits| digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Requirements that a text names, in its order.
pub(super) fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .map(|word| word.trim_matches('-'))
        .filter(|word| is_requirement(word))
}

fn trim(lines: &mut Vec<&str>) {
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let empty = lines.iter().take_while(|line| line.is_empty()).count();
    lines.drain(..empty);
}
