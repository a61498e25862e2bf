//! Orgs, projects, tokens, remembered answers, settings, events, audit.

use std::time::Duration;

use devlab_core::auth::{AuditEntry, Role, Token};
use devlab_core::bytes::Retention;
use devlab_core::event::{EventKind, NewEvent};
use devlab_core::org::{Org, Project};
use devlab_core::server::Home;
use devlab_core::tx::{AuditFilter, Page, Remembered, StoredAudit};
use devlab_core::{OrgId, ProjectId};

use super::Lab;
use super::fixtures::{at, branch, hash, id, oid, org, project};
use crate::StoreExt;

const ALL: Page = Page {
    after: None,
    limit: 100,
};

pub(super) async fn orgs_and_projects(lab: Lab) {
    let other = Project {
        upstream: Some("https://example.com/a.git".into()),
        archived: true,
        ..project(12, id(2))
    };
    let expected = other.clone();
    lab.store
        .write(move |tx| {
            tx.insert_org(&org(2))?;
            tx.insert_org(&org(1))?;
            tx.insert_project(&project(10, id(1)))?;
            tx.insert_project(&project(11, id(1)))?;
            tx.insert_project(&other)
        })
        .await
        .unwrap();
    lab.store
        .read(move |view| {
            assert_eq!(view.org(id(1))?, Some(org(1)));
            assert_eq!(view.org(id(9))?, None);
            assert_eq!(view.org_by_name(&org(2).name)?, Some(org(2)));
            assert_eq!(view.org_by_name(&org(9).name)?, None);
            assert_eq!(view.orgs(None, ALL)?, [org(1), org(2)], "oldest first");
            assert_eq!(view.orgs(Some(id(2)), ALL)?, [org(2)]);
            let after: OrgId = id(1);
            let page = Page {
                after: Some(after.uuid()),
                limit: 1,
            };
            assert_eq!(view.orgs(None, page)?, [org(2)]);
            assert_eq!(view.project(id(12))?, Some(expected));
            assert_eq!(view.project(id(13))?, None);
            let name = &project(10, id(1)).name;
            assert_eq!(view.project_by_name(id(1), name)?, Some(project(10, id(1))));
            assert_eq!(view.project_by_name(id(2), name)?, None, "another org's");
            let newest_first = [project(11, id(1)), project(10, id(1))];
            assert_eq!(view.projects(Some(id(1)), ALL)?, newest_first);
            assert_eq!(view.projects(None, ALL)?.len(), 3);
            let after: ProjectId = id(12);
            let page = Page {
                after: Some(after.uuid()),
                limit: 1,
            };
            assert_eq!(view.projects(None, page)?, newest_first[..1]);
            Ok(())
        })
        .await
        .unwrap();
    changed_and_doubled(&lab).await;
    let kept = Org {
        retention: Some(Retention::Days(7)),
        ..org(1)
    };
    let expected = kept.clone();
    lab.store.write(move |tx| tx.put_org(&kept)).await.unwrap();
    let unknown = lab.store.write(|tx| tx.put_org(&org(9))).await;
    assert!(unknown.is_err(), "there is no such org");
    lab.store
        .read(move |view| {
            assert_eq!(view.org(id(1))?, Some(expected));
            assert_eq!(view.org(id(2))?, Some(org(2)), "the other one stays");
            Ok(())
        })
        .await
        .unwrap();
}

async fn changed_and_doubled(lab: &Lab) {
    let changed = Project {
        default_branch: branch("trunk"),
        upstream: Some("ssh://x/y".into()),
        archived: true,
        home: Home {
            server: Some(id(8)),
            epoch: 4,
            moving_to: Some(id(7)),
        },
        ..project(10, id(1))
    };
    let expected = changed.clone();
    lab.store
        .write(move |tx| tx.put_project(&changed))
        .await
        .unwrap();
    let found = lab.store.read(|view| view.project(id(10))).await.unwrap();
    assert_eq!(found, Some(expected));
    let double = Project {
        name: project(10, id(1)).name,
        ..project(19, id(1))
    };
    let error = lab.store.write(move |tx| tx.insert_project(&double)).await;
    assert!(error.is_err(), "a name is unique in its org");
    let unknown = lab
        .store
        .write(|tx| tx.put_project(&project(99, id(1))))
        .await;
    assert!(unknown.is_err(), "there is nothing to replace");
}

pub(super) async fn branch_heads(lab: Lab) {
    let main = branch("main");
    lab.store
        .write(move |tx| {
            let project = id(1);
            assert_eq!(tx.branch_head(project, &main)?, None);
            tx.set_branch_head(project, &main, Some(&oid(1)))?;
            tx.set_branch_head(project, &branch("next"), Some(&oid(3)))?;
            assert_eq!(tx.branch_head(project, &main)?, Some(oid(1)));
            tx.set_branch_head(project, &main, Some(&oid(2)))?;
            assert_eq!(tx.branch_head(project, &main)?, Some(oid(2)));
            assert_eq!(tx.branch_head(id(2), &main)?, None, "another project's");
            tx.set_branch_head(project, &main, None)?;
            assert_eq!(tx.branch_head(project, &main)?, None);
            assert_eq!(tx.branch_head(project, &branch("next"))?, Some(oid(3)));
            Ok(())
        })
        .await
        .unwrap();
}

fn token(n: u32, role: Role, org: Option<OrgId>) -> Token {
    Token {
        id: id(n),
        hash: hash(&n.to_string()),
        role,
        org,
        note: format!("token {n}"),
        expires_at: None,
        revoked_at: None,
        created_at: at(n),
    }
}

pub(super) async fn tokens(lab: Lab) {
    lab.store
        .write(|tx| {
            for (n, role) in (1..).zip(Role::ALL) {
                let org = (n != 1).then(|| id(1));
                tx.put_token(&token(n, role, org))?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let revoked = Token {
        expires_at: Some(at(5)),
        revoked_at: Some(at(6)),
        note: "changed".into(),
        ..token(2, Role::Operator, Some(id(1)))
    };
    let expected = revoked.clone();
    lab.store
        .write(move |tx| {
            for (n, role) in (1..).zip(Role::ALL) {
                let org = (n != 1).then(|| id(1));
                assert_eq!(tx.token(id(n))?, Some(token(n, role, org)), "{role}");
            }
            tx.put_token(&revoked)?;
            assert_eq!(tx.token_by_hash(&hash("2"))?, Some(revoked.clone()));
            assert_eq!(tx.token_by_hash(&hash("nobody's"))?, None);
            assert_eq!(tx.token(id(99))?, None);
            let of_org: Vec<_> = tx.tokens(Some(id(1)), ALL)?;
            let ids: Vec<_> = of_org.iter().map(|t| t.id).collect();
            assert_eq!(
                ids,
                [id(5), id(4), id(3), id(2)],
                "newest first, no other org's"
            );
            assert_eq!(of_org[3], expected);
            assert_eq!(tx.tokens(None, ALL)?.len(), 5);
            let page = Page {
                after: Some(of_org[1].id.uuid()),
                limit: 1,
            };
            assert_eq!(tx.tokens(None, page)?[0].id, id(3));
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn remembered_answers(lab: Lab) {
    let answer = |n: u16| Remembered {
        body: hash(&n.to_string()),
        status: n,
        answer: "{\"é\":1}".into(),
        expires_at: at(u32::from(n)),
    };
    lab.store
        .write(move |tx| {
            tx.remember("a", &answer(100))?;
            tx.remember("b", &answer(200))?;
            assert_eq!(tx.remembered("a")?, Some(answer(100)));
            assert_eq!(tx.remembered("c")?, None);
            Ok(())
        })
        .await
        .unwrap();
    lab.clock.set(at(100).as_millis());
    lab.store
        .write(move |tx| {
            assert_eq!(tx.remembered("a")?, None, "its time has come");
            tx.remember("a", &answer(300))?;
            assert_eq!(
                tx.remembered("a")?,
                Some(answer(300)),
                "replaces the expired one"
            );
            let end = tx.now().plus(Duration::from_millis(200));
            assert_eq!(tx.forget_expired(end, 1)?, 1, "no more than asked");
            assert_eq!(tx.forget_expired(end, 9)?, 1);
            assert_eq!(tx.forget_expired(end, 9)?, 0);
            assert_eq!(tx.remembered("b")?, None);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn settings(lab: Lab) {
    lab.store
        .write(|tx| {
            assert_eq!(tx.setting("key")?, None);
            tx.put_setting("key", "one")?;
            tx.put_setting("key", "two")
        })
        .await
        .unwrap();
    let found = lab.store.read(|view| view.setting("key")).await.unwrap();
    assert_eq!(found.as_deref(), Some("two"));
}

pub(super) async fn event_stream(lab: Lab) {
    let event = |n: u32, kind: EventKind| NewEvent {
        org: id(1 + n % 2),
        kind,
        project: n.is_multiple_of(3).then(|| id(n)),
        task: n.is_multiple_of(2).then(|| id(n)),
        attempt: n.is_multiple_of(5).then(|| id(n)),
        data: serde_json::json!({"n": n, "text": "é\u{1F600}"}),
    };
    assert_eq!(lab.store.read(|view| view.last_event()).await.unwrap(), 0);
    for (n, kind) in (0..).zip(EventKind::ALL) {
        lab.clock.set(at(n).as_millis());
        lab.store
            .write(move |tx| tx.append_event(&event(n, kind)))
            .await
            .unwrap();
    }
    lab.store
        .read(move |view| {
            let all = view.events(None, 0, 100)?;
            assert_eq!(all.len(), EventKind::ALL.len());
            for (n, (found, kind)) in (0..).zip(all.iter().zip(EventKind::ALL)) {
                assert_eq!((&found.event, found.at), (&event(n, kind), at(n)));
            }
            assert!(all.is_sorted_by(|a, b| a.seq < b.seq));
            assert_eq!(view.last_event()?, all[all.len() - 1].seq);
            assert_eq!(view.events(None, all[3].seq, 2)?, all[4..6]);
            let of_org = view.events(Some(id(2)), all[1].seq, 100)?;
            let expected = all[2..].iter().filter(|e| e.event.org == id(2));
            assert!(of_org.iter().eq(expected));
            assert_eq!(view.events(None, all[all.len() - 1].seq, 9)?, []);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn audit_log(lab: Lab) {
    let entry = |n: u32| AuditEntry {
        org: n.is_multiple_of(2).then(|| id(1)),
        at: at(999),
        actor: format!("admin:{n}"),
        action: "task.cancel",
        target: format!("task {n}"),
        request_id: format!("request {n}"),
    };
    lab.store
        .write(move |tx| (0..4).try_for_each(|n| tx.append_audit(&entry(n))))
        .await
        .unwrap();
    lab.store
        .read(move |view| {
            let of = |org| AuditFilter {
                org,
                ..AuditFilter::default()
            };
            let all = view.audit_log(&of(None), None, 100)?;
            let expected = |n: u32| StoredAudit {
                org: entry(n).org,
                at: at(0),
                actor: entry(n).actor,
                action: entry(n).action.into(),
                target: entry(n).target,
                request_id: entry(n).request_id,
            };
            assert!(
                all.iter()
                    .map(|(_, e)| e.clone())
                    .eq([3, 2, 1, 0].map(expected))
            );
            assert!(all.is_sorted_by(|a, b| a.0 > b.0));
            assert_eq!(view.audit_log(&of(None), Some(all[1].0), 1)?, all[2..3]);
            let of_org = view.audit_log(&of(Some(id(1))), None, 100)?;
            assert_eq!(of_org, [all[1].clone(), all[3].clone()]);
            assert_eq!(view.audit_log(&of(Some(id(2))), None, 100)?, []);
            let mut with = |words: &[&str]| {
                let words = words.iter().map(|word| (*word).to_owned()).collect();
                let filter = AuditFilter { words, ..of(None) };
                view.audit_log(&filter, None, 100)
            };
            assert_eq!(with(&["TASK.cancel", "admin:2"])?, all[1..2]);
            assert_eq!(with(&["request 3"])?, all[..1]);
            assert_eq!(with(&["%"])?, []);
            assert_eq!(with(&["admin:2", "admin:3"])?, []);
            let (now, later) = (Some(at(0)), Some(at(1)));
            let mut within = |since, until| {
                let filter = AuditFilter {
                    since,
                    until,
                    ..of(None)
                };
                view.audit_log(&filter, None, 100)
            };
            assert_eq!(within(now, later)?, all);
            assert_eq!(within(later, None)?, []);
            assert_eq!(within(None, now)?, []);
            Ok(())
        })
        .await
        .unwrap();
}
