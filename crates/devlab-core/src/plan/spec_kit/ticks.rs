//! The boxes of `tasks.md`: what is ticked off, and the file without them.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{Hidden, boxed};

/// Every line, with the place of the character in its box if it is a task's.
fn lines(text: &str) -> impl Iterator<Item = (&str, Option<(usize, &str)>)> {
    let mut hidden = Hidden::default();
    text.split_inclusive('\n').map(move |line| {
        let found = if hidden.shows(line.trim_end_matches(['\n', '\r'])) {
            boxed(line).filter(|(ticked, rest)| ticked.len() == 1 && is_task(rest))
        } else {
            None
        };
        let id = found.map(|(_, rest)| rest.split_whitespace().next().unwrap_or(""));
        (line, id.map(|id| ("- [".len(), id)))
    })
}

fn is_task(rest: &str) -> bool {
    rest.starts_with('T') && rest[1..].starts_with(|c: char| c.is_ascii_digit())
}

fn write(text: &str, mark: impl Fn(&str, &str) -> Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    for (line, task) in lines(text) {
        let new = task.and_then(|(at, id)| Some((at, mark(id, &line[at..=at])?)));
        match new {
            Some((at, new)) => {
                out.push_str(&line[..at]);
                out.push(new);
                out.push_str(&line[at + 1..]);
            }
            None => out.push_str(line),
        }
    }
    out
}

/// The file with all boxes empty: what a plan depends on.
#[must_use]
pub fn without(text: &str) -> String {
    write(text, |_, _| Some(' '))
}

/// `tasks.md` with the boxes of these tasks ticked. Nothing else changes, line ends included.
#[must_use]
pub fn tick(text: &str, ids: &BTreeSet<&str>) -> String {
    write(text, |id, now| {
        let open = now != "x" && now != "X";
        (open && ids.contains(id)).then_some('X')
    })
}

/// `tasks.md` with its boxes as another version of it has them, and ticked where a version that was
/// merged in has them ticked; those of tasks that neither has are empty. Nothing else changes.
#[must_use]
pub fn with_boxes_of(text: &str, other: &str, merged: Option<&str>) -> String {
    let (known, merged) = (boxes(other), merged.map(boxes).unwrap_or_default());
    let is_ticked = |id: &str| merged.get(id).copied().filter(|now| *now != ' ');
    write(text, |id, _| {
        let other = known.get(id).copied().filter(|now| *now != ' ');
        Some(other.or_else(|| is_ticked(id)).unwrap_or(' '))
    })
}

fn boxes(text: &str) -> BTreeMap<&str, char> {
    lines(text)
        .filter_map(|(line, task)| {
            let (at, id) = task?;
            Some((id, line[at..].chars().next()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "## Phase 1: Setup\r\n- [ ] T001 A\r\n- [x] T002 B\n```\n- [ ] T001 A\n```\n- [ ] other\n- [ ] T003 C";

    #[test]
    fn only_the_boxes_of_the_given_tasks_change() {
        let ticked = tick(FILE, &BTreeSet::from(["T001", "T002", "T009"]));
        let expected = FILE.replacen("- [ ] T001", "- [X] T001", 1);
        assert_eq!(ticked, expected);
        assert_eq!(tick(&ticked, &BTreeSet::from(["T001"])), ticked);
    }

    #[test]
    fn boxes_are_taken_from_another_version() {
        let ticked = tick(FILE, &BTreeSet::from(["T001", "T003"]));
        assert_eq!(with_boxes_of(&ticked, FILE, None), FILE);
        let more = ticked + "\n- [X] T004 D\n";
        let expected = FILE.to_owned() + "\n- [ ] T004 D\n";
        assert_eq!(with_boxes_of(&more, FILE, None), expected);
    }

    #[test]
    fn ticks_of_what_was_merged_stay() {
        let merged = FILE.to_owned() + "\n- [x] T004 D\n- [ ] T005 E\n";
        let own = tick(&merged, &BTreeSet::from(["T001", "T005"]));
        assert_eq!(with_boxes_of(&own, FILE, Some(&merged)), merged);
    }

    #[test]
    fn boxes_are_no_part_of_the_input() {
        let all = tick(FILE, &BTreeSet::from(["T001", "T003"]));
        assert_ne!(all, FILE);
        assert_eq!(without(&all), without(FILE));
        assert_ne!(without(&all.replace("T003 C", "T003 D")), without(FILE));
    }
}
