//! Tasks.

use std::collections::BTreeMap;

use devlab_api::client::{Client, TaskQuery};
use devlab_api::task::{
    AnswerTask, Ask, Attempt, Command, CreateTask, Driver, Receipt, Task, TaskDetail, TellTask,
    UpdateTask,
};
use devlab_core::ask::AskKind;
use devlab_core::attempt::AttemptState;
use devlab_core::state::{StateName, TaskKind, WaitReason};
use devlab_core::task::Proof;
use devlab_core::{AgentId, TaskId};

use super::find::brief;
use super::{all, checks, choices, conflicts, find, logs};
use crate::args::{Answer, Output, TaskCommand, TaskNew, TaskUpdate};
use crate::context::Context;
use crate::show::{self, time};

/// `devlab task`.
pub(crate) async fn run(context: &Context, command: TaskCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    let client = &client;
    match command {
        list @ TaskCommand::List { .. } => list_tasks(context, client, list).await,
        TaskCommand::Show(named) => {
            let id = find::task(client, &named.name).await?;
            show_task(context, &client.task(id).await?)
        }
        TaskCommand::Create(new) => create(context, client, *new).await,
        TaskCommand::Update(update) => change(context, client, *update).await,
        TaskCommand::Tell { name, words } => {
            let id = find::task(client, &name).await?;
            let message = words.text();
            said(context, &client.tell_task(id, &TellTask { message }).await?)
        }
        TaskCommand::Answer(given) => answer(context, client, given).await,
        TaskCommand::Choose { name, alternative } => {
            choices::run(context, client, &name, alternative.as_deref()).await
        }
        TaskCommand::Cancel(named) => {
            let id = find::task(client, &named.name).await?;
            said(context, &client.cancel_task(id).await?)
        }
        TaskCommand::Retry(named) => {
            let id = find::task(client, &named.name).await?;
            said(context, &client.retry_task(id).await?)
        }
        TaskCommand::Archive(named) => {
            let id = find::task(client, &named.name).await?;
            said(context, &client.archive_task(id).await?)
        }
        TaskCommand::Approve(named) => {
            let id = find::task(client, &named.name).await?;
            said(context, &client.activate_task(id).await?)
        }
        TaskCommand::Logs {
            name,
            follow,
            attempt,
            tail,
        } => {
            let id = find::task(client, &name).await?;
            logs::print(context.output, client, id, attempt, follow, tail).await
        }
        TaskCommand::Attempts(named) => {
            let id = find::task(client, &named.name).await?;
            list_attempts(context, client, id).await
        }
        TaskCommand::Receipts(named) => {
            let id = find::task(client, &named.name).await?;
            list_receipts(context, &client.receipts(id).await?.items)
        }
        TaskCommand::Conflicts(named) => conflicts::run(context, client, &named.name).await,
        TaskCommand::Checkout { name, into } => {
            let id = find::task(client, &name).await?;
            crate::checkout::task::checkout(context, id, into).await
        }
        TaskCommand::Diff(named) => {
            let id = find::task(client, &named.name).await?;
            show::diff(context.output, &id, &client.task_diff(id).await?)
        }
        TaskCommand::Log(named) => {
            let id = find::task(client, &named.name).await?;
            log(context, client, id).await
        }
    }
}

async fn answer(context: &Context, client: &Client, given: Answer) -> anyhow::Result<()> {
    let id = find::task(client, &given.name).await?;
    let answer = AnswerTask {
        number: given.number,
        choice: given.reply.choice,
        text: given.reply.text,
    };
    said(context, &client.answer_task(id, &answer).await?)
}

async fn list_tasks(context: &Context, client: &Client, list: TaskCommand) -> anyhow::Result<()> {
    let TaskCommand::List {
        org,
        parent,
        goal,
        state,
        text,
        archived,
        paging,
    } = list
    else {
        return Ok(());
    };
    let parent = match parent {
        Some(parent) => Some(find::task(client, &parent).await?),
        None => None,
    };
    let goal = match goal {
        Some(goal) => Some(find::task(client, &goal).await?),
        None => None,
    };
    let fetch = async |page| {
        let query = TaskQuery {
            org: org.clone(),
            parent,
            goal,
            state: state.clone(),
            text: text.clone(),
            archived,
            page,
            ..TaskQuery::default()
        };
        client.tasks(&query).await
    };
    let tasks = all(paging.limit, fetch).await?;
    table(context, &tasks)
}

/// A table of tasks.
pub(crate) fn table(context: &Context, tasks: &[Task]) -> anyhow::Result<()> {
    let columns = ["id", "state", "title", "tries", "proof", "updated"];
    show::list(context.output, tasks, &columns, |task| {
        vec![
            brief(&task.id),
            state(task),
            title(task),
            task.attempts.to_string(),
            proof(task).to_owned(),
            time::ago(context.now(), task.updated_at),
        ]
    })
}

/// The title, or what its agent asks: that is what somebody has to read first.
fn title(task: &Task) -> String {
    match &task.question {
        Some(ask) => {
            let line = ask.text.trim().lines().next().unwrap_or_default();
            show::short(&format!("{}: {line}", task.title), 100)
        }
        None => show::short(&task.title, 60),
    }
}

/// The state, with what is waited for.
pub(crate) fn state(task: &Task) -> String {
    match task.waiting_for {
        Some(reason) => format!("waiting: {}", waiting(reason)),
        None => task.state.as_str().to_owned(),
    }
}

/// The same in its colour; for lines, not for cells of a table.
pub(crate) fn coloured_state(task: &Task) -> String {
    let style = match task.state {
        StateName::Done => show::GREEN,
        StateName::Running | StateName::Integrating => show::CYAN,
        StateName::Waiting => show::YELLOW,
        StateName::Failed | StateName::Cancelled => show::RED,
        StateName::Draft | StateName::Blocked | StateName::Ready => anstyle::Style::new(),
    };
    format!("{style}{}{style:#}", state(task))
}

/// What a task waits for, in a word.
pub(crate) fn waiting(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Approval => "approval",
        WaitReason::Question => "question",
        WaitReason::Permission => "permission",
        WaitReason::Review => "review",
        WaitReason::Budget => "budget",
        WaitReason::Attention => "attention",
    }
}

/// What its result stands on, in a word.
pub(crate) fn proof(task: &Task) -> &'static str {
    match task.proof {
        Proof::Open => "",
        Proof::Proven => "proven",
        Proof::Unproven => "unproven",
    }
}

fn ids(ids: &[TaskId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join("\n")
}

/// One task.
pub(crate) fn show_task(context: &Context, detail: &TaskDetail) -> anyhow::Result<()> {
    let task = &detail.task;
    let checks = detail
        .checks
        .iter()
        .map(|check| format!("{}: {}", check.name, check.run));
    let kind = match task.kind {
        TaskKind::Leaf => "leaf",
        TaskKind::Composite => "composite",
    };
    // What went wrong on the way to a result that is in is for programs and for the curious only.
    let feedback = match task.state {
        StateName::Done => &[][..],
        StateName::Draft
        | StateName::Blocked
        | StateName::Ready
        | StateName::Running
        | StateName::Integrating
        | StateName::Waiting
        | StateName::Failed
        | StateName::Cancelled => &detail.feedback,
    };
    let feedback = feedback.iter().map(crate::checkout::feedback::words);
    let open = task.question.as_ref().map(|ask| ask.number);
    let asked = detail.asks.iter().map(|ask| ask_words(ask, open));
    let met = detail
        .conflicts
        .iter()
        .map(|one| conflicts::met(one, task.id));
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let fields = [
        ("title", show::printable(&task.title)),
        ("id", task.id.to_string()),
        ("state", coloured_state(task)),
        ("stuck", optional(&detail.stuck)),
        ("asked", asked.collect::<Vec<_>>().join("\n")),
        ("feedback", feedback.collect::<Vec<_>>().join("\n")),
        ("kind", kind.to_owned()),
        ("goal", show::printable(&detail.goal)),
        ("depends on", ids(&detail.depends_on)),
        ("needed by", ids(&detail.dependents)),
        ("labels", task.labels.join(", ")),
        ("paths", show::printable(&detail.paths.join("\n"))),
        ("meets", met.collect::<Vec<_>>().join("\n")),
        ("checks", checks.collect::<Vec<_>>().join("\n")),
        ("attempts", task.attempts.to_string()),
        ("into", optional(&detail.target)),
        (
            "patch",
            detail
                .patch
                .map(|patch| patch.to_string())
                .unwrap_or_default(),
        ),
        ("result", optional(&task.head)),
        (
            "taken",
            task.chosen.map(|one| one.to_string()).unwrap_or_default(),
        ),
        ("merged as", optional(&task.published)),
        ("proof", proof(task).to_owned()),
        ("changed", time::ago(context.now(), task.updated_at)),
    ];
    show::fields(context.output, detail, &fields)
}

/// What was asked, and what somebody said.
fn ask_words(ask: &Ask, open: Option<u32>) -> String {
    let is_agents = matches!(ask.kind, AskKind::Question | AskKind::Permission);
    let mut what = match ask.kind {
        AskKind::Start => "may it start?".to_owned(),
        AskKind::Publication => "may its result be published?".to_owned(),
        AskKind::Choice => "is it the alternative that is taken?".to_owned(),
        AskKind::Question | AskKind::Permission => ask.text.trim_end().to_owned(),
    };
    for (number, choice) in (1..).zip(&ask.choices) {
        what.push_str(&format!("\n  {number}) {choice}"));
    }
    let answer = match &ask.answer {
        None if is_agents && open != Some(ask.number) => "nobody has answered it".to_owned(),
        None => "nobody has answered yet".to_owned(),
        Some(answer) if answer.text.is_empty() => format!("{}: yes", answer.by),
        Some(answer) => format!("{}: {}", answer.by, answer.text.trim_end()),
    };
    show::printable(&format!("{what}\n  {answer}"))
}

/// What became of a change.
fn said(context: &Context, task: &Task) -> anyhow::Result<()> {
    match context.output {
        Output::Json => show::json(task),
        Output::Table => show::line(&format!(
            "{}  {}  {}",
            task.id,
            coloured_state(task),
            task.title
        )),
    }
}

async fn create(context: &Context, client: &Client, new: TaskNew) -> anyhow::Result<()> {
    let parent = match new.parent {
        Some(parent) => Some(find::task(client, &parent).await?),
        None => None,
    };
    let mut depends_on = Vec::new();
    for name in &new.depends_on {
        depends_on.push(find::task(client, name).await?);
    }
    let project = match (&new.project, parent) {
        (Some(name), _) => Some(find::project(client, new.org.as_deref(), name).await?.id),
        // A child has its parent's.
        (None, Some(parent)) => client.task(parent).await?.task.project,
        (None, None) => None,
    };
    let taken = match project {
        Some(project) if !new.checks.is_empty() => checks::taken(client, project).await?,
        Some(_) | None => Vec::new(),
    };
    let task = CreateTask {
        org: new.org,
        project: new.project,
        parent,
        title: new.title,
        goal: new.goal,
        depends_on,
        driver: driver(new.command, new.driver_timeout),
        checks: checks::named(&new.checks, &taken),
        artifacts: new.artifacts,
        paths: new.paths,
        labels: new.labels,
        priority: new.priority,
        review: new.review,
        side_effects: new.side_effects,
        draft: new.draft,
        best_of: new.best_of,
        alternatives: None,
    };
    said(context, &client.create_task(&task).await?)
}

async fn change(context: &Context, client: &Client, update: TaskUpdate) -> anyhow::Result<()> {
    let id = find::task(client, &update.name).await?;
    let mut add_depends_on = Vec::new();
    for name in &update.depends_on {
        add_depends_on.push(find::task(client, name).await?);
    }
    let driver = match update.driver_command {
        Some(script) => Some(Driver::Command(Command {
            script: Some(script),
            timeout_secs: update.driver_timeout,
            ..Command::default()
        })),
        None => driver(update.command, update.driver_timeout),
    };
    let change = UpdateTask {
        title: update.title,
        goal: update.goal,
        priority: update.priority,
        driver,
        add_depends_on,
    };
    said(context, &client.update_task(id, &change).await?)
}

/// A command as a driver; none if there is no command.
pub(crate) fn driver(argv: Vec<String>, timeout_secs: Option<u32>) -> Option<Driver> {
    if argv.is_empty() {
        return None;
    }
    Some(Driver::Command(Command {
        argv,
        timeout_secs,
        ..Command::default()
    }))
}

async fn list_attempts(context: &Context, client: &Client, task: TaskId) -> anyhow::Result<()> {
    let attempts = client.attempts(task).await?.items;
    if context.output == Output::Json {
        return show::json(&attempts);
    }
    let agents = all(None, async |page| client.agents(None, &page).await).await?;
    let names = agents.into_iter().map(|agent| (agent.id, agent.name));
    attempts_table(context, &attempts, &names.collect())
}

/// Agents by their names; one that was removed since is known by the end of its id only.
fn agent_name(names: &BTreeMap<AgentId, String>, id: AgentId) -> String {
    names.get(&id).cloned().unwrap_or_else(|| brief(&id))
}

fn attempts_table(
    context: &Context,
    attempts: &[Attempt],
    names: &BTreeMap<AgentId, String>,
) -> anyhow::Result<()> {
    let columns = [
        "number", "kind", "state", "phase", "failure", "agent", "took", "log", "id",
    ];
    show::list(context.output, attempts, &columns, |attempt| {
        let end = attempt.ended_at.unwrap_or_else(|| context.now());
        vec![
            attempt.number.to_string(),
            word(&attempt.kind),
            word(&attempt.state),
            phase(attempt),
            attempt.failure.as_ref().map(word).unwrap_or_default(),
            agent_name(names, attempt.agent),
            time::span(end.since(attempt.created_at)),
            format!("{} B", attempt.log_bytes),
            attempt.id.to_string(),
        ]
    })
}

/// What it is doing. An attempt that is over does nothing: the last phase that it reported would
/// read as if it did.
fn phase(attempt: &Attempt) -> String {
    match attempt.state {
        AttemptState::Live => word(&attempt.phase),
        AttemptState::Lost
        | AttemptState::Superseded
        | AttemptState::Succeeded
        | AttemptState::Failed
        | AttemptState::Cancelled
        | AttemptState::Asked => String::new(),
    }
}

/// The wire's word for an enum of words.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// A table of receipts.
pub(crate) fn list_receipts(context: &Context, receipts: &[Receipt]) -> anyhow::Result<()> {
    let columns = [
        "check",
        "result",
        "exit",
        "tree",
        "took",
        "isolation",
        "when",
    ];
    show::list(context.output, receipts, &columns, |receipt| {
        let result = if receipt.passed { "passed" } else { "failed" };
        let log = if receipt.log_gone { ", log gone" } else { "" };
        vec![
            receipt.check.clone(),
            format!("{result}{log}"),
            receipt.exit_code.to_string(),
            show::commit(&receipt.tree).to_owned(),
            format!("{} ms", receipt.duration_ms),
            word(&receipt.isolation),
            time::ago(context.now(), receipt.at),
        ]
    })
}

async fn log(context: &Context, client: &Client, id: TaskId) -> anyhow::Result<()> {
    let commits = client.commits(id).await?.items;
    show::list(
        context.output,
        &commits,
        &["commit", "at", "author", "subject"],
        |commit| {
            vec![
                show::commit(&commit.id).to_owned(),
                commit.at.clone(),
                commit.author.clone(),
                show::short(&commit.subject, 72),
            ]
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(state: &str) -> Attempt {
        serde_json::from_value(serde_json::json!({
            "id": "att_01jd3v6p5x8e9rk2m4n6q8t0vw",
            "task": "task_01jd3v6p5x8e9rk2m4n6q8t0vw",
            "number": 1,
            "kind": "verify",
            "agent": "agent_01jd3v6p5x8e9rk2m4n6q8t0vw",
            "state": state,
            "phase": "preparing",
            "log_bytes": 0,
            "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn an_agent_is_called_by_its_name_while_it_has_one() {
        let one = attempt("live").agent;
        let names = BTreeMap::from([(one, "ada".to_owned())]);
        assert_eq!(agent_name(&names, one), "ada");
        assert_eq!(agent_name(&BTreeMap::new(), one), brief(&one));
    }

    #[test]
    fn only_a_live_attempt_has_a_phase() {
        assert_eq!(phase(&attempt("live")), "preparing");
        for over in ["lost", "superseded", "succeeded", "failed", "cancelled"] {
            assert_eq!(phase(&attempt(over)), "", "{over}");
        }
    }
}
