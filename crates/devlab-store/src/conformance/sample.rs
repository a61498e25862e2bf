//! A lab with rows of every kind, as records.

use devlab_core::id::{Kind, kind};
use serde_json::{Value, json};

use super::dump::Records;
use super::fixtures::{id, oid};

pub(super) fn name<K: Kind>(n: u32) -> String {
    id::<K>(n).to_string()
}

fn digest(n: u32) -> String {
    format!("{n:064x}")
}

/// Rows of an org and all that belongs to it, in the order of their keys: for each column one that
/// has a value, and where it may have none one that has none.
/// All rows of an org.
pub(super) fn of_org(n: u32) -> impl Iterator<Item = (&'static str, Vec<Value>)> {
    let all = [
        org_and_project(n),
        policies_of(n),
        tasks_of(n),
        work_of(n),
        bytes_of(n),
        words_of(n),
        starts_of(n),
    ];
    all.into_iter().flatten()
}

fn org_and_project(n: u32) -> Vec<(&'static str, Vec<Value>)> {
    let org = name::<kind::Org>(n);
    let project = name::<kind::Project>(n);
    vec![
        (
            "orgs",
            vec![
                json!({"id": org, "name": format!("org-{n}"), "retention": "90d",
                "created_at": 5}),
            ],
        ),
        (
            "projects",
            vec![
                json!({"id": project, "org": org, "name": "tally", "archived": false,
                    "default_branch": "refs/heads/main", "upstream": "https://example.org/\u{e9}",
                    "created_at": 6}),
                json!({"id": name::<kind::Project>(n + 1), "org": org, "name": "rest",
                    "default_branch": "refs/heads/trunk", "upstream": null, "archived": true,
                    "created_at": 7}),
            ],
        ),
        (
            "branch_heads",
            vec![
                json!({"project": project, "branch": "refs/heads/Main", "head": oid(n)}),
                json!({"project": project, "branch": "refs/heads/main", "head": oid(n + 1)}),
            ],
        ),
        (
            "check_sets",
            vec![json!({"hash": digest(n), "body": {"checks": [], "z": 1, "a": [1.5, "\n"]}})],
        ),
        (
            "agents",
            vec![
                json!({"id": name::<kind::Agent>(n), "org": org, "name": "local-1",
                "labels": "linux,rust", "capacity": 2, "runtime": "local", "draining": true,
                "lane": "runtime:local",
                "created_at": 8, "seen_at": 9}),
            ],
        ),
        (
            "events",
            vec![
                json!({"seq": n, "org": org, "at": 10, "kind": "org.created", "project": null,
                    "task": null, "attempt": null, "data": {"name": "x"}}),
                json!({"seq": n + 1, "org": org, "at": 11, "kind": "attempt.state",
                    "project": project, "task": name::<kind::Task>(n),
                    "attempt": name::<kind::Attempt>(n), "data": {}}),
            ],
        ),
        (
            "audit",
            vec![json!({"seq": n, "org": org, "at": 12, "actor": "admin:x",
                "action": "task.cancel", "target": "t", "request_id": "r1"})],
        ),
    ]
}

fn policies_of(n: u32) -> Vec<(&'static str, Vec<Value>)> {
    let org = name::<kind::Org>(n);
    vec![
        (
            "policies",
            vec![
                json!({"level": id::<kind::Org>(n).uuid().simple().to_string(), "number": 1,
                    "kind": "org", "org": org, "policy": {"retries": {}}, "set_by": "a",
                    "why": "", "at": 50, "latest": 0}),
                json!({"level": id::<kind::Org>(n).uuid().simple().to_string(), "number": 2,
                    "kind": "goal", "org": org, "policy": {}, "set_by": "b", "why": "w",
                    "at": 51, "latest": 1}),
            ],
        ),
        (
            "terms",
            vec![json!({"hash": digest(n + 1), "body": {"approve_tasks": []}})],
        ),
        (
            "limits",
            vec![
                json!({"org": org, "name": "org", "used": 3, "most": 4}),
                json!({"org": org, "name": "org+gpu", "used": 0, "most": null}),
            ],
        ),
    ]
}

fn starts_of(n: u32) -> Vec<(&'static str, Vec<Value>)> {
    let (org, template) = (name::<kind::Org>(n), name::<kind::Template>);
    vec![
        (
            "templates",
            vec![
                json!({"id": template(n), "org": org, "name": "nightly",
                    "project": name::<kind::Project>(n), "goal": {"spec": {"title": "\u{fc}"}},
                    "starts": {"cron": {"expression": "0 6 * * *"}}, "enabled": true,
                    "next_at": 90, "secret": 1, "made_by": "a", "created_at": 89}),
                json!({"id": template(n + 1), "org": org, "name": "on-push", "project": null,
                    "goal": {}, "starts": {"hook": {"forge": "github"}}, "enabled": false,
                    "next_at": null, "secret": 2, "made_by": "", "created_at": 91}),
            ],
        ),
        (
            "firings",
            vec![
                json!({"template": template(n), "key": "at:1", "at": 92, "delivery": null,
                    "filled": {"date": "d"}, "goal": name::<kind::Task>(n), "reason": null}),
                json!({"template": template(n), "key": "hook:2", "at": 93, "delivery": "\u{e9}",
                    "filled": {}, "goal": null, "reason": "r"}),
            ],
        ),
    ]
}

fn tasks_of(n: u32) -> Vec<(&'static str, Vec<Value>)> {
    let (org, project) = (name::<kind::Org>(n), name::<kind::Project>(n));
    let task = |k: u32| name::<kind::Task>(n + k);
    let full = json!({"seq": n, "id": task(0), "org": org, "project": project,
        "parent": task(9), "goal": task(9), "depth": 1, "kind": "leaf", "state": "waiting",
        "waits": "review>integrating", "unmet": 1, "priority": -3, "path": 2,
        "requires": "linux", "attempts": 4, "live": name::<kind::Attempt>(n),
        "lost": name::<kind::Attempt>(n + 1),
        "tries": "lost 1, check 2, driver 3, sent_back 4", "not_before": 13,
        "open_children": 0, "started": true, "head": oid(1), "prior": oid(2), "merges": oid(3),
        "published": oid(4), "review": true, "asked": "one", "accepted": oid(5), "side_effects": true,
        "proof": "proven", "check_set": digest(n), "terms": digest(n + 1), "lane": "org+gpu",
        "told": true, "choice": "among", "chosen": task(8), "held_by": task(7), "holds": true, "archived": true, "created_at": 14,
        "updated_at": 15});
    let empty = json!({"seq": n + 1, "id": task(1), "org": org, "project": null, "parent": null,
        "goal": task(1), "depth": 0, "kind": "composite", "state": "done", "waits": null,
        "unmet": 0, "priority": 0, "path": 1, "requires": "", "attempts": 0, "live": null,
        "lost": null, "tries": "lost 0, check 0, driver 0, sent_back 0", "not_before": null,
        "open_children": 0, "started": false, "head": null, "prior": null, "merges": null,
        "published": null, "review": false, "asked": null, "accepted": null, "side_effects": false,
        "proof": "open", "check_set": null, "terms": null, "lane": "", "told": false,
        "choice": null, "chosen": null, "held_by": null, "holds": false, "archived": false, "created_at": 16,
        "updated_at": 17});
    vec![
        ("tasks", vec![full, empty]),
        (
            "task_specs",
            vec![
                json!({"seq": n, "title": "one \"line\"", "goal": "many\nlines \u{1f600}",
                    "driver": {"command": {"script": "true"}}, "checks": [{"name": "t", "run": "r"}],
                    "artifacts": ["target/*.txt"], "paths": ["src/"],
                    "touched": ["src/a.rs"],
                    "made": {"by": "operator:a", "through": {"kind": "plan",
                        "task": task(0), "revision": 2}}}),
                json!({"seq": n + 1, "title": "", "goal": "", "driver": null, "checks": null, "artifacts": null,
                    "paths": null, "touched": null, "made": null}),
            ],
        ),
        (
            "edges",
            vec![json!({"dependent": task(0), "dependency": task(1)})],
        ),
        (
            "feedback",
            vec![
                json!({"seq": n, "task": task(0), "body": {"kind": "driver_failed",
                "attempt": name::<kind::Attempt>(n), "reason": "r", "log_tail": "\u{0}"}}),
            ],
        ),
        (
            "asks",
            vec![
                json!({"task": task(0), "number": 1, "kind": "question",
                    "attempt": name::<kind::Attempt>(n), "head": oid(1), "words": "?",
                    "asked_at": 52, "answer": "!", "answered_by": "a", "answered_at": 53,
                    "choices": ["\u{fc}", "b"]}),
                json!({"task": task(0), "number": 2, "kind": "start", "attempt": null,
                    "head": null, "words": "", "asked_at": 54, "answer": null,
                    "answered_by": null, "answered_at": null, "choices": null}),
            ],
        ),
        (
            "plans",
            vec![
                json!({"task": task(0), "number": 1, "org": org, "parent": null,
                    "state": "superseded", "origin": {"planner": "file"}, "tasks": 1,
                    "proposed_by": "a", "proposed_at": 18, "decision": {"by": "b", "at": 19},
                    "plan": {"tasks": [{"key": "\u{fc}\u{0}"}]}, "made": {"k": task(1)}}),
                json!({"task": task(0), "number": 2, "org": org, "parent": 1,
                    "state": "proposed", "origin": {"planner": "spec_kit"}, "tasks": 2,
                    "proposed_by": "a", "proposed_at": 20, "decision": null,
                    "plan": {"tasks": []}, "made": null}),
            ],
        ),
        (
            "ready",
            vec![
                json!({"org": org, "requires": "linux", "neg_priority": -3, "verify_first": 1,
                "neg_path": -2, "seq": n, "work": id::<kind::Task>(n).uuid().simple().to_string()}),
            ],
        ),
        ("due", vec![json!({"task": task(0), "at": 18})]),
    ]
}

fn work_of(n: u32) -> Vec<(&'static str, Vec<Value>)> {
    let (org, project) = (name::<kind::Org>(n), name::<kind::Project>(n));
    let (task, agent) = (name::<kind::Task>(n), name::<kind::Agent>(n));
    let candidate = name::<kind::Candidate>(n);
    let attempt = |k: u32| name::<kind::Attempt>(n + k);
    vec![
        (
            "attempts",
            vec![
                json!({"seq": n, "id": attempt(0), "org": org, "task": task, "number": 1,
                    "kind": "verify", "candidate": candidate, "agent": agent, "claim_id": "c1",
                    "state": "failed", "phase": "checking", "lease_until": 19, "base": oid(1),
                    "prior": oid(2), "merges": oid(3), "result": oid(4), "failure": "check",
                    "terms": digest(n + 1), "lane": "org",
                    "created_at": 20, "ended_at": 21}),
                json!({"seq": n + 1, "id": attempt(1), "org": org, "task": task, "number": 2,
                    "kind": "work", "candidate": null, "agent": agent, "claim_id": "c2",
                    "state": "live", "phase": "driving", "lease_until": 22, "base": null,
                    "prior": null, "merges": null, "result": null, "failure": null, "terms": null,
                    "lane": "",
                    "created_at": 23, "ended_at": null}),
            ],
        ),
        (
            "train_entries",
            vec![
                json!({"seq": n, "task": task, "project": project, "branch": "refs/heads/main",
                    "head": oid(1), "batch_max": 8, "candidate": candidate}),
                json!({"seq": n + 1, "task": name::<kind::Task>(n + 1), "project": project,
                    "branch": "refs/heads/main", "head": oid(2), "batch_max": 1,
                    "candidate": null}),
            ],
        ),
        (
            "candidates",
            vec![
                json!({"seq": n, "id": candidate, "org": org, "project": project,
                    "branch": "refs/heads/main", "state": "publishing",
                    "entries": [{"task": task, "head": oid(1), "merge": null}], "base": oid(1),
                    "tip": oid(2), "tree": oid(3), "check_set": digest(n), "live": attempt(0),
                    "lost": attempt(1), "attempts": 2, "stamp": 24, "updated_at": 25}),
                json!({"seq": n + 1, "id": name::<kind::Candidate>(n + 1), "org": org,
                    "project": project, "branch": "refs/heads/main", "state": "building",
                    "entries": [], "base": null, "tip": null, "tree": null,
                    "check_set": digest(n), "live": null, "lost": null, "attempts": 0,
                    "stamp": 26, "updated_at": 27}),
            ],
        ),
        (
            "candidate_tasks",
            vec![json!({"task": task, "candidate": candidate})],
        ),
    ]
}

/// What is known of bytes that are not in the database.
fn bytes_of(n: u32) -> Vec<(&'static str, Vec<Value>)> {
    let (org, task) = (name::<kind::Org>(n), name::<kind::Task>(n));
    let attempt = |k: u32| name::<kind::Attempt>(n + k);
    vec![
        (
            "kept_logs",
            vec![
                json!({"attempt": attempt(0), "blob": digest(n), "len": 0, "lines": 1, "at": 41,
                    "gone": false}),
                json!({"attempt": attempt(1), "blob": null, "len": 9, "lines": 2, "at": 42,
                    "gone": true}),
            ],
        ),
        (
            "artifacts",
            vec![
                json!({"id": name::<kind::Artifact>(n), "org": org, "task": task,
                    "attempt": attempt(0), "path": "a/b", "blob": digest(n), "len": 8,
                    "created_at": 43}),
                json!({"id": name::<kind::Artifact>(n + 1), "org": org, "task": task,
                    "attempt": attempt(0), "path": "a/c", "blob": null, "len": 8,
                    "created_at": 44}),
            ],
        ),
        ("retired_goals", vec![json!({"goal": task, "at": 45})]),
        ("unattested", vec![json!({"goal": task})]),
    ]
}

/// What was checked and reviewed, and said meanwhile.
fn words_of(n: u32) -> Vec<(&'static str, Vec<Value>)> {
    let (org, project) = (name::<kind::Org>(n), name::<kind::Project>(n));
    let (task, agent) = (name::<kind::Task>(n), name::<kind::Agent>(n));
    let (candidate, patch) = (name::<kind::Candidate>(n), name::<kind::Patch>(n));
    let attempt = |k: u32| name::<kind::Attempt>(n + k);
    let big = u64::from(u32::MAX) + 10;
    vec![
        (
            "receipts",
            [Value::from(candidate.as_str()), Value::Null]
                .into_iter()
                .zip(n..)
                .map(|(candidate, n)| {
                    json!({"seq": n, "id": name::<kind::Receipt>(n), "project": project,
                        "task": task, "attempt": attempt(0), "agent": agent,
                        "candidate": candidate, "name": "test", "command": "make test",
                        "check_hash": digest(1), "check_set": digest(2), "git_commit": oid(1),
                        "tree": oid(2), "exit_code": -9, "passed": candidate.is_null(),
                        "duration_ms": 28, "log_offset": 29, "log_len": big,
                        "isolation": "process", "at": 30})
                })
                .collect(),
        ),
        (
            "org_keys",
            vec![
                json!({"org": org, "number": 1, "public": digest(4),
                    "rotation": null, "created_at": 46}),
                json!({"org": org, "number": 2, "public": digest(6),
                    "rotation": {"payload": "e30=", "signatures": []}, "created_at": 47}),
            ],
        ),
        (
            "patches",
            vec![
                json!({"id": patch, "org": org, "project": project, "task": task, "title": "t",
                "description": "d", "target": "refs/heads/main", "base": oid(1), "head": oid(2),
                "files": 1, "added": 2, "removed": 3, "state": "merged", "created_at": 31,
                "updated_at": 32, "told": true, "told_remarks": 1}),
            ],
        ),
        (
            "patch_comments",
            vec![
                json!({"patch": patch, "number": 1, "author": "a", "head": oid(2), "body": "b",
                    "verdict": null, "at": 33}),
                json!({"patch": patch, "number": 2, "author": "a", "head": oid(2), "body": "b",
                    "verdict": "accept", "at": 34}),
            ],
        ),
        (
            "logs",
            vec![
                json!({"attempt": attempt(0), "start": 0, "bytes": "AAH/"}),
                json!({"attempt": attempt(0), "start": 3, "bytes": "aGVsbG8="}),
            ],
        ),
    ]
}

/// What belongs to the lab, not to an org.
fn of_lab() -> Vec<(&'static str, Vec<Value>)> {
    let token = |n: u32| name::<kind::Token>(n);
    vec![
        (
            "audit",
            vec![json!({"seq": 90, "org": null, "at": 35, "actor": "admin:x",
                "action": "org.create", "target": "t", "request_id": "r2"})],
        ),
        (
            "tokens",
            vec![
                json!({"id": token(1), "hash": digest(1), "role": "admin", "org": null,
                    "note": "n", "expires_at": null, "revoked_at": null, "created_at": 36}),
                json!({"id": token(2), "hash": digest(2), "role": "agent",
                    "org": name::<kind::Org>(1), "note": "", "expires_at": 37, "revoked_at": 38,
                    "created_at": 39}),
            ],
        ),
        (
            "org_secrets",
            vec![json!({"org": name::<kind::Org>(1), "number": 2, "secret": digest(7)})],
        ),
        (
            "remembered",
            vec![
                json!({"key": "Zebra", "body": digest(3), "status": 201, "answer": "{}",
                "expires_at": 40}),
                json!({"key": "ant", "body": digest(3), "status": 201, "answer": "{ }",
                "expires_at": 40}),
            ],
        ),
        (
            "settings",
            vec![
                json!({"key": "B", "value": ""}),
                json!({"key": "a", "value": "v"}),
            ],
        ),
        ("counters", vec![json!({"events": 120})]),
    ]
}

/// A lab with rows of every kind. Org 1 has what is numbered from 1, org 51 what is numbered from
/// there.
#[must_use]
pub fn sample() -> Records {
    let mut all = Records::default();
    let orgs = [1, 51].into_iter().flat_map(of_org);
    for (kind, rows) in orgs.chain(of_lab()) {
        let lines = all.0.entry(kind.to_owned()).or_default();
        lines.extend(rows.iter().map(ToString::to_string));
    }
    all
}
