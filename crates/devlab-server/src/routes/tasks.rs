//! Tasks: making, reading and changing them.

use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::task::{
    AnswerTask, Attempt, Candidate, Commit, CreateTask, Receipt, Task, TaskDetail, TellTask,
    UpdateTask,
};
use devlab_core::ask::Reply;
use devlab_core::id::kind;
use devlab_core::label::Labels;
use devlab_core::limits::SEARCHED_MAX;
use devlab_core::rules::schedule::{self, NewTask, Place};
use devlab_core::rules::{ask, forecast, person, stuck, tell};
use devlab_core::state::StateName;
use devlab_core::task::{Made, TaskSpec};
use devlab_core::tx::{Read, TaskFilter, Tx};
use devlab_core::{ProjectId, Refusal, TaskId};
use devlab_orchestrator::{Lab, scope};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::conflicts;
use super::support::{self, PartQuery, Site, done, mutate};
use crate::convert::{self, TaskParts};
use crate::convert_choice;
use crate::extract::{Caller, Idempotency, Mutation, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// Furthest commit of a task's log that a page may begin at: each page reads all before it.
const COMMITS_DEEP_MAX: usize = 10_000;
/// Largest diff that is sent, in bytes.
const DIFF_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    let change = Policy::roles(Roles::CHANGE);
    routes
        .add(read, routes!(all))
        .add(change.at_home(), routes!(create))
        .add(read, routes!(one))
        .add(change.at_home(), routes!(update))
        .add(change, routes!(tell))
        .add(change, routes!(answer))
        .add(change, routes!(cancel))
        .add(change, routes!(fail))
        .add(change, routes!(retry))
        .add(change, routes!(archive))
        .add(change.at_home(), routes!(activate))
        .add(read, routes!(attempts))
        .add(read, routes!(receipts))
        .add(read, routes!(candidates))
        .add(read.at_home(), routes!(commits))
        .add(read.at_home(), routes!(diff))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct TasksQuery {
    /// Org, by id or name. Default: the caller's, or every org for a global token.
    org: Option<String>,
    /// Project, by id.
    #[param(value_type = Option<String>)]
    project: Option<ProjectId>,
    /// Children of this task.
    #[param(value_type = Option<String>)]
    parent: Option<TaskId>,
    /// Everything that serves this goal, the goal included.
    #[param(value_type = Option<String>)]
    goal: Option<TaskId>,
    /// Goals only.
    goals_only: bool,
    /// States, separated by commas.
    state: Option<String>,
    /// Title contains this, ignoring the case of ASCII letters. A page looks at 1,000 tasks (of
    /// each state that is named) at most: it can hold few items or none and have a `next`.
    text: Option<String>,
    /// Archived ones too.
    archived: bool,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Most items: 1 to 500, default 50.
    limit: Option<u32>,
}

/// Tasks, newest first.
#[utoipa::path(get, path = "/tasks", tag = "tasks", operation_id = "task.list",
    params(TasksQuery),
    responses((status = 200, description = "A page", body = List<Task>)))]
async fn all(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<TasksQuery>,
) -> Result<AxumJson<List<Task>>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let who = caller.principal;
    let states = query
        .state
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .filter(|s| !s.is_empty());
    let states = states
        .map(str::parse::<StateName>)
        .collect::<std::result::Result<_, _>>()?;
    let found = lab.read(move |view| {
        let org = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        let mut filter = TaskFilter {
            org,
            project: query.project,
            parent: query.parent,
            goal: query.goal,
            goals_only: query.goals_only,
            states,
            text: query.text.filter(|text| !text.is_empty()),
            archived: query.archived,
            floor: None,
        };
        if filter.text.is_some() {
            filter.floor = view.search_end(&filter, page.after, SEARCHED_MAX)?;
        }
        let tasks = view.tasks(&filter, page)?;
        let tasks = tasks.iter().map(|task| shown(view, task));
        let tasks = tasks.collect::<devlab_core::Result<Vec<Task>>>()?;
        Ok((tasks, filter.floor))
    });
    let (tasks, searched_to) = found.await?;
    let mut list = support::list(tasks, page, |task| task.id.uuid(), |task| task);
    if list.next.is_none() {
        list.next = searched_to.map(|end| end.uuid().simple().to_string());
    }
    Ok(AxumJson(list))
}

/// What is wanted of a task.
pub(super) fn spec_of<R: Read + ?Sized>(view: &mut R, id: TaskId) -> devlab_core::Result<TaskSpec> {
    view.task_spec(id)?
        .ok_or_else(|| Refusal::NotFound("task").into())
}

/// A task, with what its agent asks.
pub(super) fn shown(
    view: &mut dyn Read,
    task: &devlab_core::task::Task,
) -> devlab_core::Result<Task> {
    let mut one = convert::task(task, &spec_of(view, task.id)?);
    one.question = ask::open_question(view, task)?.map(convert::ask);
    Ok(one)
}

fn view_of(tx: &mut dyn Tx, id: TaskId) -> devlab_core::Result<Task> {
    let task = tx.task(id)?.ok_or(Refusal::NotFound("task"))?;
    shown(tx, &task)
}

/// Makes one task: a goal, or a child of a composite.
#[utoipa::path(post, path = "/tasks", tag = "tasks", operation_id = "task.create",
    request_body = CreateTask,
    responses((status = 201, description = "The task", body = Task)))]
async fn create(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Mutation { body, idempotency }: Mutation<CreateTask>,
) -> Result<Response> {
    make(&lab, &caller, body, idempotency).await
}

/// Makes a task and answers with it.
pub(super) async fn make(
    lab: &Arc<Lab>,
    caller: &Caller,
    body: CreateTask,
    idempotency: Option<Idempotency>,
) -> Result<Response> {
    // First: what was asked before is answered even if its project has changed since.
    if let Some(answer) = support::replayed(lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let site = Site::find(lab, caller, body.org, body.project, body.parent).await?;
    let (parent, depends_on, draft) = (body.parent, body.depends_on, body.draft);
    let new = NewTask {
        requires: Labels::new(&body.labels)?,
        priority: body.priority,
        review: body.review,
        side_effects: body.side_effects,
        alternatives: convert_choice::wanted(body.best_of, body.alternatives)?,
        spec: TaskSpec {
            goal: body.goal.unwrap_or_else(|| body.title.clone()),
            title: body.title,
            driver: body.driver.map(Into::into),
            checks: body.checks.into_iter().map(Into::into).collect(),
            artifacts: body.artifacts,
            paths: body.paths,
        },
        ..NewTask::default()
    };
    let by = Made::by(caller.principal.display());
    mutate(lab, caller, "task.create", idempotency, move |tx| {
        let (org, project) = site.org_and_project(tx)?;
        let place = Place {
            org,
            project,
            parent,
            depends_on: depends_on.clone(),
            draft,
        };
        let made = schedule::create(tx, &place, &new, &by)?;
        done(
            Some(org),
            made.id,
            StatusCode::CREATED,
            &view_of(tx, made.id)?,
        )
    })
    .await
}

/// A task with everything that belongs to it.
#[utoipa::path(get, path = "/tasks/{id}", tag = "tasks", operation_id = "task.get",
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "The task", body = TaskDetail)))]
async fn one(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
) -> Result<AxumJson<TaskDetail>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let task = scope::task(view, &who, id)?;
        let spec = spec_of(view, id)?;
        let mut parts = TaskParts {
            depends_on: view.dependencies(id)?,
            dependents: view.dependents(id)?,
            stuck: stuck::reason(view, &task)?,
            feedback: view.feedback(id)?,
            asks: view.asks(id)?,
            patch: view.patch_of_task(id)?.map(|patch| patch.id),
            made: view.task_made(id)?,
            ..TaskParts::default()
        };
        if let Some(hash) = &task.check_set {
            parts.checks = view.check_set(hash)?.unwrap_or_default();
        }
        if let Some(project) = task
            .project
            .map(|id| view.project(id))
            .transpose()?
            .flatten()
        {
            parts.target = Some(task.target(&project.default_branch));
        }
        let question = ask::open_question(view, &task)?;
        let mut detail = convert::task_detail(&task, spec, parts);
        detail.task.question = question.map(convert::ask);
        let conflicts = forecast::own(view, &task)?;
        detail.conflicts = conflicts.into_iter().map(conflicts::wire).collect();
        Ok(detail)
    });
    Ok(AxumJson(found.await?))
}

/// Changes a task.
#[utoipa::path(patch, path = "/tasks/{id}", tag = "tasks", operation_id = "task.update",
    params(("id" = String, Path, description = "The task")), request_body = UpdateTask,
    responses((status = 200, description = "The task", body = Task)))]
async fn update(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Mutation { body, idempotency }: Mutation<UpdateTask>,
) -> Result<Response> {
    act(
        &lab,
        &caller,
        "task.update",
        id,
        idempotency,
        move |tx, id| {
            let change = person::Change {
                title: body.title.clone(),
                goal: body.goal.clone(),
                priority: body.priority,
                driver: body.driver.clone().map(Into::into),
                add_depends_on: body.add_depends_on.clone(),
            };
            person::update(tx, id, change)
        },
    )
    .await
}

/// Says something to whoever does a task. A driver that can take it hears it while it works;
/// otherwise the next attempt does, and there is one.
///
/// A task whose result is there, on which nobody works unless it is sent back, is told nothing: 409 says
/// what to do.
#[utoipa::path(post, path = "/tasks/{id}/messages", tag = "tasks", operation_id = "task.tell",
    params(("id" = String, Path, description = "The task")), request_body = TellTask,
    responses((status = 200, description = "The task", body = Task)))]
async fn tell(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Mutation { body, idempotency }: Mutation<TellTask>,
) -> Result<Response> {
    let by = caller.principal.display();
    let rule = move |tx: &mut dyn Tx, id| tell::tell(tx, id, &by, &body.message);
    act(&lab, &caller, "task.tell", id, idempotency, rule).await
}

/// Answers what a task's agent asks. The next attempt hears it, and goes on with the work so far.
#[utoipa::path(post, path = "/tasks/{id}/answer", tag = "tasks", operation_id = "task.answer",
    params(("id" = String, Path, description = "The task")), request_body = AnswerTask,
    responses((status = 200, description = "The task", body = Task)))]
async fn answer(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Mutation { body, idempotency }: Mutation<AnswerTask>,
) -> Result<Response> {
    let reply = match (body.choice, body.text) {
        (Some(choice), None) => Reply::Choice(choice),
        (None, Some(text)) => Reply::Words(text),
        (Some(_), Some(_)) | (None, None) => {
            let problem = "give either choice or text";
            return Err(Refusal::invalid("choice", problem).into());
        }
    };
    let (by, number) = (caller.principal.display(), body.number);
    let rule = move |tx: &mut dyn Tx, id| ask::answer(tx, id, &by, number, &reply);
    act(&lab, &caller, "task.answer", id, idempotency, rule).await
}

/// Does something to one task and answers with it.
async fn act<F>(
    lab: &Arc<Lab>,
    caller: &Caller,
    action: &'static str,
    id: TaskId,
    idempotency: Option<Idempotency>,
    mut rule: F,
) -> Result<Response>
where
    F: FnMut(&mut dyn Tx, TaskId) -> devlab_core::Result<devlab_core::task::Task> + Send + 'static,
{
    let who = caller.principal.clone();
    mutate(lab, caller, action, idempotency, move |tx| {
        let org = scope::task(tx, &who, id)?.org;
        rule(tx, id)?;
        done(Some(org), id, StatusCode::OK, &view_of(tx, id)?)
    })
    .await
}

/// No particulars.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident $path:literal $operation:literal $rule:path;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "tasks", operation_id = $operation,
            params(("id" = String, Path, description = "The task")),
            responses((status = 200, description = "The task", body = Task)))]
        async fn $name(
            Extension(lab): Extension<Arc<Lab>>,
            caller: Caller,
            PathId(id): PathId<kind::Task>,
            Mutation { idempotency, .. }: Mutation<Nothing>,
        ) -> Result<Response> {
            act(&lab, &caller, $operation, id, idempotency, $rule).await
        }
    )*};
}

actions! {
    /// Calls a task off, and everything below it.
    cancel "/tasks/{id}/cancel" "task.cancel" person::cancel;
    /// Gives a task up: its parent is not done without it, and what depends on it stays blocked.
    fail "/tasks/{id}/fail" "task.fail" person::fail;
    /// Tries a task again that waits for attention, failed or was cancelled.
    retry "/tasks/{id}/retry" "task.retry" person::retry;
    /// Hides a task that has ended from lists.
    archive "/tasks/{id}/archive" "task.archive" person::archive;
}

/// Approves what waits for it: a draft, which is judged by the checks that its project has now; the
/// start of a task; the publication of its result; or, of an alternative, that it is the one taken.
#[utoipa::path(post, path = "/tasks/{id}/activate", tag = "tasks", operation_id = "task.activate",
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "The task", body = Task)))]
async fn activate(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    if let Some(answer) = support::replayed(&lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    let who = caller.principal.clone();
    let project = lab.read(move |view| {
        let project = scope::task(view, &who, id)?.project;
        Ok(project.map(|id| view.project(id)).transpose()?.flatten())
    });
    let settings = match project.await? {
        Some(project) => Some(lab.project_place(&project).await?.1),
        None => None,
    };
    let by = caller.principal.display();
    let rule = move |tx: &mut dyn Tx, id| person::approve(tx, id, &by, settings.as_ref());
    act(&lab, &caller, "task.activate", id, idempotency, rule).await
}

/// Attempts of a task, oldest first.
#[utoipa::path(get, path = "/tasks/{id}/attempts", tag = "tasks", operation_id = "task.attempts",
    params(("id" = String, Path, description = "The task"), PartQuery),
    responses((status = 200, description = "A page", body = List<Attempt>)))]
async fn attempts(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Query(query): Query<PartQuery>,
) -> Result<AxumJson<List<Attempt>>> {
    let page = query.page()?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        scope::task(view, &who, id)?;
        view.attempts(id)
    });
    let (found, next) = support::part(found.await?, page, |attempt| attempt.id.uuid())?;
    let gone = lab
        .gone_logs(found.iter().map(|attempt| attempt.id))
        .await?;
    let mut items = Vec::new();
    for attempt in found {
        let log_bytes = lab.log_len(attempt.id).await?;
        let log_gone = gone.contains(&attempt.id);
        items.push(convert::attempt(attempt, log_bytes, log_gone));
    }
    Ok(AxumJson(List { items, next }))
}

/// Receipts of a task, oldest first.
#[utoipa::path(get, path = "/tasks/{id}/receipts", tag = "tasks", operation_id = "task.receipts",
    params(("id" = String, Path, description = "The task"), PartQuery),
    responses((status = 200, description = "A page", body = List<Receipt>)))]
async fn receipts(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Query(query): Query<PartQuery>,
) -> Result<AxumJson<List<Receipt>>> {
    let page = query.page()?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        scope::task(view, &who, id)?;
        view.receipts(id)
    });
    let (found, next) = support::part(found.await?, page, |receipt| receipt.id.uuid())?;
    let gone = lab
        .gone_logs(found.iter().map(|receipt| receipt.attempt))
        .await?;
    let items = found.into_iter().map(|receipt| {
        let log_gone = gone.contains(&receipt.attempt);
        convert::receipt(receipt, log_gone)
    });
    let items = items.collect();
    Ok(AxumJson(List { items, next }))
}

/// Candidates that a task was part of, oldest first.
#[utoipa::path(get, path = "/tasks/{id}/candidates", tag = "tasks",
    operation_id = "task.candidates",
    params(("id" = String, Path, description = "The task"), PartQuery),
    responses((status = 200, description = "A page", body = List<Candidate>)))]
async fn candidates(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Query(query): Query<PartQuery>,
) -> Result<AxumJson<List<Candidate>>> {
    let page = query.page()?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        scope::task(view, &who, id)?;
        view.candidates_of(id)
    });
    let (found, next) = support::part(found.await?, page, |candidate| candidate.id.uuid())?;
    let items = found.into_iter().map(convert::candidate).collect();
    Ok(AxumJson(List { items, next }))
}

/// Commits that a task's result adds to its target, newest first.
#[utoipa::path(get, path = "/tasks/{id}/commits", tag = "tasks", operation_id = "task.commits",
    params(("id" = String, Path, description = "The task"), PartQuery),
    responses((status = 200, description = "A page", body = List<Commit>)))]
async fn commits(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Query(query): Query<PartQuery>,
) -> Result<AxumJson<List<Commit>>> {
    let limit = usize::try_from(query.limit()?).unwrap_or(usize::MAX);
    let from = match &query.cursor {
        None => 0,
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Refusal::invalid("cursor", "is not the `next` of a page"))?,
    };
    if from > COMMITS_DEEP_MAX {
        let problem = format!("only the newest {COMMITS_DEEP_MAX} are listed; fetch the branch");
        return Err(Refusal::invalid("cursor", problem).into());
    }
    // One more than asked for, to know whether there is more.
    let end = from + limit;
    let found = lab.task_commits(&caller.principal, id, end + 1).await?;
    let next = (found.len() > end).then(|| end.to_string());
    let items = found.into_iter().skip(from).take(limit);
    let items = items.map(convert::commit).collect();
    Ok(AxumJson(List { items, next }))
}

/// What a task's result changes in its target, as a unified diff. A diff over 8 MiB is cut, and its
/// last line says so.
#[utoipa::path(get, path = "/tasks/{id}/diff", tag = "tasks", operation_id = "task.diff",
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "A diff", body = String, content_type = "text/x-diff")))]
async fn diff(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
) -> Result<Response> {
    let diff = lab.task_diff(&caller.principal, id, DIFF_BYTES_MAX).await?;
    Ok(support::diff(diff))
}
