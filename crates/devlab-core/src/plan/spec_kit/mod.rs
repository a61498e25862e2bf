//! The planner *spec-kit*: a feature's folder as Spec-Kit writes it, `specs/NNN-name/`.
//!
//! `tasks.md` gives the graph and `spec.md` the words. The format is that of specify-cli 1.2.3; what
//! it leaves open is decided here:
//!
//! - A task without `[P]` needs all earlier tasks of its phase; one with `[P]` needs the last
//!   earlier task of its phase without it.
//! - Phases follow each other. Stories that stand next to each other may run in parallel, which is a
//!   switch ([`SpecKit::stories_in_parallel`]); each phase of convergence is a barrier, and so is
//!   every other one.
//! - Under `### Implementation …` everything needs the tests of its phase that stand above it.
//! - `depends on T012, T013` in a task's words adds what it says.
//! - Tasks that name the same file run one after the other, in the order of their ids as far as all of
//!   the above allows.
//! - A task that is `[X]` is done.
//!
//! Edges that follow from others are left out. Boxes are no part of the input: ticking one changes
//! neither the plan's graph nor [`Planner::input_hash`]. What looks like an order and is none is a
//! warning.

mod graph;
mod lines;
mod paths;
mod prompt;
mod spec;
mod ticks;

use crate::check::{DriverSpec, Sha256Hex};
use crate::label::Labels;
use crate::limits::{
    GOAL_BYTES_MAX, PLAN_BYTES_MAX, PLAN_FILE_BYTES_MAX, PLAN_PROBLEMS_MAX, PLAN_TASKS_MAX,
    TITLE_CHARS_MAX,
};
use crate::paths::PATHS_MAX;
use crate::task::TaskSpec;

use super::{Plan, PlanTask, Planned, Planner, PlannerKind, Problem, check, in_order};

pub use ticks::{tick, with_boxes_of, without};

use lines::{Line, PhaseKind, TasksFile};
use spec::Spec;

/// Name of the file that has the tasks.
pub const TASKS_FILE: &str = "tasks.md";
/// Name of the file that has the stories and requirements.
pub const SPEC_FILE: &str = "spec.md";

/// A feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecKit {
    /// Its folder in the repository, such as `specs/001-login-page`.
    pub folder: String,
    /// Content of its `spec.md`.
    pub spec: String,
    /// Content of its `tasks.md`.
    pub tasks: String,
    /// Whether stories that stand next to each other may run at the same time.
    pub stories_in_parallel: bool,
    /// How its tasks are done; the format has no word for it. Absent: by agents that have a driver
    /// of their own.
    pub driver: Option<DriverSpec>,
}

impl Planner for SpecKit {
    fn kind(&self) -> PlannerKind {
        PlannerKind::SpecKit
    }

    fn input_hash(&self) -> Sha256Hex {
        let tasks = ticks::without(&self.tasks);
        let parallel = if self.stories_in_parallel { "1" } else { "0" };
        let driver = serde_json::json!(self.driver).to_string();
        let parts = [self.folder.as_str(), parallel, &driver, &self.spec, &tasks];
        let mut input = Vec::new();
        for part in parts {
            input.extend((part.len() as u64).to_be_bytes());
            input.extend(part.as_bytes());
        }
        Sha256Hex::of(&input)
    }

    fn plan(&self) -> Planned {
        for (name, text) in [(TASKS_FILE, &self.tasks), (SPEC_FILE, &self.spec)] {
            if text.len() > PLAN_FILE_BYTES_MAX {
                let message = format!("has more than {PLAN_FILE_BYTES_MAX} bytes");
                return Err(vec![self.problem(name, None, message)]);
            }
        }
        let mut problems = Problems {
            file: self.path(TASKS_FILE),
            found: Vec::new(),
        };
        let file = lines::parse(&self.tasks, &mut problems);
        let spec = spec::parse(&self.spec);
        if file.tasks.is_empty() && problems.found.is_empty() {
            let message = "has no task: expected lines such as `- [ ] T001 Do something` under \
                           `## Phase 1: Setup`";
            problems.add(None, message);
        }
        if file.tasks.len() > PLAN_TASKS_MAX {
            problems.add(None, format!("the limit is {PLAN_TASKS_MAX} tasks"));
            return Err(problems.found);
        }
        stories(&file, &spec, &mut problems);
        let edges = graph::edges(&file, self.stories_in_parallel, &mut problems);
        if !problems.found.is_empty() {
            return Err(in_order(problems.found));
        }
        let plan = self.assemble(&file, &spec, edges)?;
        let mut wrong = check::problems(&plan);
        if wrong.is_empty() {
            return Ok(plan);
        }
        for problem in &mut wrong {
            problem.file = self.path(TASKS_FILE);
            problem.at.clear();
        }
        Err(in_order(wrong))
    }
}

/// Problems of one file.
struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, line: Option<u32>, message: impl Into<String>) {
        // More than are shown, because they are put in order first; still a bound.
        if self.found.len() < 10 * PLAN_PROBLEMS_MAX {
            self.found.push(Problem {
                file: self.file.clone(),
                line,
                at: String::new(),
                message: message.into(),
            });
        }
    }
}

impl SpecKit {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    fn problem(&self, name: &str, line: Option<u32>, message: String) -> Problem {
        Problem {
            file: self.path(name),
            line,
            at: String::new(),
            message,
        }
    }

    fn assemble(&self, file: &TasksFile<'_>, spec: &Spec<'_>, edges: graph::Edges) -> Planned {
        let title = feature_title(file, spec, &self.folder);
        let words = prompt::Words::new(spec, &title, &self.folder);
        self.bounded(&words)?;
        let driver = self.driver.as_ref().map_or(0, DriverSpec::bytes);
        let mut bytes = 0;
        let mut tasks = Vec::with_capacity(file.tasks.len());
        for (task, on) in file.tasks.iter().zip(edges.needs) {
            let goal = words.of(task);
            let group = short(file.phases[task.phase].heading);
            let ids = on.iter().map(|&i| file.tasks[i].id.len());
            bytes += goal.len() + driver + group.len() + ids.sum::<usize>();
            if bytes > PLAN_BYTES_MAX {
                let message = format!(
                    "the plan has more than {PLAN_BYTES_MAX} bytes with {}: shorten what its tasks \
                     share, such as a story or the driver",
                    task.id
                );
                return Err(vec![self.problem(TASKS_FILE, Some(task.line), message)]);
            }
            tasks.push(PlanTask {
                key: task.id.to_owned(),
                spec: self.task_spec(short(task.text), goal, declared(task)),
                labels: Labels::default(),
                priority: 0,
                review: false,
                side_effects: false,
                depends_on: on.iter().map(|&i| file.tasks[i].id.to_owned()).collect(),
                tasks: Vec::new(),
                alternatives: Vec::new(),
                done: task.done,
                group: Some(group),
                line: Some(task.line),
            });
        }
        let goal = prompt::goal(&title, &self.folder);
        Ok(Plan {
            tasks,
            goal: self.task_spec(title, goal, Vec::new()),
            labels: Labels::default(),
            priority: 0,
            review: None,
            warnings: self.warnings(file, spec, &edges.notes),
        })
    }

    /// What all tasks get is looked at before each gets a copy.
    fn bounded(&self, words: &prompt::Words<'_>) -> Result<(), Vec<Problem>> {
        let long = words.too_long().map(|(line, number)| {
            let message = format!(
                "User Story {number} has more than {GOAL_BYTES_MAX} bytes, which is the most that \
                 a task can be told"
            );
            self.problem(SPEC_FILE, Some(line), message)
        });
        let mut problems: Vec<_> = long.take(PLAN_PROBLEMS_MAX).collect();
        let driver = self.driver.as_ref().map(|driver| driver.validate("driver"));
        if let Some(Err(refusal)) = driver {
            problems.push(Problem::of_refusal(refusal));
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(in_order(problems)),
        }
    }

    fn task_spec(&self, title: String, goal: String, paths: Vec<String>) -> TaskSpec {
        TaskSpec {
            title,
            goal,
            driver: self.driver.clone(),
            checks: Vec::new(),
            artifacts: Vec::new(),
            paths,
        }
    }

    /// What a person should know, as much of it as is shown.
    fn warnings(
        &self,
        file: &TasksFile<'_>,
        spec: &Spec<'_>,
        notes: &[(u32, String)],
    ) -> Vec<Problem> {
        let open = spec.open_questions.iter();
        let open = open.map(|(line, text)| (SPEC_FILE, *line, format!("is open: {text}")));
        let said = file.warnings.iter().chain(notes);
        let said = said.map(|(line, text)| (TASKS_FILE, *line, text.clone()));
        let unknown = file.tasks.iter().flat_map(|task| {
            let named = spec::named(task.text);
            let unknown = named.filter(|id| !spec.requirements.contains_key(id));
            unknown.map(|id| {
                let message = format!("{} names {id}, which spec.md does not have", task.id);
                (TASKS_FILE, task.line, message)
            })
        });
        let all = open.chain(said).chain(unknown).take(PLAN_PROBLEMS_MAX);
        all.map(|(name, line, message)| self.problem(name, Some(line), message))
            .collect()
    }
}

/// The files that a task's words name, as the paths that it will touch.
fn declared(task: &Line<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for file in &task.files {
        let is_new = found.iter().all(|known| known != file);
        if found.len() < PATHS_MAX && is_new && crate::paths::problem(file).is_none() {
            found.push((*file).to_owned());
        }
    }
    found
}

/// A story belongs to the phase of that story, and is one that `spec.md` has.
fn stories(file: &TasksFile<'_>, spec: &Spec<'_>, problems: &mut Problems) {
    for phase in &file.phases {
        if let PhaseKind::Story(number) = phase.kind
            && !spec.stories.contains_key(&number)
        {
            let message = format!("spec.md has no `### User Story {number} - …`");
            problems.add(Some(phase.line), message);
        }
    }
    for task in &file.tasks {
        let Some(story) = task.marker else { continue };
        let id = task.id;
        let wrong = match file.phases[task.phase].kind {
            PhaseKind::Story(number) if number == story => None,
            PhaseKind::Story(number) => Some(format!(
                "{id} is of story {story}, in the phase of story {number}"
            )),
            PhaseKind::Other if spec.stories.contains_key(&story) => None,
            PhaseKind::Other => Some(format!("{id}: spec.md has no `### User Story {story} - …`")),
            PhaseKind::Setup
            | PhaseKind::Foundational
            | PhaseKind::Polish
            | PhaseKind::Convergence => Some(format!("{id}: [US{story}] stands outside a story")),
        };
        if let Some(message) = wrong {
            problems.add(Some(task.line), message);
        }
    }
}

fn feature_title(file: &TasksFile<'_>, spec: &Spec<'_>, folder: &str) -> String {
    let name = folder.rsplit('/').next().unwrap_or(folder);
    let found = [spec.title, file.title, name];
    let title = found.into_iter().find(|title| !title.is_empty());
    short(title.unwrap_or("Feature"))
}

/// As much of a text as a title may have.
fn short(text: &str) -> String {
    if crate::name::is_plain_title(text) {
        return text.to_owned();
    }
    let clean = text.chars().filter(|c| !c.is_control());
    let mut title: String = clean.clone().take(TITLE_CHARS_MAX).collect();
    if clean.count() > TITLE_CHARS_MAX {
        title.pop();
        title.push('…');
    }
    title
}

#[cfg(test)]
mod tests;
