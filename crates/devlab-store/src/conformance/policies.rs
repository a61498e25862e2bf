//! Policies, terms, limits and what is asked of people.

use devlab_core::OrgId;
use devlab_core::ask::{Ask, AskAnswer, AskKind};
use devlab_core::limit::{LimitKey, Slots};
use devlab_core::policy::{Level, Policy, PolicyRevision, Terms};

use super::Lab;
use super::fixtures::{at, hash, id, oid};
use crate::StoreExt;

fn revision(level: Level, number: u32) -> PolicyRevision {
    let mut policy = Policy::default();
    policy.concurrency.total = Some(number);
    policy.approvals.tasks = Some(vec!["gpu,linux".parse().unwrap()]);
    PolicyRevision {
        level,
        org: id(1),
        number,
        policy,
        by: "admin:tok".into(),
        why: "wh\u{fc}".into(),
        at: at(number),
    }
}

pub(super) async fn policies(lab: Lab) {
    let [org, project, goal] = [Level::Org(id(1)), Level::Project(id(2)), Level::Goal(id(3))];
    lab.store
        .write(move |tx| {
            assert_eq!(tx.policies(&[org, project, goal])?, []);
            tx.insert_policy(&revision(goal, 1))?;
            tx.insert_policy(&revision(org, 0))?;
            tx.insert_policy(&revision(org, 1))?;
            let found = tx.policies(&[org, project, goal])?;
            assert_eq!(found, [revision(org, 1), revision(goal, 1)]);
            tx.insert_policy(&revision(org, 2))?;
            assert_eq!(tx.policies(&[org])?, [revision(org, 2)]);
            let found = tx.policies(&[goal, org])?;
            assert_eq!(found, [revision(goal, 1), revision(org, 2)]);
            let history = tx.policy_history(org)?;
            assert_eq!(history, [2, 1, 0].map(|number| revision(org, number)));
            assert_eq!(tx.policy_history(project)?, []);
            Ok(())
        })
        .await
        .unwrap();
    let twice = lab
        .store
        .write(move |tx| tx.insert_policy(&revision(org, 2)));
    assert!(twice.await.is_err(), "a number is given once");
    let found = lab.store.read(move |view| view.policies(&[org])).await;
    assert_eq!(found.unwrap(), [revision(org, 2)]);
}

pub(super) async fn terms(lab: Lab) {
    let mut terms = Terms::default();
    terms.check.longest_ms = Some(7);
    lab.store
        .write(move |tx| {
            for _ in 0..2 {
                tx.put_terms(&terms)?;
                assert_eq!(tx.terms(&terms.hash())?, Some(terms.clone()));
            }
            assert_eq!(tx.terms(&hash("none"))?, None);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn limits(lab: Lab) {
    let key = |text: &str| text.parse::<LimitKey>().unwrap();
    let slots = |used, most| Slots { used, most };
    let (one, two): (OrgId, OrgId) = (id(1), id(2));
    lab.store
        .write(move |tx| {
            assert_eq!(tx.limits(one)?, []);
            assert_eq!(tx.limit(one, &key("org"))?, None);
            tx.put_limit(one, &key("org+gpu"), Some(slots(0, None)))?;
            tx.put_limit(one, &key("org"), Some(slots(u32::MAX, Some(0))))?;
            tx.put_limit(two, &key("org"), Some(slots(1, Some(2))))?;
            tx.put_limit(one, &key("org"), Some(slots(3, Some(4))))?;
            assert_eq!(tx.limit(one, &key("org"))?, Some(slots(3, Some(4))));
            let all = [
                (key("org"), slots(3, Some(4))),
                (key("org+gpu"), slots(0, None)),
            ];
            assert_eq!(tx.limits(one)?, all);
            Ok(())
        })
        .await
        .unwrap();
    lab.store
        .write(move |tx| {
            tx.put_limit(one, &key("org"), None)?;
            tx.put_limit(one, &key("runtime:none"), None)?;
            assert_eq!(tx.limit(one, &key("org"))?, None);
            assert_eq!(tx.limits(one)?, [(key("org+gpu"), slots(0, None))]);
            assert_eq!(tx.limit(two, &key("org"))?, Some(slots(1, Some(2))));
            Ok(())
        })
        .await
        .unwrap();
    let refused = lab.store.write(move |tx| {
        tx.put_limit(two, &key("org"), Some(slots(9, None)))?;
        Err::<(), _>(devlab_core::Refusal::Forbidden.into())
    });
    assert!(refused.await.is_err());
    let left = lab.store.read(move |view| view.limits(two)).await.unwrap();
    assert_eq!(left, [(key("org"), slots(1, Some(2)))]);
}

pub(super) async fn asks(lab: Lab) {
    let ask = |number: u32, kind: AskKind| Ask {
        task: id(1),
        number,
        kind,
        attempt: (number > 1).then(|| id(number)),
        head: (number > 2).then(|| oid(number)),
        text: "wh\u{e4}t?".into(),
        choices: match kind {
            AskKind::Question => vec!["t\u{e4}bs".into(), "\"sp\"".into()],
            AskKind::Start | AskKind::Publication | AskKind::Choice | AskKind::Permission => {
                Vec::new()
            }
        },
        asked_at: at(number),
        answer: None,
    };
    lab.store
        .write(move |tx| {
            assert_eq!(tx.asks(id(1))?, []);
            for (number, kind) in (1..).zip(AskKind::ALL) {
                tx.put_ask(&ask(number, kind))?;
            }
            let mut all: Vec<Ask> = (1..).zip(AskKind::ALL).map(|(n, k)| ask(n, k)).collect();
            assert_eq!(tx.asks(id(1))?, all);
            all[2].answer = Some(AskAnswer {
                by: "operator:tok".into(),
                at: at(9),
                text: String::new(),
            });
            tx.put_ask(&all[2])?;
            assert_eq!(tx.asks(id(1))?, all);
            assert_eq!(tx.asks(id(2))?, []);
            Ok(())
        })
        .await
        .unwrap();
}
