//! `devlab run`: a goal in this checkout, from words to a merged commit.

use devlab_api::client::Client;
use devlab_api::task::{Schedule, TaskDetail};
use devlab_core::TaskId;
use devlab_core::state::{StateName, WaitReason};

use super::able;
use super::feedback;
use super::git::Checkout;
use super::input;
use super::project::{self, Asked, Brought, Place};
use super::watch;
use crate::args::{Output, Run};
use crate::client::checks;
use crate::client::find::brief;
use crate::client::tasks::{driver, list_receipts, word};
use crate::context::{Context, Lab};
use crate::failure::{Exit, Failure};
use crate::lab::daemon;
use crate::show;

/// `devlab run`.
pub(crate) async fn run(context: &Context, run: Run) -> anyhow::Result<()> {
    input::check(&run)?;
    let checkout = Checkout::here(context).await?;
    if checkout.head().await?.is_none() {
        return Err(Failure::usage(
            "this checkout has no commit yet: make a first one",
        ));
    }
    checkout.whole().await?;
    let lab = find_or_start(context).await?;
    let dirty = checkout.dirty().await?;
    if dirty > 0 {
        show::note(&format!(
            "{0}note:{0:#} {1} with changes that are in no commit; agents see commits only",
            show::YELLOW,
            show::count(dirty, "file")
        ));
    }
    let asked = Asked {
        org: run.org.as_deref(),
        name: run.name.as_deref(),
        without_head: run.without_head,
    };
    let place = project::find_or_make(&lab, checkout, &asked).await?;
    let task = schedule(context, &lab.client, &place, &run).await?;
    if run.no_wait {
        return scheduled(context, task);
    }
    let watched = tokio::select! {
        watched = watch::until_settled(&lab.client, task) => watched?,
        _ = tokio::signal::ctrl_c() => {
            let id = brief(&task);
            return Err(Failure::new(
                Exit::Interrupted,
                format!(
                    "it goes on without you\n  → `devlab task logs -f {id}` watches it, `devlab \
                     task cancel {id}` calls it off"
                ),
            ));
        }
    };
    report(context, &lab.client, &watched).await
}

/// The lab that was named, the one that runs here, or a new one.
async fn find_or_start(context: &Context) -> anyhow::Result<Lab> {
    if context.settings.url().is_none() && context.home()?.server().is_none() {
        show::note("no lab runs here: starting one (`devlab down` stops it)");
        daemon::ensure(context).await?;
    }
    context.lab()
}

async fn schedule(
    context: &Context,
    client: &Client,
    place: &Place,
    run: &Run,
) -> anyhow::Result<TaskId> {
    let depends_on = match project::bring(client, place).await? {
        Brought::There => Vec::new(),
        Brought::Merging(task) => {
            show::note(&format!(
                "your new commits are merged with what landed first (task {})",
                brief(&task)
            ));
            vec![task]
        }
        Brought::Refused(why) => {
            return Err(Failure::new(
                Exit::Failed,
                format!(
                    "your commits cannot go in: {}\n  → `devlab project sync` fetches what landed, \
                     and says how to merge it",
                    show::printable(&why)
                ),
            ));
        }
    };
    if !run.no_wait {
        able::somebody(context, client, place, run).await?;
    }
    let taken = match run.checks.is_empty() {
        true => Vec::new(),
        false => checks::taken(client, place.project.id).await?,
    };
    let schedule = Schedule {
        project: Some(place.project.id.to_string()),
        task: Some(run.goal.clone()),
        driver: driver(run.command.clone(), run.driver_timeout),
        checks: checks::named(&run.checks, &taken),
        artifacts: run.artifacts.clone(),
        paths: run.paths.clone(),
        labels: run.labels.clone(),
        review: Some(run.review),
        depends_on,
        org: Some(place.project.org.to_string()),
        best_of: run.best_of,
        ..Schedule::default()
    };
    let scheduled = client.schedule(&schedule).await?;
    show::note(&format!(
        "scheduled as {} in {}",
        scheduled.goal, place.project.name
    ));
    Ok(scheduled.goal)
}

fn scheduled(context: &Context, task: TaskId) -> anyhow::Result<()> {
    let id = brief(&task);
    match context.output {
        Output::Json => show::json(&serde_json::json!({ "goal": task })),
        Output::Table => show::line(&format!("`devlab task logs -f {id}` watches it")),
    }
}

/// What came of it, and what to do next.
async fn report(context: &Context, client: &Client, detail: &TaskDetail) -> anyhow::Result<()> {
    let task = &detail.task;
    let receipts = client.receipts(task.id).await?.items;
    if context.output == Output::Json {
        show::json(&serde_json::json!({ "task": detail, "receipts": receipts }))?;
    } else if !receipts.is_empty() {
        list_receipts(context, &receipts)?;
    }
    let chooses = choices(client, detail).await?;
    match (task.state, task.waiting_for) {
        (StateName::Done, _) => {
            done(client, detail).await;
            Ok(())
        }
        (StateName::Running, _) if chooses => {
            std::process::exit(Exit::Review as i32);
        }
        (StateName::Waiting, Some(WaitReason::Review)) => {
            show::note(&format!("it waits for your review\n  → {}", review(detail)));
            // Nothing went wrong, so there is no error to report; but a script must not take it for
            // merged.
            std::process::exit(Exit::Review as i32);
        }
        _ => Err(Failure::new(Exit::Failed, unfinished(detail))),
    }
}

/// The closing lines of what is done.
async fn done(client: &Client, detail: &TaskDetail) {
    let task = &detail.task;
    let id = brief(&task.id);
    let commit = task.published.as_deref().unwrap_or("nothing new");
    let next = if changes_nothing(client, task.id).await {
        format!("nothing was changed: `devlab task logs {id}` shows what the command did")
    } else {
        format!(
            "`devlab project sync` brings it into this checkout; `devlab task diff {id}` shows it"
        )
    };
    show::note(&format!(
        "{0}done{0:#} ({1}): merged as {commit}\n  → {next}",
        show::GREEN,
        word(&task.proof),
    ));
}

/// Whether a result is known to be empty: the command said that it did its work, and left every file
/// as it was.
async fn changes_nothing(client: &Client, task: TaskId) -> bool {
    client
        .task_diff(task)
        .await
        .is_ok_and(|diff| diff.is_empty())
}

/// How a task's patch is reviewed.
pub(super) fn review(detail: &TaskDetail) -> String {
    let patch = detail.patch.map(|patch| brief(&patch)).unwrap_or_default();
    format!(
        "`devlab patch diff {patch}` shows it; `devlab patch accept {patch}` has it merged, `devlab \
         patch reject {patch} -m TEXT` sends it back"
    )
}

/// Says what there is to choose from, if a person has to.
async fn choices(client: &Client, detail: &TaskDetail) -> anyhow::Result<bool> {
    let Some(choice) = watch::open_choice(client, detail).await? else {
        return Ok(false);
    };
    let passed = choice.alternatives.iter().filter(|one| one.choosable);
    let passed = passed.count();
    if passed > 0 {
        let id = brief(&detail.task.id);
        show::note(&format!(
            "{passed} of its alternatives passed, and wait for your choice\n  → `devlab task choose \
             {id}` shows them, `devlab task choose {id} NUMBER` takes one"
        ));
    }
    Ok(passed > 0)
}

fn unfinished(detail: &TaskDetail) -> String {
    let id = brief(&detail.task.id);
    let why = why(detail)
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    let state = match detail.task.state {
        StateName::Waiting => "waiting for a person",
        other => other.as_str(),
    };
    let next = match detail.task.state {
        _ if detail.task.question.is_some() => {
            format!("`devlab task show {id}` shows it; `devlab task answer {id} TEXT` answers it")
        }
        StateName::Blocked => format!(
            "it goes on by itself once that is settled; `devlab task cancel {id}` calls it off"
        ),
        _ => format!(
            "`devlab task logs {id}` shows what was tried; `devlab task retry {id}` tries again"
        ),
    };
    format!("it is {state}{why}\n  → {next}")
}

/// Why a task is not done. What a task that waits for somebody is stuck on says no more than that;
/// what went wrong last says what to look at.
pub(super) fn why(detail: &TaskDetail) -> Option<String> {
    let last = detail.feedback.last().map(feedback::words);
    let stuck = detail.stuck.as_deref();
    let stuck = stuck.map(|why| show::printable(why.trim()));
    let attention = detail.task.waiting_for == Some(WaitReason::Attention);
    if let Some(ask) = &detail.task.question {
        return Some(format!("it asks: {}", show::printable(ask.text.trim())));
    }
    if attention || detail.task.state == StateName::Failed {
        return last.or(stuck);
    }
    stuck.or(last)
}
