//! Bodies that no good client sends.

use devlab_core::TaskId;
use devlab_core::Timestamp;
use serde_json::{Value, json};

/// Deeper than any parser of ours goes.
const DEEP: usize = 10_000;

/// A good body, spoilt in every way that has to do with its form.
pub(super) fn malformed(good: &Value) -> Vec<Vec<u8>> {
    let text = good.to_string();
    let members = good.as_object().unwrap();
    let name = members.keys().next().unwrap();
    let mut bodies: Vec<Vec<u8>> = [
        "{",
        "}",
        "nul",
        "[]",
        "\"text\"",
        "1",
        "true",
        "{} {}",
        "{\"\\ud800\": 1}",
        "{'a': 1}",
        "// no\n{}",
        "\u{feff}{}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.push(text.as_bytes()[..text.len() - 1].to_vec());
    bodies.push(text.replacen('"', "\"\u{0}", 1).into_bytes());
    bodies.push([&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xff\xfe\"}"].concat());
    bodies.push(["[".repeat(DEEP), "]".repeat(DEEP)].concat().into_bytes());
    bodies.push(format!("{}1{}", "{\"a\":".repeat(DEEP), "}".repeat(DEEP)).into_bytes());
    let deep = format!("{{\"{name}\":{}{}}}", "[".repeat(DEEP), "]".repeat(DEEP));
    bodies.push(deep.into_bytes());
    // The same member twice, an unknown one, and each one with a value of another type.
    let twice = format!("{{\"{name}\":{},{}", members[name], &text[1..]);
    bodies.push(twice.into_bytes());
    let mut unknown = good.clone();
    unknown["no_such_member"] = json!(1);
    bodies.push(unknown.to_string().into_bytes());
    for name in members.keys() {
        let text = good[name].is_string();
        let wrong = [
            json!([]),
            json!(1e300),
            json!(-1),
            json!({"a": 1}),
            json!(true),
        ];
        for value in wrong {
            let mut spoilt = good.clone();
            spoilt[name] = value;
            bodies.push(spoilt.to_string().into_bytes());
        }
        if text && name != "upstream" && name != "note" && name != "body" {
            let mut spoilt = good.clone();
            spoilt[name] = json!("\u{0}");
            bodies.push(spoilt.to_string().into_bytes());
        }
    }
    bodies
}

fn chain(first: &str, second: &str) -> Value {
    json!({"title": "A cycle", "tasks": [
        {"key": "a", "title": "A", "depends_on": [first]},
        {"key": "b", "title": "B", "depends_on": [second]},
    ]})
}

/// A graph that is nested this deep.
fn nested(depth: usize) -> Value {
    let leaf = json!({"key": "leaf", "title": "Leaf"});
    let inner = (0..depth).fold(
        leaf,
        |inner, _| json!({"key": "level", "title": "Level", "tasks": [inner]}),
    );
    json!({"title": "Deep", "tasks": [inner]})
}

/// Bodies whose form is right and whose values are not, for a person.
pub(super) fn unacceptable(
    project: &str,
    task: &str,
    patch: &str,
) -> Vec<(&'static str, String, Value)> {
    let mut cases = Vec::new();
    let mut post = |path: &str, body: Value| cases.push(("POST", path.to_owned(), body));
    let long = "x".repeat(201);
    post_names(&mut post, &long);
    post_graphs(&mut post);
    post_tasks(&mut post, project, task);
    post_tokens(&mut post);
    post_reviews(&mut post, project, patch);
    cases.push((
        "PATCH",
        format!("/v1/projects/{project}"),
        json!({"upstream": "a\u{0}"}),
    ));
    cases.push((
        "PATCH",
        format!("/v1/projects/{project}"),
        json!({"upstream": "x".repeat(3_000)}),
    ));
    for body in [
        json!({"title": ""}),
        json!({"title": "A new title for a task that runs"}),
        json!({"priority": 40_000}),
        json!({"add_depends_on": [task]}),
        json!({"add_depends_on": [nobody()]}),
    ] {
        cases.push(("PATCH", format!("/v1/tasks/{task}"), body));
    }
    cases
}

fn post_names(post: &mut impl FnMut(&str, Value), long: &str) {
    let names = [
        "",
        "..",
        ".",
        "-a",
        "a-",
        "A",
        "a b",
        "a/b",
        "../x",
        "a\u{0}",
        "%2e%2e",
        "\u{e9}",
        ".git",
        "a.git",
        "con\n",
        "\u{202e}a",
        long,
    ];
    for name in names {
        post("/v1/orgs", json!({"name": name}));
        post("/v1/projects", json!({"name": name}));
        post("/v1/schedule", json!({"org": name, "task": "Bad"}));
        post("/v1/schedule", json!({"project": name, "task": "Bad"}));
        post("/v1/tokens", json!({"role": "viewer", "org": name}));
    }
    let branches = [
        "", "..", "a..b", "-x", "a b", "a~1", "a^", "a:b", "@{", "a.lock", "a\u{0}", "/a",
        "devlab/x",
    ];
    for branch in branches {
        post(
            "/v1/projects",
            json!({"name": "bad", "default_branch": branch}),
        );
    }
    let titles = ["", " ", "a\nb", "a\u{0}b", "\u{1b}[31m", long];
    for title in titles {
        post("/v1/tasks", json!({"title": title}));
        post(
            "/v1/schedule",
            json!({"title": title, "tasks": [{"key": "a", "title": "A"}]}),
        );
        post(
            "/v1/schedule",
            json!({"title": "T", "tasks": [{"key": "a", "title": title}]}),
        );
    }
}

fn post_tokens(post: &mut impl FnMut(&str, Value)) {
    for body in [
        json!({"role": "king"}),
        json!({"role": ""}),
        json!({"role": "viewer", "expires_in_secs": -1}),
        json!({"role": "viewer", "org": "default", "expires_in_secs": u64::MAX}),
        json!({"role": "viewer", "org": "default", "expires_in_secs": 0}),
        json!({"role": "viewer", "org": "default", "note": "\u{0}"}),
        json!({"role": "viewer", "org": "default", "note": "x".repeat(300)}),
        json!({"role": "metrics", "org": "default"}),
        json!({"role": "operator"}),
    ] {
        post("/v1/tokens", body);
    }
}

fn post_reviews(post: &mut impl FnMut(&str, Value), project: &str, patch: &str) {
    let comments = format!("/v1/patches/{patch}/comments");
    for body in [
        json!({}),
        json!({"body": ""}),
        json!({"body": "\u{0}"}),
        json!({"body": "x".repeat(70_000)}),
        json!({"verdict": "maybe"}),
        json!({"verdict": "accept", "head": "x"}),
        json!({"verdict": "accept", "head": "0".repeat(40)}),
        json!({"verdict": "reject"}),
    ] {
        post(&comments, body);
    }
    let sync = format!("/v1/projects/{project}/sync");
    // The last is the empty tree, which every repository knows.
    for commit in [
        "",
        "HEAD",
        "main",
        "--all",
        "0",
        &"0".repeat(40),
        &"f".repeat(40),
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    ] {
        post(&sync, json!({"commit": commit}));
    }
}

fn nobody() -> TaskId {
    TaskId::new(Timestamp::from_millis(1), 1)
}

fn post_graphs(post: &mut impl FnMut(&str, Value)) {
    let same = json!([{"key": "a", "title": "A"}, {"key": "a", "title": "B"}]);
    for body in [
        json!({}),
        json!({"tasks": [{"key": "a", "title": "A"}]}),
        json!({"task": ""}),
        json!({"task": "\u{0}"}),
        json!({"task": "T", "title": "T"}),
        json!({"task": "T", "tasks": [{"key": "a", "title": "A"}]}),
        json!({"title": "T", "tasks": same}),
        json!({"title": "T", "tasks": [{"key": "", "title": "A"}]}),
        json!({"title": "T", "tasks": [{"key": "a/b", "title": "A"}]}),
        json!({"title": "T", "tasks": [{"title": "A"}]}),
        chain("b", "a"),
        chain("a", "a"),
        chain("nobody", "a"),
        nested(9),
        nested(40),
        json!({"task": "T", "depends_on": [nobody()]}),
        json!({"task": "T", "depends_on": ["x"]}),
        json!({"task": "T", "priority": 1e9}),
        json!({"task": "T", "labels": ["\u{0}"]}),
        json!({"task": "T", "labels": [""]}),
        json!({"task": "T", "labels": (0..100).map(|i| format!("l{i}")).collect::<Vec<_>>()}),
        json!({"task": "T", "goal": "x".repeat(300_000)}),
    ] {
        post("/v1/schedule", body);
    }
    let many: Vec<_> = (0..2_001)
        .map(|i| json!({"key": format!("k{i}"), "title": "T"}))
        .collect();
    post("/v1/schedule", json!({"title": "T", "tasks": many}));
}

fn post_tasks(post: &mut impl FnMut(&str, Value), project: &str, task: &str) {
    let check = |name: &str, run: &str, timeout: i64| json!({"title": "T", "checks": [{"name": name, "run": run, "timeout_secs": timeout}]});
    for body in [
        json!({"title": "T", "parent": task}),
        json!({"title": "T", "parent": nobody()}),
        json!({"title": "T", "parent": "task_x"}),
        json!({"title": "T", "project": "no-such"}),
        json!({"title": "T", "depends_on": [nobody()]}),
        json!({"title": "T", "project": project, "org": "nowhere"}),
        json!({"title": "T", "driver": {}}),
        json!({"title": "T", "driver": {"command": {}}}),
        json!({"title": "T", "driver": {"command": {"argv": []}}}),
        json!({"title": "T", "driver": {"command": {"argv": ["a\u{0}"]}}}),
        json!({"title": "T", "driver": {"command": {"argv": ["a"], "script": "b"}}}),
        json!({"title": "T", "driver": {"command": {"script": "\u{0}"}}}),
        json!({"title": "T", "driver": {"command": {"argv": ["a"], "timeout_secs": 0}}}),
        json!({"title": "T", "driver": {"command": {"argv": ["a"], "timeout_secs": 9_999_999}}}),
        json!({"title": "T", "driver": {"command": {"argv": ["a"], "env": {"A=B": "c"}}}}),
        json!({"title": "T", "driver": {"command": {"argv": ["a"], "env": {"": "c"}}}}),
        json!({"title": "T", "driver": {"command": {"argv": ["a"], "env": {"A": "\u{0}"}}}}),
        json!({"title": "T", "driver": {"command": {"script": "x".repeat(200_000)}}}),
        json!({"title": "T", "driver": {"acp": {}}}),
        check("", "true", 1),
        check("c", "", 1),
        check("c", "a\u{0}", 1),
        check("c", "true", 0),
        check("c", "true", 9_999_999),
        json!({"title": "T", "checks": [{"name": "c", "run": "true"}, {"name": "c", "run": "true"}]}),
    ] {
        post("/v1/tasks", body);
    }
}

/// The same for an agent.
pub(super) fn unacceptable_of_agents(
    agent: &str,
    task: &str,
    attempt: &str,
) -> Vec<(&'static str, Value)> {
    let mut cases = Vec::new();
    for body in [
        json!({"name": "", "capacity": 1}),
        json!({"name": "a\u{0}", "capacity": 1}),
        json!({"name": "x".repeat(300), "capacity": 1}),
        json!({"name": "a", "capacity": 0}),
        json!({"name": "a", "capacity": 257}),
        json!({"name": "a", "capacity": 1, "runtime": ""}),
        json!({"name": "a", "capacity": 1, "labels": ["a\nb"]}),
        json!({"name": "a", "capacity": 1, "org": "nowhere"}),
    ] {
        cases.push(("/v1/agents", body));
    }
    for body in [
        json!({"agent": agent, "claim_id": ""}),
        json!({"agent": agent, "claim_id": "x".repeat(65)}),
        json!({"agent": "agent_", "claim_id": "x"}),
        json!({"agent": task, "claim_id": "x"}),
        json!({"agent": agent, "claim_id": "x", "wait_secs": 1e20}),
    ] {
        cases.push(("/v1/tasks/claim", body));
    }
    let update = |complete: Value| json!({"task": task, "attempt": attempt, "complete": complete});
    let zero = "0".repeat(40);
    let receipt = json!({"check": "c", "tree": zero, "exit_code": 0, "duration_ms": 1,
        "log_offset": 0, "log_len": 0, "isolation": "process"});
    for complete in [
        json!({"delivered": {}}),
        json!({"delivered": {"commit": zero}}),
        json!({"delivered": {"commit": "main"}}),
        json!({"delivered": {"commit": "f".repeat(40)}}),
        json!({"delivered": {"commit": "../../etc/passwd"}}),
        json!({"delivered": {"commit": zero, "receipts": [receipt]}}),
        json!({"delivered": {}, "given_up": {"reason": "x"}}),
        json!({"driver_failed": {"reason": "x".repeat(20_000)}}),
        json!({"driver_failed": {"reason": "x", "log_tail": "x".repeat(20_000)}}),
        json!({"finished": {}}),
        json!({}),
    ] {
        cases.push(("/v1/tasks/update", update(complete)));
    }
    cases.push((
        "/v1/tasks/update",
        json!({"task": nobody(), "attempt": attempt}),
    ));
    cases.push((
        "/v1/tasks/update",
        json!({"task": task, "attempt": attempt, "phase": "sleeping"}),
    ));
    cases
}
