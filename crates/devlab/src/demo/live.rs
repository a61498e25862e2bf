//! What is seen while the goal is worked on: a table that is drawn again and again on a terminal,
//! lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use devlab_api::agent::Agent;
use devlab_api::client::Page;
use devlab_api::task::Task;
use devlab_core::TaskId;
use devlab_core::state::StateName;
use futures::StreamExt;
use tokio::time::{Instant, MissedTickBehavior};

use super::stage::{Set, Stage};
use super::{kill, story};
use crate::args::Output;
use crate::client::goals::tasks_of;
use crate::client::tasks::coloured_state;
use crate::show;

/// How often tasks and agents are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// Longest title in the table, in characters.
const TITLE_CHARS: usize = 34;
/// Keeps long lines from wrapping, which would spoil the count of lines to erase (DEC private mode
/// 7, autowrap).
const WRAP_OFF: &str = "\x1b[?7l";
/// Undoes [`WRAP_OFF`].
const WRAP_ON: &str = "\x1b[?7h";

/// The view.
pub(super) struct Live {
    /// Whether it is drawn in place.
    in_place: bool,
    table: Vec<String>,
    drawn_lines: usize,
    began: Instant,
}

impl Live {
    /// A table is drawn for a person at a terminal; both streams have to be one, as the table and
    /// what comes after it go to different ones.
    pub(super) fn new(output: Output) -> Self {
        let is_terminal = show::is_terminal() && std::io::stderr().is_terminal();
        Self {
            in_place: output == Output::Table && is_terminal,
            table: Vec::new(),
            drawn_lines: 0,
            began: Instant::now(),
        }
    }

    /// A line that stays, above the table.
    fn tell(&mut self, text: &str) {
        let secs = self.began.elapsed().as_secs_f64();
        let line = format!("{0}{secs:5.1} s{0:#}  {text}", show::DIM);
        if self.in_place {
            let erased = self.erased();
            show::status(&format!("{erased}{line}\n{}", self.drawn()));
        } else {
            show::note(&line);
        }
    }

    /// Draws the table anew, if it has changed.
    fn draw(&mut self, table: Vec<String>) {
        if !self.in_place || self.table == table {
            return;
        }
        let erased = self.erased();
        self.table = table;
        show::status(&format!("{erased}{}", self.drawn()));
    }

    /// Takes the table away.
    fn end(&mut self) {
        let erased = self.erased();
        if !erased.is_empty() {
            show::status(&erased);
        }
    }

    fn erased(&mut self) -> String {
        match std::mem::take(&mut self.drawn_lines) {
            0 => String::new(),
            lines => format!("\x1b[{lines}F\x1b[J"),
        }
    }

    fn drawn(&mut self) -> String {
        if self.table.is_empty() {
            return String::new();
        }
        self.drawn_lines = self.table.len();
        format!("{WRAP_OFF}{}\n{WRAP_ON}", self.table.join("\n"))
    }
}

/// The table's lines: every task, who works on it, and where it is.
fn rows(keys: &BTreeMap<TaskId, String>, tasks: &[Task], agents: &[Agent]) -> Vec<String> {
    let width = keys.values().map(|key| key.len()).max().unwrap_or(0);
    let heading = row(width, ["TASK", "TITLE", "AGENT", "TRIES", "STATE"]);
    let mut rows = vec![String::new(), format!("{0}{heading}{0:#}", show::BOLD)];
    for task in tasks.iter().filter(|task| task.parent.is_some()) {
        let key = keys.get(&task.id).map_or("merge", String::as_str);
        let by = agents.iter().find(|agent| {
            task.live_attempt
                .is_some_and(|live| agent.attempts.contains(&live))
        });
        let by = by.map_or("", |agent| agent.name.as_str());
        let tries = match task.attempts {
            0 => String::new(),
            tries => tries.to_string(),
        };
        let title = show::short(&task.title, TITLE_CHARS);
        let state = coloured_state(task);
        rows.push(row(width, [key, &title, by, &tries, &state]));
    }
    rows
}

/// A line of the table; the last cell may hold colours, as nothing comes after it.
fn row(width: usize, [key, title, agent, tries, state]: [&str; 5]) -> String {
    format!("  {key:width$}  {title:TITLE_CHARS$}  {agent:5}  {tries:5}  {state}")
}

/// Watches until the goal is done, or a task needs a person. Kills one agent on the way.
pub(super) async fn watch(
    stage: &Stage,
    set: &mut Set,
    goal: TaskId,
    mut live: Live,
) -> anyhow::Result<()> {
    let client = stage.client();
    let mut events = pin!(client.follow_events(0, None));
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    live.tell(&format!(
        "the lab is at {}; {} agents take up {} tasks",
        stage.lab.url,
        super::stage::NAMES.len(),
        set.keys.len()
    ));
    loop {
        tokio::select! {
            event = events.next() => {
                let event = event.context("the stream of events ended")??;
                let key = event.task.and_then(|task| set.keys.get(&task));
                let key = key.map_or("the goal", String::as_str);
                if let Some(line) = story::line(key, &set.killed, &event) {
                    live.tell(&line);
                }
                // Its last word. A goal that stands still is found below.
                if event.task == Some(goal) && event.data.get("to").is_some_and(|to| to == "done") {
                    live.end();
                    return Ok(());
                }
            }
            _ = look.tick() => {
                let mut tasks = tasks_of(client, goal).await?;
                set.sort(&mut tasks);
                let agents = client.agents(None, &Page::default()).await?.items;
                if set.killed.is_empty()
                    && let Some(name) = kill::at_work(stage, set, &tasks, &agents).await?
                {
                    live.tell(&format!(
                        "{0}killed{0:#} the agent {name}, at work on {1} (kill -9)",
                        show::RED,
                        kill::VICTIM
                    ));
                    set.killed.push(name);
                }
                live.draw(rows(&set.keys, &tasks, &agents));
                if needs_a_person(&tasks) {
                    live.end();
                    return Ok(());
                }
            }
        }
    }
}

/// Whether a task waits for a person, who is not there, or has ended without being done.
fn needs_a_person(tasks: &[Task]) -> bool {
    tasks.iter().any(|task| match task.state {
        StateName::Waiting | StateName::Failed | StateName::Cancelled => true,
        StateName::Draft
        | StateName::Blocked
        | StateName::Ready
        | StateName::Running
        | StateName::Integrating
        | StateName::Done => false,
    })
}
