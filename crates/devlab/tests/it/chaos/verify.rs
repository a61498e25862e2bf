//! What must hold after a round: everything is done, exactly once, and nothing is held.

use std::collections::{BTreeMap, BTreeSet};

use devlab_api::agent::{Completion, Delivery, Update};
use devlab_api::client::{Client, ClientError, EventQuery, Page, TaskQuery};
use devlab_api::event::Event;
use devlab_api::task::{Attempt, TaskDetail};
use devlab_core::TaskId;
use devlab_core::attempt::{AttemptKind, AttemptState};
use devlab_core::event::EventKind;
use devlab_core::state::{StateName, TaskKind};
use devlab_core::task::Proof;
use devlab_core::train::CandidateState;

use super::history;
use super::project::{LOG_LINES, RIVALS};
use super::world::{PATIENCE, World, insist, within};

/// Length of a page of events.
const EVENTS_PAGE: u32 = 500;

/// All that is known of the goal.
pub(super) struct Known {
    pub(super) tasks: Vec<TaskDetail>,
    pub(super) attempts: Vec<Attempt>,
}

/// Every problem there is.
pub(super) async fn everything(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(busy) = never_rests(world).await {
        problems.push(busy);
    }
    match look(world).await {
        Ok(known) => {
            problems.extend(repeat_completions(world, &known).await);
            problems.extend(all_done(&known));
            problems.extend(history::holds(world, &known).await);
        }
        Err(error) => problems.push(format!("the lab cannot be read: {error}")),
    }
    for found in [proofs(world).await, logs(world).await, events(world).await] {
        problems.extend(found.unwrap_or_else(|error| vec![format!("cannot be read: {error}")]));
    }
    problems
}

/// How often one of the two that change the same line met the other's work, and resolved it.
pub(super) async fn conflicts(world: &World) -> u32 {
    let mut count = 0;
    for key in RIVALS {
        if let Ok(found) = insist(|| world.client.task(world.keys[key])).await {
            count += u32::from(found.task.tries.sent_back);
        }
    }
    count
}

async fn look(world: &World) -> Result<Known, ClientError> {
    let query = TaskQuery {
        goal: Some(world.goal),
        ..TaskQuery::default()
    };
    let listed = insist(|| world.client.tasks(&query)).await?.items;
    let mut ids: BTreeSet<TaskId> = listed.iter().map(|task| task.id).collect();
    ids.insert(world.goal);
    let mut known = Known {
        tasks: Vec::new(),
        attempts: Vec::new(),
    };
    for id in ids {
        known.tasks.push(insist(|| world.client.task(id)).await?);
        known
            .attempts
            .extend(insist(|| world.client.attempts(id)).await?.items);
    }
    Ok(known)
}

/// Waits until no slot is held, no attempt lives, no candidate is under way. What is, if not.
async fn never_rests(world: &World) -> Option<String> {
    let rests = within(PATIENCE, || async {
        held(world).await.ok().filter(String::is_empty)
    });
    match rests.await {
        Some(_) => None,
        None => Some(match held(world).await {
            Ok(held) => format!("still under way: {held}"),
            Err(error) => format!("the server does not answer: {error}"),
        }),
    }
}

async fn held(world: &World) -> Result<String, ClientError> {
    let mut held = Vec::new();
    for agent in world.client.agents(None, &Page::default()).await?.items {
        held.extend(
            agent
                .attempts
                .iter()
                .map(|attempt| format!("{} holds {attempt}", agent.name)),
        );
    }
    let ids = world.keys.values().chain([&world.goal]);
    for id in ids {
        for attempt in world.client.attempts(*id).await?.items {
            if matches!(attempt.state, AttemptState::Live | AttemptState::Lost) {
                held.push(format!("{} is {:?}", attempt.id, attempt.state));
            }
        }
        for candidate in world.client.candidates(*id).await?.items {
            if candidate.state.is_live() {
                held.push(format!("{} is {:?}", candidate.id, candidate.state));
            }
        }
    }
    let states = [
        "draft",
        "blocked",
        "ready",
        "running",
        "integrating",
        "waiting",
    ]
    .join(",");
    let open = TaskQuery {
        state: Some(states),
        ..TaskQuery::default()
    };
    let open = world.client.tasks(&open).await?.items;
    held.extend(
        open.iter()
            .map(|task| format!("{} is {:?}", task.title, task.state)),
    );
    if let Err(error) = history::provenance(world).await {
        held.push(format!("no provenance is attached: {error}"));
    }
    let keep = history::keep_refs(world).await;
    held.extend(keep.into_iter().map(|name| format!("{name} is kept")));
    Ok(held.join(", "))
}

fn all_done(known: &Known) -> Vec<String> {
    let mut problems = Vec::new();
    for detail in &known.tasks {
        let task = &detail.task;
        if (task.state, task.proof) != (StateName::Done, Proof::Proven) {
            problems.push(format!(
                "{} is {:?} and {:?}",
                task.title, task.state, task.proof
            ));
        }
        let adopted = known.attempts.iter().filter(|attempt| {
            attempt.task == task.id
                && attempt.kind == AttemptKind::Work
                && attempt.state == AttemptState::Succeeded
        });
        let adopted = adopted.count();
        // What its target did not take was adopted before, and once more after that.
        let wanted = 1 + usize::from(task.tries.sent_back);
        if task.kind == TaskKind::Leaf && adopted != wanted {
            problems.push(format!(
                "{} has {adopted} adopted attempts, not {wanted}",
                task.title
            ));
        }
    }
    problems
}

/// Late and repeated completions of every attempt: they must change nothing, which is looked at
/// afterwards.
async fn repeat_completions(world: &World, known: &Known) -> Vec<String> {
    let mut problems = Vec::new();
    for attempt in known.attempts.iter().rev() {
        let update = Update {
            task: attempt.task,
            attempt: attempt.id,
            phase: None,
            touched: None,
            complete: Some(Completion::Delivered(Delivery {
                commit: attempt.commit.clone().or_else(|| attempt.base.clone()),
                ..Delivery::default()
            })),
        };
        let answer = insist(|| world.agent_client.update_attempt(&update)).await;
        let stale = answer
            .as_ref()
            .is_err_and(|error| error.code() == Some("stale_attempt"));
        if attempt.state == AttemptState::Superseded && !stale {
            problems.push(format!(
                "{} was superseded, and heard {answer:?}",
                attempt.id
            ));
        }
    }
    match look(world).await {
        Ok(now) => {
            let changed = now
                .attempts
                .iter()
                .zip(&known.attempts)
                .filter(|(now, was)| now != was);
            problems
                .extend(changed.map(|(now, _)| format!("a repeated completion changed {now:?}")));
            let changed = now
                .tasks
                .iter()
                .zip(&known.tasks)
                .filter(|(now, was)| now != was);
            problems.extend(
                changed.map(|(now, _)| format!("a repeated completion changed {}", now.task.title)),
            );
        }
        Err(error) => problems.push(error.to_string()),
    }
    problems
}

/// Every published tree has a passing receipt of the project's check.
async fn proofs(world: &World) -> Result<Vec<String>, ClientError> {
    let mut problems = Vec::new();
    let (mut passed, mut published) = (BTreeSet::new(), BTreeMap::new());
    for id in world.keys.values().chain([&world.goal]) {
        for receipt in insist(|| world.client.receipts(*id)).await?.items {
            if receipt.passed && receipt.exit_code == 0 {
                passed.insert((receipt.check, receipt.tree));
            }
        }
        let mut landed = 0;
        for candidate in insist(|| world.client.candidates(*id)).await?.items {
            if candidate.state == CandidateState::Published {
                landed += 1;
                published.insert(candidate.id, candidate.tree.unwrap_or_default());
            }
        }
        if landed != 1 {
            problems.push(format!("{id} was published {landed} times"));
        }
    }
    for (id, tree) in published {
        if !passed.contains(&("sound".to_owned(), tree.clone())) {
            problems.push(format!("no passing receipt for the tree {tree} of {id}"));
        }
    }
    Ok(problems)
}

/// The log of every attempt has the length that is said of it; that of an adopted one tells the
/// whole of its work without a gap.
async fn logs(world: &World) -> Result<Vec<String>, ClientError> {
    let mut problems = Vec::new();
    for (key, id) in &world.keys {
        for attempt in insist(|| world.client.attempts(*id)).await?.items {
            let log = whole_log(&world.client, &attempt).await?;
            if log.len() as u64 != attempt.log_bytes {
                let (is, said) = (log.len(), attempt.log_bytes);
                problems.push(format!(
                    "log of {key} {}: {is} bytes, not {said}",
                    attempt.number
                ));
            }
            let adopted = attempt.state == AttemptState::Succeeded;
            if adopted && attempt.kind == AttemptKind::Work {
                let gap = gap_in(key, &String::from_utf8_lossy(&log));
                let number = attempt.number;
                problems.extend(gap.map(|gap| format!("log of {key} {number}: {gap}")));
            }
        }
    }
    Ok(problems)
}

/// In pieces, as a reader who resumes.
async fn whole_log(client: &Client, attempt: &Attempt) -> Result<Vec<u8>, ClientError> {
    const PIECE: u64 = 3_000;
    let mut log = Vec::new();
    loop {
        let at = log.len() as u64;
        let call = || client.log(attempt.task, Some(attempt.id), at, Some(PIECE));
        let part = insist(call).await?;
        log.extend_from_slice(&part.bytes);
        if part.bytes.is_empty() {
            return Ok(log);
        }
    }
}

/// What is missing between the last beginning of the work and its end.
fn gap_in(key: &str, log: &str) -> Option<String> {
    let begin = format!("begin {key}\n");
    let Some(from) = log.rfind(&begin) else {
        return Some("it has no beginning".to_owned());
    };
    let mut rest = &log[from + begin.len()..];
    for number in 1..=LOG_LINES {
        let line = format!("{key} line {number} of the work that was asked for\n");
        match rest.strip_prefix(&line) {
            Some(after) => rest = after,
            None => {
                let found: String = rest.chars().take(60).collect();
                return Some(format!("line {number} is missing; there is {found:?}"));
            }
        }
    }
    let ended = rest.contains(&format!("end {key}\n"));
    (!ended).then(|| "it has no end".to_owned())
}

/// The stream is in order, and tells of every task a life that the rules allow.
async fn events(world: &World) -> Result<Vec<String>, ClientError> {
    let mut all: Vec<Event> = Vec::new();
    loop {
        let after = all.last().map_or(0, |event| event.seq);
        let query = EventQuery {
            after,
            limit: Some(EVENTS_PAGE),
            org: None,
        };
        let page = insist(|| world.client.events(&query)).await?.items;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let mut problems = Vec::new();
    if !all.is_sorted_by(|one, next| one.seq < next.seq) {
        problems.push("events are not in order".to_owned());
    }
    let mut lives: BTreeMap<TaskId, Vec<&Event>> = BTreeMap::new();
    for event in all
        .iter()
        .filter(|event| event.kind == EventKind::TaskState)
    {
        lives.entry(event.task.unwrap()).or_default().push(event);
    }
    for id in world.keys.values().chain([&world.goal]) {
        problems.extend(life(*id, lives.get(id).map_or(&[], Vec::as_slice)));
    }
    Ok(problems)
}

fn life(id: TaskId, changes: &[&Event]) -> Vec<String> {
    let word = |event: &Event, name: &str| event.data[name].as_str().unwrap_or("").to_owned();
    let mut problems = Vec::new();
    for pair in changes.windows(2) {
        let (was, now) = (word(pair[0], "to"), word(pair[1], "from"));
        if was != now {
            problems.push(format!("{id} became {was}, and then left {now}"));
        }
    }
    let done = changes
        .iter()
        .filter(|event| word(event, "to") == "done")
        .count();
    if done != 1 {
        problems.push(format!("{id} became done {done} times"));
    }
    if changes
        .last()
        .is_none_or(|event| word(event, "to") != "done")
    {
        problems.push(format!("{id} did not end as done"));
    }
    problems
}
