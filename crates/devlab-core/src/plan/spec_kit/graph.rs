//! What each task needs before it.

use std::collections::{BinaryHeap, HashMap};
use std::ops::{Range, RangeInclusive};

use crate::limits::{DEPENDENCIES_MAX, PLAN_EDGES_MAX, PLAN_PROBLEMS_MAX};

use super::Problems;
use super::lines::{PhaseKind, Section, TasksFile, number};

/// Where a task stands: tasks of one group and phase in different segments are in order, and so are
/// tasks of different groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stand {
    group: usize,
    phase: usize,
    segment: usize,
}

impl Stand {
    /// Whether the order of the phases does not say which of both comes first.
    fn is_free_of(self, other: Self) -> bool {
        let one_phase = self.phase == other.phase;
        self.group == other.group && (!one_phase || self.segment == other.segment)
    }
}

/// The graph of a file.
#[derive(Default)]
pub(super) struct Edges {
    /// Indexes of the tasks that each task needs, in order.
    pub needs: Vec<Vec<usize>>,
    /// Lines that look like an order which the graph does not have, and why.
    pub notes: Vec<(u32, String)>,
}

/// What each task needs. Does not look for cycles.
pub(super) fn edges(
    file: &TasksFile<'_>,
    stories_in_parallel: bool,
    problems: &mut Problems,
) -> Edges {
    let mut graph = Graph {
        file,
        needs: vec![Vec::new(); file.tasks.len()],
        notes: Vec::new(),
        stands: Vec::with_capacity(file.tasks.len()),
        edges: 0,
        full: false,
    };
    graph.phases(stories_in_parallel, problems);
    if graph.full {
        return Edges::default();
    }
    graph.said(problems);
    graph.files(problems);
    for needs in &mut graph.needs {
        needs.sort_unstable();
        needs.dedup();
    }
    graph.notes.sort_unstable();
    Edges {
        needs: graph.needs,
        notes: graph.notes,
    }
}

struct Graph<'f, 'a> {
    file: &'f TasksFile<'a>,
    needs: Vec<Vec<usize>>,
    notes: Vec<(u32, String)>,
    stands: Vec<Stand>,
    edges: usize,
    full: bool,
}

/// What the next task of a phase needs.
struct Front {
    /// What every task from here on needs: the last task without `[P]`, or what came before.
    base: Vec<usize>,
    /// Tasks since then. Each needs the base.
    since: Vec<usize>,
}

impl Front {
    /// What has to be done for everything so far to be done.
    fn ends(self) -> Vec<usize> {
        if self.since.is_empty() {
            self.base
        } else {
            self.since
        }
    }
}

impl Graph<'_, '_> {
    fn phases(&mut self, stories_in_parallel: bool, problems: &mut Problems) {
        let is_story = |phase: usize| matches!(self.file.phases[phase].kind, PhaseKind::Story(_));
        let ranges = ranges(self.file);
        let groups: Vec<Range<usize>> = {
            let mut groups: Vec<Range<usize>> = Vec::new();
            for phase in 0..ranges.len() {
                match groups.last_mut() {
                    Some(last)
                        if stories_in_parallel && is_story(phase) && is_story(last.start) =>
                    {
                        last.end = phase + 1;
                    }
                    _ => groups.push(phase..phase + 1),
                }
            }
            groups
        };
        let mut before = Vec::new();
        for (group, phases) in groups.into_iter().enumerate() {
            let mut ends = Vec::new();
            for phase in phases {
                let tasks = ranges[phase].clone();
                if tasks.start < tasks.end && !self.full {
                    ends.extend(self.phase(group, phase, tasks, &before, problems));
                }
            }
            if !ends.is_empty() {
                before = ends;
            }
        }
    }

    fn phase(
        &mut self,
        group: usize,
        phase: usize,
        tasks: Range<usize>,
        before: &[usize],
        problems: &mut Problems,
    ) -> Vec<usize> {
        let mut front = Front {
            base: before.to_vec(),
            since: Vec::new(),
        };
        self.tests_below(tasks.clone());
        let mut segment = 0;
        let mut tested = false;
        for i in tasks {
            let task = &self.file.tasks[i];
            let has_tests = tested && task.section == Section::Implementation;
            tested = task.section == Section::Tests || (tested && !has_tests);
            if has_tests {
                front = Front {
                    base: front.ends(),
                    since: Vec::new(),
                };
                segment += 1;
            }
            if task.parallel {
                self.need(i, &front.base, problems);
                front.since.push(i);
            } else {
                let needs = if front.since.is_empty() {
                    &front.base
                } else {
                    &front.since
                };
                self.need(i, needs, problems);
                front = Front {
                    base: vec![i],
                    since: Vec::new(),
                };
                segment += 1;
            }
            self.stands.push(Stand {
                group,
                phase,
                segment,
            });
            if !task.parallel {
                segment += 1;
            }
        }
        front.ends()
    }

    fn note(&mut self, task: usize, message: String) {
        if self.notes.len() < PLAN_PROBLEMS_MAX {
            self.notes.push((self.file.tasks[task].line, message));
        }
    }

    /// Says of a phase's first test that the implementation above it does not wait for it.
    fn tests_below(&mut self, mut tasks: Range<usize>) {
        let file = self.file;
        let is_of = |i: usize, section| file.tasks[i].section == section;
        let first = tasks.find(|&i| !is_of(i, Section::Other));
        if first.is_none_or(|i| is_of(i, Section::Tests)) {
            return;
        }
        if let Some(test) = tasks.find(|&i| is_of(i, Section::Tests)) {
            let message = format!(
                "the implementation above does not wait for {}: put `### Tests` above \
                 `### Implementation`",
                file.tasks[test].id
            );
            self.note(test, message);
        }
    }

    fn need(&mut self, task: usize, needs: &[usize], problems: &mut Problems) {
        let hint = "begin its phase, or end the one before it, with a task without [P]";
        if self.has_room(task, needs.len(), hint, problems) {
            self.needs[task].extend_from_slice(needs);
        }
    }

    /// Counts what a task needs before it is taken in. Says once that it is too much.
    fn has_room(&mut self, task: usize, more: usize, hint: &str, problems: &mut Problems) -> bool {
        self.edges += more;
        if self.edges > PLAN_EDGES_MAX && !self.full {
            self.full = true;
            let task = &self.file.tasks[task];
            let id = task.id;
            let message =
                format!("has more than {PLAN_EDGES_MAX} dependencies before {id}: {hint}");
            problems.add(Some(task.line), message);
        }
        !self.full
    }

    /// Adds what tasks say themselves: `depends on T012, T013`.
    fn said(&mut self, problems: &mut Problems) {
        let by_id: HashMap<&str, usize> = (0..)
            .zip(&self.file.tasks)
            .map(|(i, t)| (t.id, i))
            .collect();
        let file = self.file;
        for (i, task) in file.tasks.iter().enumerate() {
            let mut ids = Vec::new();
            for text in task.words() {
                if let Some(unread) = depends_on(text, &mut ids) {
                    let message = format!(
                        "{} does not wait for {unread}, which other words part from `depends on`",
                        task.id
                    );
                    self.note(i, message);
                }
                if ids.len() > DEPENDENCIES_MAX {
                    break;
                }
            }
            if ids.len() > DEPENDENCIES_MAX {
                let message = format!("{} names more than {DEPENDENCIES_MAX} others", task.id);
                problems.add(Some(task.line), message);
                continue;
            }
            let hint = "name only those that are last";
            if !self.has_room(i, ids.len(), hint, problems) {
                return;
            }
            for id in ids {
                match by_id.get(id.as_str()) {
                    Some(&dependency) => self.needs[i].push(dependency),
                    None => {
                        let message = format!("{} depends on {id}, which is not there", task.id);
                        problems.add(Some(task.line), message);
                    }
                }
            }
        }
    }

    /// Lets tasks that name the same file follow each other. All files do so in one order, which is one
    /// of what is known by now: so no two tasks of a file are left beside each other, and no cycle
    /// arises.
    fn files(&mut self, problems: &mut Problems) {
        let file = self.file;
        let Some(order) = self.order() else {
            // There is a cycle, which is said later.
            return;
        };
        let mut last: HashMap<&str, usize> = HashMap::with_capacity(order.len());
        for then in order {
            for name in &file.tasks[then].files {
                let first = last.insert(name, then).filter(|first| *first != then);
                let Some(first) = first else { continue };
                if self.stands[first].is_free_of(self.stands[then]) {
                    if !self.has_room(then, 1, "let fewer tasks name the same files", problems) {
                        return;
                    }
                    self.needs[then].push(first);
                }
            }
        }
    }

    /// An order in which what a task needs comes before it, and in which a task with a smaller id comes
    /// as early as that allows. None if there is a cycle.
    fn order(&self) -> Option<Vec<usize>> {
        let tasks = &self.file.tasks;
        let mut by_id: Vec<usize> = (0..tasks.len()).collect();
        by_id.sort_by_cached_key(|&i| (tasks[i].id[1..].parse().unwrap_or(u64::MAX), i));
        let mut rank = vec![0; tasks.len()];
        for (place, &i) in by_id.iter().enumerate() {
            rank[i] = place;
        }
        let before = |i: usize, on: &[usize]| on.iter().all(|&d| rank[d] < rank[i]);
        if self.needs.iter().enumerate().all(|(i, on)| before(i, on)) {
            return Some(by_id);
        }
        // From the end: what comes last is the largest id that nothing needs any more.
        let mut needed = vec![0_usize; tasks.len()];
        for &dependency in self.needs.iter().flatten() {
            needed[dependency] += 1;
        }
        let free = (0..tasks.len()).filter(|&i| needed[i] == 0);
        let mut free: BinaryHeap<usize> = free.map(|i| rank[i]).collect();
        let mut order = Vec::with_capacity(tasks.len());
        while let Some(last) = free.pop() {
            let i = by_id[last];
            order.push(i);
            for &dependency in &self.needs[i] {
                needed[dependency] -= 1;
                if needed[dependency] == 0 {
                    free.push(rank[dependency]);
                }
            }
        }
        order.reverse();
        (order.len() == tasks.len()).then_some(order)
    }
}

/// The tasks of each phase.
fn ranges(file: &TasksFile<'_>) -> Vec<Range<usize>> {
    let mut ranges = vec![0..0; file.phases.len()];
    for (i, task) in file.tasks.iter().enumerate() {
        let range = &mut ranges[task.phase];
        // A phase's tasks stand together, so that the first one finds it as it was made.
        let start = if range.end == 0 { i } else { range.start };
        *range = start..i + 1;
    }
    ranges
}

/// What ends a word of those that say what a task depends on.
const ENDS: [char; 16] = [
    ',', ' ', '\t', '-', '–', '/', ':', '*', '`', '"', '(', ')', '[', ']', ';', '.',
];

/// Finds ids after the words `depends on`, ranges such as `T004-T006` in full. Stops at one more than a
/// task may need: a range is many ids in a few letters. Returns an id that stands in such a clause and
/// was not read, because other words come before all of its ids.
fn depends_on<'t>(text: &'t str, found: &mut Vec<String>) -> Option<&'t str> {
    const WORDS: &str = "depends on";
    let lower = text.to_ascii_lowercase();
    let mut unread = None;
    let mut places = lower.match_indices(WORDS).peekable();
    while let Some((at, _)) = places.next() {
        let end = places.peek().map_or(text.len(), |(next, _)| *next);
        let rest = &text[at + WORDS.len()..end];
        if rest.starts_with(ENDS) {
            let other = clause(rest, found);
            unread = unread.or(other);
        }
        if found.len() > DEPENDENCIES_MAX {
            break;
        }
    }
    unread
}

/// The same of what follows the words once.
fn clause<'t>(rest: &'t str, found: &mut Vec<String>) -> Option<&'t str> {
    let mut last: Option<&str> = None;
    let (mut is_range, mut is_other) = (false, false);
    for word in rest.split_inclusive(ENDS) {
        let name = word.trim_end_matches(ENDS);
        if is_id(name) {
            if is_other {
                return Some(name);
            }
            let room = DEPENDENCIES_MAX + 1 - found.len();
            match last
                .filter(|_| is_range)
                .and_then(|last| between(last, name))
            {
                Some(range) => {
                    let width = name.len() - 1;
                    found.extend(range.take(room).map(|id| format!("T{id:0width$}")));
                }
                None => found.push(name.to_owned()),
            }
            if found.len() > DEPENDENCIES_MAX {
                return None;
            }
            last = Some(name);
            is_range = word.ends_with(['-', '–']);
        } else if !matches!(name, "" | "and" | "&" | "+" | "or" | "tasks" | "task") {
            if last.is_some() {
                return None;
            }
            is_other = true;
        } else if name.is_empty() && word.ends_with(['-', '–']) {
            is_range = true;
        }
        if word.ends_with([')', ';', '.']) {
            break;
        }
    }
    None
}

fn is_id(word: &str) -> bool {
    word.strip_prefix('T')
        .is_some_and(|digits| digits.len() >= 3 && number(digits).is_some())
}

/// Numbers after that of the id `first` up to that of `last`, if this is a range.
fn between(first: &str, last: &str) -> Option<RangeInclusive<u32>> {
    /// Longest range that is taken for one.
    const RANGE_MAX: u32 = 1_000;
    /// Most digits of an id that a range ends with: all of them are written as wide.
    const DIGITS_MAX: usize = 10;
    let (from, to) = (number(&first[1..])?, number(&last[1..])?);
    let is_range = from < to && to - from <= RANGE_MAX && last.len() - 1 <= DIGITS_MAX;
    is_range.then(|| from + 1..=to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_words() {
        let cases = [
            ("Implement it (depends on T012, T013)", "T012 T013"),
            ("Depends on T001 and T002. T003 is another", "T001 T002"),
            (
                "x (depends on tasks T004-T007, T009)",
                "T004 T005 T006 T007 T009",
            ),
            ("x (depends on T004 – T005)", "T004 T005"),
            ("depends on the weather, T012", ""),
            ("depends on T12 or T0x1", ""),
            ("depends on T001; depends on T002", "T001 T002"),
            ("depends on T012/T013", "T012 T013"),
            ("depends on: T012", "T012"),
            ("**Depends on**: [T012] + `T013`", "T012 T013"),
            ("depends only on T012", ""),
        ];
        for (text, expected) in cases {
            let mut found = Vec::new();
            depends_on(text, &mut found);
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn an_id_that_other_words_part_from_depends_on_is_named() {
        let cases = [
            ("depends on the weather, T012", Some("T012")),
            ("depends on the weather. T012 is another", None),
            ("depends on T001, which T012 uses", None),
            ("(depends on nothing) T012", None),
            ("depends on rain; depends on T001", None),
            ("depends on rain, depends on the work of T001", Some("T001")),
        ];
        for (text, expected) in cases {
            assert_eq!(depends_on(text, &mut Vec::new()), expected, "{text}");
        }
    }

    #[test]
    fn ranges_are_not_read_beyond_what_a_task_may_need() {
        let mut found = Vec::new();
        let text = format!("depends on {}", "T001-T999,".repeat(100_000));
        depends_on(&text, &mut found);
        assert_eq!(found.len(), DEPENDENCIES_MAX + 1);
        assert!(found.capacity() < 4 * DEPENDENCIES_MAX);
        // Zeros before a number do not make each id of a range as long as a file.
        let wide = format!("T{}999", "0".repeat(100_000));
        let mut found = Vec::new();
        depends_on(&format!("depends on T001-{wide}"), &mut found);
        assert_eq!(found, ["T001", wide.as_str()]);
    }
}
