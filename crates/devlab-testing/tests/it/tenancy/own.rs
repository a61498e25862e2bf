//! Requests that succeed, for whoever may send them.

use devlab_core::auth::Role;
use devlab_core::check::Sha256Hex;
use devlab_testing::raw::Request;
use serde_json::{Value, json};

use super::world::{self, World};

/// A request of an operation that succeeds when it is allowed. What it changes is made anew for it;
/// `n` is different each time.
pub(crate) async fn request(
    world: &World,
    operation: &str,
    method: &str,
    path: &str,
    n: u32,
) -> Request {
    let a = &world.a;
    let at = |id: &dyn ToString| path.replace("{id}", &id.to_string());
    let new = |target: String| Request::new(method, target);
    match operation {
        "org.get" | "org.export" | "org.retention" | "org.retire" | "org.keys"
        | "org.rotate_key" | "policy.org" => new(path.replace("{org}", &a.org_name)),
        "org.update" => new(path.replace("{org}", &a.org_name)).json(&json!({"retention": "60d"})),
        "org.import" => {
            let archive = world.elsewhere().await;
            new(format!("{path}?name=imported-{n}")).body(archive)
        }
        "org.create" => new(path.to_owned()).json(&json!({"name": format!("org-{n}")})),
        "policy.set_org" => new(path.replace("{org}", &a.org_name)).json(&policy()),
        "policy.set_project" => new(at(&a.project)).json(&policy()),
        "policy.set_goal" => new(at(&world.task(false).await.id)).json(&policy()),
        "login" => new(path.to_owned()).json(&json!({"code": "wrong"})),
        "project.create" => {
            let name = format!("new-{n}");
            new(path.to_owned()).json(&json!({"org": a.org, "name": name}))
        }
        "project.get" | "project.settings" | "project.train" | "project.tree"
        | "policy.project" => new(at(&a.project)),
        "project.blob" => new(format!("{}?path=README.md", at(&a.project))),
        "project.update" => new(at(&a.project)).json(&json!({"upstream": "elsewhere"})),
        // Where it is already: there is one server.
        "project.move" => new(at(&a.project)).json(&json!({"to": "test"})),
        "project.sync" => new(at(&a.project)).json(&json!({"commit": a.head})),
        "patch.get" | "patch.diff" | "patch.comments" => new(at(&a.patch)),
        "patch.comment" => new(at(&a.patch)).json(&json!({"body": "Well done"})),
        "task.commits" | "task.diff" => new(at(&a.reviewed)),
        "agent.get" | "agent.control" => new(at(&a.agent)),
        "agent.drain" | "agent.resume" | "agent.remove" => {
            let name = format!("agent-{n}");
            let agent = world.server.agent(&a.org_name, &name, 1).await;
            new(at(&agent.agent.id))
        }
        "agent.register" => {
            let name = format!("registered-{n}");
            new(path.to_owned()).json(&json!({"name": name, "capacity": 1}))
        }
        "task.claim" | "task.update_attempt" | "task.append_log" | "task.put_artifact" => {
            of_agent(world, operation, method, path, n)
        }
        own if is_of_templates(own) => of_templates(world, own, method, path, n).await,
        "task.choice" => new(at(&world.choice().await.0)),
        "task.artifacts" => new(at(&a.task)),
        "artifact.content" => new(at(&a.artifact)),
        "token.create" => new(path.to_owned()).json(&json!({"role": "viewer", "org": a.org})),
        "token.revoke" => {
            let token = world.server.new_token(Role::Viewer, &a.org_name).await;
            new(at(&token.token.id))
        }
        "command" | "schedule" => new(path.to_owned()).json(&one_more(a, "task")),
        "task.create" => new(path.to_owned()).json(&one_more(a, "title")),
        "goal.create" => new(path.to_owned()).json(&json!({"org": a.org, "input": file()})),
        "plan.list" => new(at(&a.planned)),
        "plan.get" | "plan.diff" => new(at(&a.planned).replace("{number}", "1")),
        "plan.propose" => new(at(&a.planned)).json(&json!({"input": file()})),
        "plan.approve" | "plan.reject" => {
            let goal = world::planned(&world.server, &a.org_name).await;
            new(at(&goal).replace("{number}", "1")).json(&json!({"why": "so"}))
        }
        "git.read" | "git.call" => git(world, operation, method, path),
        changed if changed.starts_with("task.") && method != "GET" => {
            task(world, operation, method, path).await
        }
        _ => new(at(&a.task)),
    }
}

fn is_of_templates(operation: &str) -> bool {
    operation.starts_with("schedule.") || operation == "hook.deliver"
}

/// Schedules and webhooks.
async fn of_templates(world: &World, operation: &str, method: &str, path: &str, n: u32) -> Request {
    let a = &world.a;
    let at = |id: &dyn ToString| path.replace("{id}", &id.to_string());
    let new = |target: String| Request::new(method, target);
    match operation {
        "schedule.create" => new(path.to_owned()).json(&json!({"name": format!("at-{n}"),
            "goal": {"org": a.org, "task": "Look"}, "cron": {"expression": "0 6 * * *"}})),
        "schedule.get" | "schedule.secret" => new(at(&a.template)),
        "schedule.update" => new(at(&a.template)).json(&json!({"enabled": true})),
        "schedule.run" | "schedule.remove" => {
            let made = world::template(&world.server, &a.org_name, &a.project_name).await;
            new(at(&made.schedule.id))
        }
        "hook.deliver" => {
            let made = world::template(&world.server, &a.org_name, &a.project_name).await;
            new(at(&made.schedule.id))
                .header("x-gitlab-token", made.secret.unwrap())
                .header("x-gitlab-event", "Push Hook")
                .json(&json!({"ref": "refs/heads/main", "after": a.head}))
        }
        _ => new(path.to_owned()),
    }
}

/// What agents send while they work.
fn of_agent(world: &World, operation: &str, method: &str, path: &str, n: u32) -> Request {
    let a = &world.a;
    let new = |target: String| Request::new(method, target);
    match operation {
        "task.claim" => {
            let claim = json!({"agent": a.agent, "claim_id": format!("claim of walk {n}")});
            new(path.to_owned()).json(&claim)
        }
        "task.update_attempt" => {
            new(path.to_owned()).json(&json!({"task": a.task, "attempt": a.attempt}))
        }
        "task.append_log" => new(format!(
            "{path}?task={}&attempt={}&offset=0",
            a.task, a.attempt
        ))
        .body("the log of alpha-lab\n"),
        _ => new(format!(
            "{path}?task={}&attempt={}&path=report.txt&size=9&sha256={}",
            a.task,
            a.attempt,
            Sha256Hex::of(b"alpha-lab")
        ))
        .body("alpha-lab"),
    }
}

/// A policy that changes nothing.
pub(crate) fn policy() -> Value {
    json!({"policy": {"retries": {"check": {"most": 3}}}, "why": "so"})
}

/// What a plan is made of.
pub(crate) fn file() -> Value {
    json!({"file": {"name": "plan.yaml", "text": world::PLAN}})
}

fn git(world: &World, operation: &str, method: &str, path: &str) -> Request {
    let repository = format!("{}.git", world.a.project_name);
    let path = path
        .replace("{org}", &world.a.org_name)
        .replace("{repository}", &repository);
    if operation == "git.read" {
        let rest = "info/refs?service=git-upload-pack";
        return Request::new(method, path.replace("{*rest}", rest));
    }
    // A client that wants nothing after all.
    Request::new(method, path.replace("{*rest}", "git-upload-pack"))
        .header("content-type", "application/x-git-upload-pack-request")
        .body("0000")
}

/// A change of a task that is in the state that it needs.
async fn task(world: &World, operation: &str, method: &str, path: &str) -> Request {
    if operation == "task.answer" {
        let task = world.asking().await.to_string();
        return Request::new(method, path.replace("{id}", &task)).json(&json!({"choice": 1}));
    }
    if operation == "task.choose" {
        let (task, one) = world.choice().await;
        let request = Request::new(method, path.replace("{id}", &task.to_string()));
        return request.json(&json!({"alternative": one}));
    }
    let task = world.task(operation == "task.activate").await.id;
    if matches!(operation, "task.retry" | "task.archive") {
        world.admin().cancel_task(task).await.unwrap();
    }
    let request = Request::new(method, path.replace("{id}", &task.to_string()));
    match operation {
        "task.update" => request.json(&json!({"priority": 3})),
        "task.tell" => request.json(&json!({"message": "Mind the gap"})),
        _ => request,
    }
}

/// One more task, in words under this key, that no agent can do.
fn one_more(place: &world::Ids, key: &str) -> serde_json::Value {
    json!({"org": place.org, key: "One more", "labels": ["nobody=has-this"]})
}
