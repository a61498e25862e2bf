//! What webhooks of forges say.
//!
//! Shapes: GitHub's `push` and `pull_request` (docs.github.com, Webhook events and payloads), which
//! Forgejo's are like, with `synchronized` for `synchronize`; GitLab's `Push Hook` and
//! `Merge Request Hook` (docs.gitlab.com, Webhook events).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::git::Oid;
use crate::pattern;

use super::fill::one_line;

/// Who sends a webhook, and so what it looks like and how it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookForge {
    /// GitHub.
    Github,
    /// GitLab.
    Gitlab,
    /// Forgejo, and Gitea.
    Forgejo,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookEvent {
    /// Commits were pushed to a branch.
    Push,
    /// A pull or merge request was opened, or has other commits.
    PullRequest,
}

/// Which webhooks start a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Who sends them.
    pub forge: HookForge,
    /// What has to have happened; empty: any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<HookEvent>,
    /// Patterns of branches: of those that were pushed to, and of those that requests go into.
    /// Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
}

/// Something that happened in a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    event: HookEvent,
    /// The branch that patterns are for.
    branch: String,
    /// What is filled into a goal.
    pub values: BTreeMap<String, String>,
}

impl Hook {
    /// Whether it starts the template.
    #[must_use]
    pub fn wants(&self, happening: &Happening) -> bool {
        let is_event = self.events.is_empty() || self.events.contains(&happening.event);
        let mut branches = self.branches.iter();
        let fits = |pattern: &String| pattern::matches(pattern, &happening.branch);
        is_event && (self.branches.is_empty() || branches.any(fits))
    }
}

/// What a webhook says, given the name of its event. `None` for what starts nothing: other events,
/// tags, branches that are gone, requests whose commits are the same.
#[must_use]
pub fn read(forge: HookForge, event: &str, body: &Value) -> Option<Happening> {
    match (forge, event) {
        (HookForge::Github | HookForge::Forgejo, "push") => push(body, "/repository/full_name"),
        (HookForge::Github | HookForge::Forgejo, "pull_request" | "pull_request_sync") => {
            pull_request(body)
        }
        (HookForge::Gitlab, "Push Hook") => push(body, "/project/path_with_namespace"),
        (HookForge::Gitlab, "Merge Request Hook") => merge_request(body),
        _ => None,
    }
}

fn text<'b>(body: &'b Value, at: &str) -> Option<&'b str> {
    body.pointer(at)?.as_str()
}

fn commit(body: &Value, at: &str) -> Option<String> {
    let commit: Oid = text(body, at)?.parse().ok()?;
    let is_none = commit.as_str().bytes().all(|digit| digit == b'0');
    (!is_none).then(|| commit.to_string())
}

fn happening(event: HookEvent, branch: &str, values: &[(&str, Option<&str>)]) -> Happening {
    let known = values.iter();
    let known = known.filter_map(|(name, value)| Some(((*name).to_owned(), one_line((*value)?))));
    Happening {
        event,
        branch: branch.to_owned(),
        values: known.collect(),
    }
}

fn push(body: &Value, repository: &str) -> Option<Happening> {
    let branch = text(body, "/ref")?.strip_prefix("refs/heads/")?;
    let head = commit(body, "/after")?;
    let before = commit(body, "/before");
    let who = ["/sender/login", "/user_username", "/pusher/name"];
    let who = who.iter().find_map(|at| text(body, at));
    let values = [
        ("event", Some("push")),
        ("branch", Some(branch)),
        ("commit", Some(head.as_str())),
        ("before", before.as_deref()),
        ("repository", text(body, repository)),
        ("actor", who),
    ];
    Some(happening(HookEvent::Push, branch, &values))
}

fn pull_request(body: &Value) -> Option<Happening> {
    let action = text(body, "/action")?;
    let has_other_commits = matches!(
        action,
        "opened" | "reopened" | "synchronize" | "synchronized" | "ready_for_review"
    );
    let into = text(body, "/pull_request/base/ref").filter(|_| has_other_commits)?;
    let head = commit(body, "/pull_request/head/sha")?;
    let number = body.pointer("/pull_request/number")?.as_u64()?.to_string();
    let values = [
        ("event", Some("pull_request")),
        ("action", Some(action)),
        ("pr", Some(number.as_str())),
        ("title", text(body, "/pull_request/title")),
        ("branch", text(body, "/pull_request/head/ref")),
        ("target", Some(into)),
        ("commit", Some(head.as_str())),
        ("repository", text(body, "/repository/full_name")),
        ("actor", text(body, "/sender/login")),
    ];
    Some(happening(HookEvent::PullRequest, into, &values))
}

fn merge_request(body: &Value) -> Option<Happening> {
    let of = |name: &str| text(body, &format!("/object_attributes/{name}"));
    let action = of("action")?;
    let has_other_commits = match action {
        "open" | "reopen" => true,
        // Other words, labels and the like are updates too.
        "update" => of("oldrev").is_some(),
        _ => false,
    };
    let into = of("target_branch").filter(|_| has_other_commits)?;
    let head = commit(body, "/object_attributes/last_commit/id")?;
    let number = body
        .pointer("/object_attributes/iid")?
        .as_u64()?
        .to_string();
    let values = [
        ("event", Some("pull_request")),
        ("action", Some(action)),
        ("pr", Some(number.as_str())),
        ("title", of("title")),
        ("branch", of("source_branch")),
        ("target", Some(into)),
        ("commit", Some(head.as_str())),
        ("repository", text(body, "/project/path_with_namespace")),
        ("actor", text(body, "/user/username")),
    ];
    Some(happening(HookEvent::PullRequest, into, &values))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEAD: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
    const NONE: &str = "0000000000000000000000000000000000000000";

    fn hook(events: &[HookEvent], branches: &[&str]) -> Hook {
        Hook {
            forge: HookForge::Github,
            events: events.to_vec(),
            branches: branches.iter().map(|b| (*b).to_owned()).collect(),
        }
    }

    #[test]
    fn pushes_of_all_forges_say_the_same() {
        let like_github = json!({"ref": "refs/heads/fix/a", "before": NONE, "after": HEAD,
            "repository": {"full_name": "o/r"}, "sender": {"login": "ada"}});
        let gitlab = json!({"object_kind": "push", "ref": "refs/heads/fix/a", "before": NONE,
            "after": HEAD, "user_username": "ada", "project": {"path_with_namespace": "o/r"}});
        let said = read(HookForge::Github, "push", &like_github).unwrap();
        assert_eq!(
            read(HookForge::Forgejo, "push", &like_github).unwrap(),
            said
        );
        assert_eq!(read(HookForge::Gitlab, "Push Hook", &gitlab).unwrap(), said);
        assert_eq!(said.values["branch"], "fix/a");
        assert_eq!(said.values["commit"], HEAD);
        assert!(!said.values.contains_key("before"), "the branch is new");
        assert!(hook(&[], &["fix/*"]).wants(&said) && hook(&[], &[]).wants(&said));
        assert!(!hook(&[], &["main"]).wants(&said));
        assert!(!hook(&[HookEvent::PullRequest], &[]).wants(&said));
    }

    #[test]
    fn requests_of_all_forges_say_the_same() {
        let like_github = |action: &str| {
            json!({"action": action, "number": 7, "sender": {"login": "ada"},
            "repository": {"full_name": "o/r"}, "pull_request": {"number": 7, "title": "Mend\n it",
            "head": {"ref": "fix", "sha": HEAD}, "base": {"ref": "main"}}})
        };
        let gitlab = |action: &str, oldrev: Value| {
            json!({"user": {"username": "ada"}, "project": {"path_with_namespace": "o/r"},
            "object_attributes": {"iid": 7, "title": "Mend\n it", "source_branch": "fix",
            "target_branch": "main", "action": action, "oldrev": oldrev, "last_commit": {"id": HEAD}}})
        };
        let of = |mut said: Happening| {
            said.values.remove("action");
            said
        };
        let github = |action| read(HookForge::Github, "pull_request", &like_github(action)).map(of);
        let forgejo =
            |action| read(HookForge::Forgejo, "pull_request", &like_github(action)).map(of);
        let lab = |action, oldrev| {
            read(
                HookForge::Gitlab,
                "Merge Request Hook",
                &gitlab(action, oldrev),
            )
            .map(of)
        };
        let said = github("opened").unwrap();
        assert_eq!(said.values["title"], "Mend it");
        assert_eq!(
            (&*said.values["pr"], &*said.values["target"]),
            ("7", "main")
        );
        assert_eq!(github("synchronize").as_ref(), Some(&said));
        assert_eq!(forgejo("synchronized").as_ref(), Some(&said));
        assert_eq!(lab("open", Value::Null).as_ref(), Some(&said));
        assert_eq!(lab("update", json!(HEAD)).as_ref(), Some(&said));
        assert_eq!(lab("update", Value::Null), None, "its commits are the same");
        assert_eq!((github("closed"), github("labeled")), (None, None));
        assert!(hook(&[HookEvent::PullRequest], &["main"]).wants(&said));
        assert!(
            !hook(&[], &["fix"]).wants(&said),
            "patterns are for where it goes"
        );
    }

    #[test]
    fn what_is_no_news_and_what_makes_no_sense_starts_nothing() {
        for body in [
            json!({"ref": "refs/tags/v1", "after": HEAD}),
            json!({"ref": "refs/heads/main", "after": NONE}),
            json!({"ref": "refs/heads/main", "after": "$(id)"}),
            json!({"ref": 7, "after": HEAD}),
            json!([]),
            json!({"zen": "Keep it logically awesome."}),
        ] {
            assert_eq!(read(HookForge::Github, "push", &body), None, "{body}");
            assert_eq!(read(HookForge::Github, "ping", &body), None, "{body}");
            assert_eq!(read(HookForge::Github, "pull_request", &body), None);
            assert_eq!(read(HookForge::Gitlab, "Merge Request Hook", &body), None);
        }
    }
}
