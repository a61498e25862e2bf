//! The boxes of `tasks.md`: what is ticked off, and the file without them.
//!
//! An id alone does not say which task a line is: the file may have been numbered anew. So boxes are
//! set where the words are those of the task too.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{Hidden, boxed, marked};

/// A task's line.
#[derive(Clone, Copy)]
struct Found<'a> {
    /// Where the character in its box stands, in bytes.
    at: usize,
    id: &'a str,
    /// What it says, without id and marks.
    words: &'a str,
}

/// Every line, with what it is if it is a task's.
fn lines(text: &str) -> impl Iterator<Item = (&str, Option<Found<'_>>)> {
    let mut hidden = Hidden::default();
    text.split_inclusive('\n').map(move |line| {
        let found = if hidden.shows(line.trim_end_matches(['\n', '\r'])) {
            boxed(line).filter(|(ticked, rest)| ticked.len() == 1 && is_task(rest))
        } else {
            None
        };
        (line, found.map(|(_, rest)| task(rest)))
    })
}

fn task(rest: &str) -> Found<'_> {
    let rest = rest.trim_end();
    let (id, mut words) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    while let Some((_, after)) = marked(words) {
        words = after;
    }
    let (at, words) = ("- [".len(), words.trim());
    Found { at, id, words }
}

fn is_task(rest: &str) -> bool {
    rest.starts_with('T') && rest[1..].starts_with(|c: char| c.is_ascii_digit())
}

fn write(text: &str, mark: impl Fn(Found<'_>, &str) -> Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    for (line, task) in lines(text) {
        let new = task.and_then(|task| Some((task.at, mark(task, &line[task.at..=task.at])?)));
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
///
/// The ids are those of the planned version of the file. A line is such a task if that says the same
/// under its id, or, after numbers have changed, if it alone says what one task alone says there. What
/// a task's id says in `own`, the file beside the work, is such a task too if only its words have
/// changed: neither says any other task the same, nor does any other one say by now what it said.
#[must_use]
pub fn tick(text: &str, ids: &BTreeSet<&str>, planned: &str, own: &str) -> String {
    let said = Words::of(planned);
    let at_first = boxes(planned);
    let beside = Words::of(own);
    let here = Words::of(text);
    write(text, |task, now| {
        let is_same = || said.has(task.words, task.id);
        let is_reworded = || {
            let before = at_first.get(task.id).map(|before| before.words);
            beside.has(task.words, task.id)
                && !said.knows(task.words)
                && before.is_none_or(|words| !beside.knows(words))
        };
        let is_moved = || {
            let was = said.only(task.words)?;
            here.only(task.words).filter(|_| ids.contains(was))
        };
        let is_done = ids.contains(task.id) && (is_same() || is_reworded());
        let open = now != "x" && now != "X";
        (open && (is_done || is_moved().is_some())).then_some('X')
    })
}

/// `tasks.md` with its boxes as another version of it has them, and ticked where a version that was
/// merged in has them ticked; those of tasks that neither has are empty. Nothing else changes.
#[must_use]
pub fn with_boxes_of(text: &str, other: &str, merged: Option<&str>) -> String {
    let here = Words::of(text);
    let versions: Vec<_> = [Some(other), merged].into_iter().flatten().collect();
    let versions: Vec<_> = versions
        .into_iter()
        .map(|version| (boxes(version), Words::of(version)))
        .collect();
    write(text, |task, _| {
        let ticked = |(boxes, words): &(BTreeMap<&str, Ticked<'_>>, Words<'_>)| {
            let own = boxes.get(task.id).copied();
            // It may say something else by now, unless what it said is at another place.
            let is_it = |own: &Ticked<'_>| own.words == task.words || !here.knows(own.words);
            let moved = words
                .only(task.words)
                .filter(|_| here.only(task.words).is_some());
            let moved = moved.and_then(|id| boxes.get(id).copied());
            let found = own.filter(|own| own.words == task.words).or(moved);
            let found = found.or_else(|| own.filter(is_it));
            found.map(|ticked| ticked.mark).filter(|mark| *mark != ' ')
        };
        Some(versions.iter().find_map(ticked).unwrap_or(' '))
    })
}

#[derive(Clone, Copy)]
struct Ticked<'a> {
    mark: char,
    words: &'a str,
}

fn boxes(text: &str) -> BTreeMap<&str, Ticked<'_>> {
    let tasks = lines(text).filter_map(|(line, task)| {
        let Found { at, id, words } = task?;
        let mark = line[at..].chars().next()?;
        Some((id, Ticked { mark, words }))
    });
    tasks.collect()
}

/// What tasks say, with those that say it.
#[derive(Default)]
struct Words<'a>(BTreeMap<&'a str, Said<'a>>);

#[derive(Default)]
struct Said<'a> {
    ids: BTreeSet<&'a str>,
    /// Lines with these words, also those of one id.
    lines: usize,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = Self::default();
        for task in lines(text).filter_map(|(_, task)| task) {
            let said = words.0.entry(task.words).or_default();
            said.ids.insert(task.id);
            said.lines += 1;
        }
        words
    }

    fn knows(&self, words: &str) -> bool {
        self.0.contains_key(words)
    }

    fn has(&self, words: &str, id: &str) -> bool {
        self.0.get(words).is_some_and(|said| said.ids.contains(id))
    }

    /// The task that alone says this.
    fn only(&self, words: &str) -> Option<&'a str> {
        let said = self.0.get(words).filter(|said| said.lines == 1)?;
        said.ids.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "## Phase 1: Setup\r\n- [ ] T001 A\r\n- [x] T002 B\n```\n- [ ] T001 A\n```\n- [ ] other\n- [ ] T003 C";

    #[test]
    fn only_the_boxes_of_the_given_tasks_change() {
        let ticked = tick(FILE, &BTreeSet::from(["T001", "T002", "T009"]), FILE, FILE);
        let expected = FILE.replacen("- [ ] T001", "- [X] T001", 1);
        assert_eq!(ticked, expected);
        assert_eq!(tick(&ticked, &BTreeSet::from(["T001"]), FILE, FILE), ticked);
    }

    #[test]
    fn boxes_are_taken_from_another_version() {
        let ticked = tick(FILE, &BTreeSet::from(["T001", "T003"]), FILE, FILE);
        assert_eq!(with_boxes_of(&ticked, FILE, None), FILE);
        let more = ticked + "\n- [X] T004 D\n";
        let expected = FILE.to_owned() + "\n- [ ] T004 D\n";
        assert_eq!(with_boxes_of(&more, FILE, None), expected);
    }

    #[test]
    fn ticks_of_what_was_merged_stay() {
        let merged = FILE.to_owned() + "\n- [x] T004 D\n- [ ] T005 E\n";
        let own = tick(&merged, &BTreeSet::from(["T001", "T005"]), &merged, &merged);
        assert_eq!(with_boxes_of(&own, FILE, Some(&merged)), merged);
    }

    #[test]
    fn boxes_are_no_part_of_the_input() {
        let all = tick(FILE, &BTreeSet::from(["T001", "T003"]), FILE, FILE);
        assert_ne!(all, FILE);
        assert_eq!(without(&all), without(FILE));
        assert_ne!(without(&all.replace("T003 C", "T003 D")), without(FILE));
    }

    const PLANNED: &str = "- [ ] T001 a\n- [ ] T002 [P] b\n- [ ] T003 c\n";
    const NUMBERED_ANEW: &str = "- [ ] T001 a\n- [ ] T002 new\n- [ ] T003 b\n- [ ] T004 c\n";

    #[test]
    fn a_number_that_another_task_has_by_now_is_not_ticked() {
        let done = BTreeSet::from(["T001", "T002", "T003"]);
        let expected = "- [X] T001 a\n- [ ] T002 new\n- [X] T003 b\n- [X] T004 c\n";
        assert_eq!(tick(NUMBERED_ANEW, &done, PLANNED, PLANNED), expected);
        // T003 is not done: what is called so by now is T002, which is.
        let done = BTreeSet::from(["T002"]);
        let expected = "- [ ] T001 a\n- [ ] T002 new\n- [X] T003 b\n- [ ] T004 c\n";
        assert_eq!(tick(NUMBERED_ANEW, &done, PLANNED, PLANNED), expected);
    }

    #[test]
    fn the_file_beside_the_work_may_be_numbered_anew_too() {
        let done = BTreeSet::from(["T001", "T002", "T003"]);
        let expected = "- [X] T001 a\n- [ ] T002 new\n- [X] T003 b\n- [X] T004 c\n";
        let ticked = tick(NUMBERED_ANEW, &done, PLANNED, NUMBERED_ANEW);
        assert_eq!(ticked, expected);
        // What was planned under its number is not there, but what is there was planned under another.
        let planned = "- [ ] T001 a\n- [ ] T002 new\n- [ ] T003 b\n";
        let behind = "- [ ] T001 a\n- [ ] T002 b\n";
        let done = BTreeSet::from(["T001", "T002"]);
        let expected = "- [X] T001 a\n- [ ] T002 b\n";
        assert_eq!(tick(behind, &done, planned, behind), expected);
    }

    #[test]
    fn a_task_in_other_words_is_ticked_by_its_number() {
        let done = BTreeSet::from(["T002"]);
        let reworded = PLANNED.replace("b\n", "b, as in x.rs\n");
        let expected = reworded.replace("[ ] T002 [P]", "[X] T002 [P]");
        assert_eq!(tick(&reworded, &done, PLANNED, &reworded), expected);
        // Who has done it did not say that it is the same.
        assert_eq!(tick(&reworded, &done, PLANNED, PLANNED), reworded);
    }

    #[test]
    fn a_file_that_says_the_same_everywhere_is_read_in_reasonable_time() {
        let line = |n: u32| format!("- [ ] T{n:06} a\n");
        let text: String = (0..40_000).map(line).collect();
        let ticked = tick(&text, &BTreeSet::from(["T000007"]), &text, &text);
        assert_eq!(ticked.matches("[X]").count(), 1);
        assert_eq!(with_boxes_of(&ticked, &text, None), text);
    }

    #[test]
    fn of_two_tasks_that_say_the_same_each_is_ticked_by_its_number_only() {
        let planned = "- [ ] T001 test\n- [ ] T002 build\n- [ ] T003 test\n";
        let done = BTreeSet::from(["T001"]);
        let fewer = "- [ ] T001 build\n- [ ] T002 test\n";
        assert_eq!(tick(fewer, &done, planned, planned), fewer);
        let expected = planned.replacen("[ ]", "[X]", 1);
        assert_eq!(tick(planned, &done, planned, planned), expected);
    }

    #[test]
    fn marks_may_change_and_a_version_more_is_known() {
        let done = BTreeSet::from(["T002", "T004"]);
        let marked = "- [ ] T002 [US1] b\n- [ ] T004 d\n";
        let later = "- [ ] T004 d\n";
        let expected = "- [X] T002 [US1] b\n- [ ] T004 d\n";
        assert_eq!(tick(marked, &done, PLANNED, PLANNED), expected);
        let expected = "- [X] T002 [US1] b\n- [X] T004 d\n";
        assert_eq!(tick(marked, &done, PLANNED, later), expected);
    }

    #[test]
    fn boxes_go_with_what_a_task_says() {
        let had = PLANNED.replace("[ ] T002", "[X] T002");
        let expected = NUMBERED_ANEW.replace("[ ] T003", "[X] T003");
        assert_eq!(with_boxes_of(NUMBERED_ANEW, &had, None), expected);
        // Other words of the same task keep the box.
        let reworded = PLANNED.replace("b\n", "b, as in x.rs\n");
        let expected = reworded.replace("[ ] T002", "[X] T002");
        assert_eq!(with_boxes_of(&reworded, &had, None), expected);
    }
}
