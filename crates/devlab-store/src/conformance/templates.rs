//! Templates of goals, and what started them.

use std::collections::BTreeMap;

use devlab_core::rules::schedule::NewTask;
use devlab_core::template::{Cron, Firing, Hook, HookForge, Outcome, Template, Trigger};
use devlab_core::tx::Page;

use super::Lab;
use super::fixtures::{at, id, org, project, spec};
use crate::StoreExt;

fn template(n: u32) -> Template {
    let cron = Trigger::Cron(Cron {
        expression: "0 6 * * *".into(),
        zone: "Europe/Berlin".into(),
        overlap: n == 1,
    });
    let hook = Trigger::Hook(Hook {
        forge: HookForge::Gitlab,
        events: Vec::new(),
        branches: vec!["rel/*".into()],
    });
    Template {
        id: id(n),
        org: id(1 + n / 3),
        project: (n == 2).then(|| id(1)),
        name: format!("t-{n}").parse().unwrap(),
        goal: NewTask {
            spec: spec("\u{fc}"),
            requires: "gpu".parse().unwrap(),
            priority: -3,
            review: Some(false),
            side_effects: true,
            ..NewTask::default()
        },
        trigger: if n == 2 { hook } else { cron },
        enabled: n != 3,
        next_at: (n < 3).then(|| at(10 * n)),
        secret: n,
        by: "ad\u{e4}".into(),
        created_at: at(n),
    }
}

fn firing(of: u32, key: &str, n: u32) -> Firing {
    Firing {
        template: id(of),
        key: key.into(),
        at: at(n),
        delivery: (n == 2).then(|| "d\u{e9}".into()),
        values: BTreeMap::from([("branch".into(), "m\u{e4}in".into())]),
        outcome: None,
    }
}

pub(super) async fn templates(lab: Lab) {
    const ALL: Page = Page {
        after: None,
        limit: 9,
    };
    lab.store
        .write(|tx| {
            assert_eq!(tx.template(id(1))?, None);
            for n in 1..=3 {
                tx.put_template(&template(n))?;
            }
            assert_eq!(tx.template(id(2))?, Some(template(2)));
            assert_eq!(tx.templates(None, ALL)?, [3, 2, 1].map(template));
            assert_eq!(tx.templates(Some(id(1)), ALL)?, [2, 1].map(template));
            let page = Page {
                after: Some(template(3).id.uuid()),
                limit: 1,
            };
            assert_eq!(tx.templates(None, page)?, [template(2)]);
            assert_eq!(tx.due_templates(at(20), 9)?, [id(1), id(2)]);
            assert_eq!(tx.due_templates(at(20), 1)?, [id(1)]);
            assert_eq!(tx.due_templates(at(9), 9)?, []);
            let mut paused = template(1);
            (paused.enabled, paused.next_at, paused.secret) = (false, None, 7);
            tx.put_template(&paused)?;
            assert_eq!(tx.template(id(1))?, Some(paused));
            assert_eq!(tx.due_templates(at(99), 9)?, [id(2)]);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn firings(lab: Lab) {
    lab.store
        .write(|tx| {
            let project = project(1, id(1));
            tx.insert_org(&org(1))?;
            tx.insert_project(&project)?;
            for n in 1..=3 {
                tx.put_template(&template(n))?;
            }
            let mut first = firing(1, "at:1", 1);
            let (second, of_project) = (firing(1, "hook:2", 2), firing(2, "at:1", 3));
            for one in [&second, &first, &of_project] {
                tx.put_firing(one)?;
            }
            assert_eq!(tx.firing(id(1), "at:1")?.as_ref(), Some(&first));
            assert_eq!(tx.firing(id(3), "at:1")?, None);
            assert_eq!(tx.firings(id(1), 9)?, [second.clone(), first.clone()]);
            assert_eq!(tx.firings(id(1), 1)?, std::slice::from_ref(&second));
            assert!(tx.has_delivery(id(1), "d\u{e9}")?);
            assert!(!tx.has_delivery(id(2), "d\u{e9}")? && !tx.has_delivery(id(1), "")?);
            assert_eq!(tx.count_firings(id(1), at(1))?, (2, 1));
            let anywhere = [first.clone(), second.clone()];
            assert_eq!(tx.pending_firings(None, 9)?, anywhere);
            assert_eq!(tx.pending_firings(None, 1)?, anywhere[..1]);
            assert_eq!(tx.pending_firings(project.home.server, 9)?, [of_project]);
            assert_eq!(tx.pending_firings(Some(id(77)), 9)?, []);
            assert_eq!(tx.last_goal(id(1))?, None);
            first.outcome = Some(Outcome::Goal(id(5)));
            tx.put_firing(&first)?;
            assert_eq!(tx.last_goal(id(1))?, Some(id(5)));
            assert_eq!(tx.count_firings(id(1), at(9))?, (1, 0));
            let mut over = firing(1, "wish", 3);
            over.outcome = Some(Outcome::None("wh\u{fc}".into()));
            tx.put_firing(&over)?;
            assert_eq!(tx.firings(id(1), 1)?, std::slice::from_ref(&over));
            assert_eq!(tx.last_goal(id(1))?, Some(id(5)));
            tx.forget_firings(id(1), at(3))?;
            let all = [over, second.clone(), first];
            assert_eq!(tx.firings(id(1), 9)?, all, "the last goal's stays");
            let mut last = firing(1, "at:9", 4);
            last.outcome = Some(Outcome::Goal(id(6)));
            tx.put_firing(&last)?;
            tx.forget_firings(id(1), at(4))?;
            assert_eq!(tx.firings(id(1), 9)?, [last, second], "what waits stays");
            tx.delete_template(id(1))?;
            assert_eq!((tx.template(id(1))?, tx.firings(id(1), 9)?), (None, vec![]));
            assert!(tx.template(id(2))?.is_some());
            Ok(())
        })
        .await
        .unwrap();
}
