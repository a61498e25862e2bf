//! Requests that name things, wherever a request can name one.

use devlab_core::check::Sha256Hex;
use devlab_core::{AttemptId, TaskId};
use devlab_testing::raw::Request;
use serde_json::{Value, json};

use super::own;
use super::world::Ids;

/// All requests of one operation that name what is in `there`. The caller's own things are in
/// `own`, for requests that name things in more than one place.
pub(crate) fn requests(
    operation: &str,
    method: &str,
    path: &str,
    there: &Ids,
    own: &Ids,
) -> Vec<Request> {
    let bodies = bodies(operation, there, own);
    let mut requests = Vec::new();
    for target in targets(operation, path, there) {
        let with_body = bodies
            .iter()
            .map(|body| send(method, &target, body.as_ref()));
        requests.extend(with_body);
    }
    for (target, body) in mixed(operation, path, there, own) {
        requests.push(send(method, &target, body.as_ref()));
    }
    requests
}

fn send(method: &str, target: &str, body: Option<&Value>) -> Request {
    let request = Request::new(method, target);
    match body {
        Some(body) => request.json(body),
        None => request,
    }
}

/// The path with ids from `there`, and with each query parameter that names something.
fn targets(operation: &str, path: &str, there: &Ids) -> Vec<String> {
    let id = match operation.split('.').next().unwrap() {
        "task" if operation.ends_with("commits") || operation.ends_with("diff") => {
            there.reviewed.to_string()
        }
        "task" => there.task.to_string(),
        "plan" => there.planned.to_string(),
        "project" => there.project.to_string(),
        "agent" => there.agent.to_string(),
        "patch" => there.patch.to_string(),
        "token" => there.token.to_string(),
        "schedule" | "hook" => there.template.to_string(),
        "artifact" => there.artifact.to_string(),
        _ => String::new(),
    };
    let rest = match operation {
        "git.call" => "git-upload-pack",
        _ => "info/refs?service=git-upload-pack",
    };
    let one = |org: &str| {
        path.replace("{id}", &id)
            .replace("{number}", "1")
            .replace("{org}", org)
            .replace("{repository}", &format!("{}.git", there.project_name))
            .replace("{*rest}", rest)
    };
    let by_id = one(&there.org.to_string());
    let by_name = one(&there.org_name);
    let mut targets = vec![by_id];
    if targets[0] != by_name {
        targets.push(by_name);
    }
    let bare = targets[0].clone();
    targets.extend(
        queries(operation, there)
            .iter()
            .map(|query| format!("{bare}?{query}")),
    );
    if ["task.append_log", "task.put_artifact", "project.blob"].contains(&operation) {
        targets.remove(0);
    }
    targets
}

/// Query parameters that name something.
fn queries(operation: &str, there: &Ids) -> Vec<String> {
    match operation {
        "task.list" => vec![
            format!("org={}", there.org),
            format!("org={}", there.org_name),
            format!("project={}", there.project),
            format!("parent={}", there.composite),
            format!("goal={}", there.task),
            format!("cursor={}", there.task.uuid().simple()),
        ],
        "patch.list" => vec![
            format!("org={}", there.org),
            format!("project={}", there.project),
            format!("cursor={}", there.patch.uuid().simple()),
        ],
        "state" | "schedule.list" | "project.list" | "agent.list" | "org.list" | "token.list"
        | "audit.list" | "event.list" | "event.stream" => vec![
            format!("org={}", there.org),
            format!("org={}", there.org_name),
        ],
        "task.logs" | "task.logs_stream" => vec![format!("attempt={}", there.attempt)],
        "task.append_log" => vec![format!(
            "task={}&attempt={}&offset=0",
            there.task, there.attempt
        )],
        "task.put_artifact" => vec![put(there.task, there.attempt)],
        "task.artifacts" => vec![format!("attempt={}", there.attempt)],
        "project.tree" => vec![format!("commit={}", there.head)],
        "project.blob" => vec![
            "path=README.md".to_owned(),
            format!("commit={}&path=README.md", there.head),
        ],
        "agent.control" => vec![format!("held={}", there.attempt)],
        _ => Vec::new(),
    }
}

/// Bodies that are valid but for what they name. `None` is no body.
fn bodies(operation: &str, there: &Ids, own: &Ids) -> Vec<Option<Value>> {
    let (org, name) = (there.org, &there.org_name);
    let some = |value: Value| Some(value);
    match operation {
        "org.create" => vec![some(json!({"name": "stolen"}))],
        "login" => vec![some(json!({"code": "wrong"}))],
        "project.create" => vec![
            some(json!({"org": org, "name": "stolen"})),
            some(json!({"org": name, "name": "stolen"})),
        ],
        "project.update" => vec![some(json!({"upstream": "stolen"}))],
        "project.move" => vec![some(json!({"to": "test"}))],
        "project.sync" => vec![
            some(json!({"commit": there.head})),
            some(json!({"commit": own.head})),
        ],
        "task.create" => vec![
            some(json!({"org": org, "title": "Stolen"})),
            some(json!({"org": name, "title": "Stolen"})),
            some(json!({"title": "Stolen", "project": there.project})),
            some(json!({"title": "Stolen", "project": there.project_name})),
            some(json!({"title": "Stolen", "parent": there.composite})),
            some(json!({"title": "Stolen", "depends_on": [there.task]})),
        ],
        "schedule.create" | "schedule.update" | "hook.deliver" => of_templates(operation, there),
        "command" => by_task(there),
        "schedule" => [
            by_task(there),
            vec![some(json!({"task": "Stolen", "depends_on": [there.task]}))],
        ]
        .concat(),
        "goal.create" => vec![
            some(json!({"org": org, "input": own::file()})),
            some(json!({"org": name, "input": own::file()})),
            some(json!({"project": there.project, "input": own::file()})),
            some(json!({"project": there.project_name, "input": own::file()})),
            some(json!({"project": there.project, "input": {"spec_kit": {"folder": "specs/1"}}})),
            some(json!({"depends_on": [there.task], "input": own::file()})),
        ],
        "plan.propose" => vec![some(json!({"input": own::file(), "approve": true}))],
        "plan.approve" | "plan.reject" => vec![some(json!({"why": "stolen"}))],
        "policy.set_org" | "policy.set_project" | "policy.set_goal" => vec![some(own::policy())],
        "task.answer" => vec![some(json!({"text": "stolen"}))],
        "task.choose" => vec![some(json!({"alternative": there.task}))],
        "task.tell" => vec![some(json!({"message": "stolen"}))],
        "task.update" => vec![some(json!({"priority": 7}))],
        "patch.comment" => vec![
            some(json!({"body": "Stolen"})),
            some(json!({"verdict": "accept"})),
        ],
        "agent.register" => vec![
            some(json!({"org": org, "name": "stolen", "capacity": 1})),
            some(json!({"org": name, "name": "stolen", "capacity": 1})),
        ],
        "task.claim" => vec![some(json!({"agent": there.agent, "claim_id": "stolen"}))],
        "task.update_attempt" => vec![
            some(json!({"task": there.task, "attempt": there.attempt})),
            some(json!({"task": there.task, "attempt": there.attempt,
                "complete": {"given_up": {"reason": "stolen"}}})),
            some(json!({"task": there.task, "attempt": there.attempt,
                "complete": {"delivered": {"commit": there.head}}})),
        ],
        "token.create" => vec![
            some(json!({"role": "admin", "org": org})),
            some(json!({"role": "viewer", "org": name})),
        ],
        _ => vec![None],
    }
}

/// Bodies of schedules and webhooks.
fn of_templates(operation: &str, there: &Ids) -> Vec<Option<Value>> {
    let cron = json!({"expression": "0 6 * * *"});
    let at = |goal| json!({"name": "stolen", "goal": goal, "cron": cron});
    match operation {
        "schedule.create" => {
            let goals = by_task(there).into_iter();
            goals.map(|goal| goal.map(at)).collect()
        }
        "schedule.update" => vec![Some(json!({"enabled": false}))],
        _ => vec![Some(json!({"ref": "refs/heads/main", "after": there.head}))],
    }
}

/// One task in words, with everything that it can name.
fn by_task(there: &Ids) -> Vec<Option<Value>> {
    vec![
        Some(json!({"org": there.org, "task": "Stolen"})),
        Some(json!({"org": there.org_name, "task": "Stolen"})),
        Some(json!({"task": "Stolen", "project": there.project})),
        Some(json!({"task": "Stolen", "project": there.project_name})),
    ]
}

/// An artifact of nothing, as a query.
fn put(task: TaskId, attempt: AttemptId) -> String {
    let sha256 = Sha256Hex::of(b"");
    format!("task={task}&attempt={attempt}&path=stolen&size=0&sha256={sha256}")
}

/// Requests that name something of the caller's own and something that is there.
fn mixed(operation: &str, path: &str, there: &Ids, own: &Ids) -> Vec<(String, Option<Value>)> {
    let own_path = path
        .replace("{id}", &own.task.to_string())
        .replace("{org}", &own.org_name)
        .replace("{repository}", &format!("{}.git", there.project_name));
    match operation {
        "task.create" => vec![
            (
                own_path.clone(),
                Some(json!({"org": own.org, "title": "Stolen", "parent": there.composite})),
            ),
            (
                own_path.clone(),
                Some(json!({"org": own.org, "title": "Stolen", "project": there.project})),
            ),
            (
                own_path,
                Some(
                    json!({"org": own.org, "title": "Stolen", "project": own.project,
                "driver": {"command": {"argv": ["true"]}}, "depends_on": [there.task]}),
                ),
            ),
        ],
        "task.update" => vec![(own_path, Some(json!({"add_depends_on": [there.task]})))],
        "task.logs" | "task.logs_stream" => {
            vec![(format!("{own_path}?attempt={}", there.attempt), None)]
        }
        "task.list" => vec![(
            format!("{path}?org={}&project={}", own.org, there.project),
            None,
        )],
        "task.append_log" => vec![
            (
                format!(
                    "{path}?task={}&attempt={}&offset=0",
                    own.task, there.attempt
                ),
                None,
            ),
            (
                format!(
                    "{path}?task={}&attempt={}&offset=0",
                    there.task, own.attempt
                ),
                None,
            ),
        ],
        "task.put_artifact" => vec![
            (format!("{path}?{}", put(own.task, there.attempt)), None),
            (format!("{path}?{}", put(there.task, own.attempt)), None),
        ],
        "task.update_attempt" => vec![
            (
                own_path.clone(),
                Some(json!({"task": own.task, "attempt": there.attempt})),
            ),
            (
                own_path,
                Some(json!({"task": there.task, "attempt": own.attempt})),
            ),
        ],
        "git.read" => vec![(
            own_path.replace("{*rest}", "info/refs?service=git-upload-pack"),
            None,
        )],
        _ => Vec::new(),
    }
}
