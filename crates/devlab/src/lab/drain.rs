//! What `devlab down` says while running work finishes.

use std::convert::Infallible;
use std::io::IsTerminal;
use std::time::Duration;

use devlab_api::client::{Client, ClientError, Page, TaskQuery};
use devlab_core::limits::PAGE_MAX;
use devlab_core::state::StateName;
use tokio::time::{Instant, MissedTickBehavior};

use super::up::{DRAIN, local_agent};
use crate::show;

/// How often the lab is asked what still runs.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often it is said again where there is no line that can be drawn over.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// Tasks that are named.
const NAMED_MAX: usize = 3;
/// Longest title that is shown.
const TITLE_CHARS_MAX: usize = 40;

/// Says what `agents` local agents still work on, and how long they may. Never ends by itself: its
/// caller stops it when the lab is gone.
pub(super) async fn show(client: &Client, agents: usize, wait: Duration) -> Infallible {
    let began = Instant::now();
    let until = began + wait.min(DRAIN);
    let is_terminal = std::io::stderr().is_terminal();
    let mut look = tokio::time::interval(ASK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut titles = Vec::new();
    let mut said: Option<(Vec<String>, Instant)> = None;
    loop {
        look.tick().await;
        // A lab that stops answers no more at the end; what it said last is still the best.
        if let Ok(running) = running(client, agents).await {
            titles = running;
        }
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        if is_terminal {
            show::status(&format!("\r\x1b[2K{}", words(&titles, left)));
            continue;
        }
        let again = said
            .as_ref()
            .is_none_or(|(before, at)| *before != titles || at.elapsed() >= SAY_EVERY);
        if again && !titles.is_empty() {
            show::note(&words(&titles, left));
            said = Some((titles.clone(), Instant::now()));
        }
    }
}

/// Takes the line away that was drawn last.
pub(super) fn clear() {
    if std::io::stderr().is_terminal() {
        show::status("\r\x1b[2K");
    }
}

fn words(titles: &[String], left_secs: u64) -> String {
    if titles.is_empty() {
        return "no work is left; the lab closes".to_owned();
    }
    let named: Vec<String> = titles
        .iter()
        .take(NAMED_MAX)
        .map(|title| show::short(&show::printable(title), TITLE_CHARS_MAX))
        .collect();
    let more = match titles.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "still at work, for {left_secs} s at most: {}{more}",
        named.join(", ")
    )
}

/// Titles of the tasks that the lab's own agents work on: others are not waited for.
async fn running(client: &Client, agents: usize) -> Result<Vec<String>, ClientError> {
    let page = Page {
        cursor: None,
        limit: Some(PAGE_MAX),
    };
    let ours: Vec<String> = (1..=agents).map(local_agent).collect();
    let all = client.agents(None, &page).await?.items;
    let ours = all.iter().filter(|agent| ours.contains(&agent.name));
    let live: Vec<_> = ours.flat_map(|agent| agent.attempts.clone()).collect();
    let mut titles = Vec::new();
    if live.is_empty() {
        return Ok(titles);
    }
    for state in [StateName::Running, StateName::Integrating] {
        let query = TaskQuery {
            state: Some(state.as_str().to_owned()),
            page: page.clone(),
            ..TaskQuery::default()
        };
        let tasks = client.tasks(&query).await?.items;
        let at_work = |id| live.contains(&id);
        let tasks = tasks
            .into_iter()
            .filter(|task| task.live_attempt.is_some_and(at_work));
        titles.extend(tasks.map(|task| task.title));
    }
    Ok(titles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_named_and_the_rest_is_counted() {
        let titles: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        assert_eq!(
            words(&titles, 7),
            "still at work, for 7 s at most: a, b, c and 2 more"
        );
        assert_eq!(words(&titles[..1], 7), "still at work, for 7 s at most: a");
        assert_eq!(words(&[], 7), "no work is left; the lab closes");
    }
}
