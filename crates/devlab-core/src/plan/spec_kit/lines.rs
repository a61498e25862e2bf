//! Reads `tasks.md` line by line.

use crate::limits::PLAN_PROBLEMS_MAX;

use super::{Problems, paths};

/// Fewest digits of a task's id.
const ID_DIGITS_MIN: usize = 3;

/// What a phase is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PhaseKind {
    Setup,
    Foundational,
    Story(u32),
    Polish,
    Convergence,
    Other,
}

/// A phase.
#[derive(Debug)]
pub(super) struct Phase<'a> {
    /// Its heading, without the marks.
    pub heading: &'a str,
    pub kind: PhaseKind,
    pub line: u32,
}

/// Part of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Tests,
    Implementation,
    Other,
}

/// A task.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub id: &'a str,
    pub done: bool,
    pub parallel: bool,
    /// Number of the story that is written at the task.
    pub marker: Option<u32>,
    /// Number of the story that it belongs to.
    pub story: Option<u32>,
    /// Its words.
    pub text: &'a str,
    /// What stands indented below it, as it is written.
    pub details: Vec<&'a str>,
    /// Files that its words name, as often as they do.
    pub files: Vec<&'a str>,
    /// Index of its phase.
    pub phase: usize,
    pub section: Section,
    pub line: u32,
}

impl<'a> Line<'a> {
    /// All lines of its words.
    pub(super) fn words(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.text).chain(self.details.iter().copied())
    }
}

/// `tasks.md`.
#[derive(Debug, Default)]
pub(super) struct TasksFile<'a> {
    pub title: &'a str,
    pub phases: Vec<Phase<'a>>,
    /// In the order of the file.
    pub tasks: Vec<Line<'a>>,
    pub warnings: Vec<(u32, String)>,
}

/// What of Markdown hides lines: fenced code and comments.
#[derive(Default)]
pub(super) struct Hidden {
    fence: Option<(char, usize)>,
    comment: bool,
}

impl Hidden {
    /// Whether the line that was taken last is within a comment that goes on.
    pub(super) fn in_comment(&self) -> bool {
        self.comment
    }

    /// Whether something that hides lines was begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.comment || self.fence.is_some()
    }

    /// Takes the next line; whether it is plain text.
    pub(super) fn shows(&mut self, line: &str) -> bool {
        if self.comment {
            self.comment = !line.contains("-->");
            return false;
        }
        let trimmed = line.trim_start();
        let mark = trimmed.chars().next().filter(|c| matches!(c, '`' | '~'));
        let width = mark.map_or(0, |mark| trimmed.chars().take_while(|c| *c == mark).count());
        if let Some((open, least)) = self.fence {
            if mark == Some(open) && width >= least && trimmed[width..].trim().is_empty() {
                self.fence = None;
            }
            return false;
        }
        if let Some(mark) = mark.filter(|_| width >= 3) {
            self.fence = Some((mark, width));
            return false;
        }
        if let Some(at) = line.find("<!--") {
            self.comment = !line[at..].contains("-->");
            return at > 0 && !line[..at].trim().is_empty();
        }
        true
    }
}

/// Parses the file. What is wrong goes to `problems`.
pub(super) fn parse<'a>(text: &'a str, problems: &mut Problems) -> TasksFile<'a> {
    let mut reader = Reader {
        file: TasksFile::default(),
        phase: None,
        section: Section::Other,
        below: None,
        problems,
    };
    let mut hidden = Hidden::default();
    let mut opened = 0;
    for (line, number) in text.lines().zip(1_u32..) {
        let was_open = hidden.is_open();
        let shows = hidden.shows(line);
        if hidden.is_open() && !was_open {
            opened = number;
        }
        let indented = line.starts_with([' ', '\t']) && !line.trim().is_empty();
        let below = reader.below.filter(|_| indented && !hidden.in_comment());
        if let Some(task) = below {
            let is_task = shows && task_start(line.trim_start()).is_some();
            if is_task {
                reader.indented(number);
            } else {
                reader.file.tasks[task].details.push(line);
            }
        } else if shows {
            reader.line(line, number);
        }
    }
    if hidden.is_open() {
        let message = "is begun and never ended: nothing after it is read";
        reader.problems.add(Some(opened), message);
    }
    for task in &mut reader.file.tasks {
        task.files = task.words().flat_map(paths::named).collect();
    }
    reader.file
}

struct Reader<'a, 'p> {
    file: TasksFile<'a>,
    phase: Option<usize>,
    section: Section,
    /// The task that indented lines belong to.
    below: Option<usize>,
    problems: &'p mut Problems,
}

/// The box's character and the rest, if a line begins with a box and a task's id or something like
/// it.
fn task_start(line: &str) -> Option<(&str, &str)> {
    let (ticked, rest) = boxed(line)?;
    let like_id =
        rest.starts_with('T') && rest[1..].starts_with(|c: char| c.is_ascii_digit() || c == 'X');
    like_id.then_some((ticked, rest))
}

/// What stands in a box, and what follows it.
pub(super) fn boxed(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("- [")?;
    let (ticked, rest) = rest.split_once("] ")?;
    (ticked.chars().count() <= 1).then_some((ticked, rest))
}

impl<'a> Reader<'a, '_> {
    fn indented(&mut self, line: u32) {
        self.problems.add(
            Some(line),
            "a task must begin at the margin, without indentation",
        );
    }

    fn line(&mut self, line: &'a str, number: u32) {
        self.below = None;
        let line = line.trim_end();
        if let Some(heading) = line.strip_prefix("# ") {
            if self.file.title.is_empty() {
                let heading = heading.trim();
                self.file.title = heading.strip_prefix("Tasks:").unwrap_or(heading).trim();
            }
        } else if let Some(heading) = line.strip_prefix("## ") {
            self.heading(heading.trim(), number);
        } else if let Some(heading) = line.strip_prefix("### ") {
            self.section = section(heading.trim());
        } else if let Some((ticked, rest)) = task_start(line) {
            self.task(ticked, rest, number);
        } else if task_start(line.trim_start()).is_some() {
            self.indented(number);
        } else if boxed(line).is_some()
            && self.phase.is_some()
            && self.file.warnings.len() < PLAN_PROBLEMS_MAX
        {
            let warning = "is not executed: it has no id such as T001".to_owned();
            self.file.warnings.push((number, warning));
        }
    }

    fn heading(&mut self, heading: &'a str, line: u32) {
        self.section = Section::Other;
        self.phase = phase_kind(heading).map(|kind| {
            self.file.phases.push(Phase {
                heading,
                kind,
                line,
            });
            self.file.phases.len() - 1
        });
    }

    fn task(&mut self, ticked: &str, rest: &'a str, line: u32) {
        let done = match ticked {
            " " => false,
            "x" | "X" => true,
            _ => {
                let message = "a box is `[ ]`, or `[X]` when its task is done";
                return self.problems.add(Some(line), message);
            }
        };
        let (id, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let digits = &id[1..];
        if digits.len() < ID_DIGITS_MIN || !digits.bytes().all(|b| b.is_ascii_digit()) {
            let message = format!("{id} is not a task's id: T and at least three digits");
            return self.problems.add(Some(line), message);
        }
        let Some(phase) = self.phase else {
            let message = format!("{id} stands outside a phase: put it under `## Phase N: …`");
            return self.problems.add(Some(line), message);
        };
        let (mut parallel, mut marker) = (false, None);
        while let Some((mark, after)) = marked(rest) {
            match mark {
                Mark::Parallel => parallel = true,
                Mark::Story(number) if marker.is_none_or(|known| known == number) => {
                    marker = Some(number);
                }
                Mark::Story(_) => {
                    self.problems
                        .add(Some(line), format!("{id} is of two stories"));
                }
            }
            rest = after;
        }
        let text = rest.trim();
        if text.is_empty() {
            return self.problems.add(Some(line), format!("{id} says nothing"));
        }
        let story = match self.file.phases[phase].kind {
            PhaseKind::Story(number) => Some(number),
            PhaseKind::Setup
            | PhaseKind::Foundational
            | PhaseKind::Polish
            | PhaseKind::Convergence
            | PhaseKind::Other => marker,
        };
        self.below = Some(self.file.tasks.len());
        self.file.tasks.push(Line {
            id,
            done,
            parallel,
            marker,
            story,
            text,
            details: Vec::new(),
            files: Vec::new(),
            phase,
            section: self.section,
            line,
        });
    }
}

/// A mark before a task's words.
pub(super) enum Mark {
    Parallel,
    Story(u32),
}

/// The mark that a text begins with, and the rest.
pub(super) fn marked(text: &str) -> Option<(Mark, &str)> {
    let (mark, rest) = text.trim_start().strip_prefix('[')?.split_once(']')?;
    let mark = match mark {
        "P" => Mark::Parallel,
        other => Mark::Story(number(other.strip_prefix("US")?)?),
    };
    Some((mark, rest))
}

/// A number that is written with digits only.
pub(super) fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// What a heading of the second level is for, if it begins a phase.
fn phase_kind(heading: &str) -> Option<PhaseKind> {
    let (number, title) = heading.strip_prefix("Phase ")?.split_once(':')?;
    if number.trim().contains(' ') {
        return None;
    }
    let title = title.trim().to_ascii_lowercase();
    // A story's own title may have any of the words below.
    let story = story_number(&title).filter(|_| title.starts_with("user story "));
    Some(if let Some(number) = story {
        PhaseKind::Story(number)
    } else if title.starts_with("setup") {
        PhaseKind::Setup
    } else if title.starts_with("foundation") {
        PhaseKind::Foundational
    } else if title.contains("convergence") {
        PhaseKind::Convergence
    } else if title.starts_with("polish") {
        PhaseKind::Polish
    } else {
        story_number(&title).map_or(PhaseKind::Other, PhaseKind::Story)
    })
}

/// The number in `user story 3 - …`.
pub(super) fn story_number(lower: &str) -> Option<u32> {
    let rest = &lower[lower.find("user story ")? + "user story ".len()..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    number(&rest[..digits]).filter(|_| digits > 0)
}

fn section(heading: &str) -> Section {
    let lower = heading.to_ascii_lowercase();
    if lower.starts_with("test") {
        Section::Tests
    } else if lower.starts_with("implementation") {
        Section::Implementation
    } else {
        Section::Other
    }
}
