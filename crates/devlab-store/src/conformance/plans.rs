//! Revisions of plans.

use std::collections::BTreeMap;

use devlab_core::TaskId;
use devlab_core::check::{Check, CommandSpec, DriverSpec};
use devlab_core::choice::Alternative;
use devlab_core::plan::revision::Decision;
use devlab_core::plan::{Origin, Plan, PlanState, PlanTask, PlannerKind, Problem, Revision};

use super::Lab;
use super::fixtures::{at, hash, id, labels, oid, spec};
use crate::StoreExt;

/// A plan with nothing left out.
fn plan(title: &str) -> Plan {
    let leaf = PlanTask {
        key: "inner".into(),
        spec: spec("inner"),
        labels: labels(""),
        priority: 0,
        review: false,
        side_effects: false,
        depends_on: vec![],
        tasks: vec![],
        alternatives: vec![
            Alternative::default(),
            Alternative {
                title: Some("by \"hand\"".into()),
                driver: spec("x").driver,
                labels: Some(labels("gpu")),
            },
        ],
        done: true,
        group: None,
        line: None,
    };
    let mut outer = PlanTask {
        key: "T001".into(),
        spec: spec("outer"),
        labels: labels("gpu,linux"),
        priority: i16::MIN,
        review: true,
        side_effects: true,
        depends_on: vec!["T000".into()],
        tasks: vec![leaf.clone()],
        alternatives: vec![],
        done: false,
        group: Some("Phase 1: Setup – \"first\"".into()),
        line: Some(u32::MAX),
    };
    outer.spec.checks = vec![Check {
        name: "test".into(),
        run: "make test".into(),
        timeout_secs: 60,
    }];
    outer.spec.driver = Some(DriverSpec::Command(CommandSpec {
        argv: vec![],
        script: Some("echo 'ü' \u{1f9ea}\n".into()),
        env: BTreeMap::from([("A".into(), "b".into())]),
        timeout_secs: 1,
    }));
    Plan {
        goal: spec(title),
        labels: labels("linux"),
        priority: 3,
        review: Some(false),
        tasks: vec![outer, leaf],
        warnings: vec![Problem {
            file: "spec.md".into(),
            line: Some(7),
            at: String::new(),
            message: "is open: \0".into(),
        }],
    }
}

fn revision(task: TaskId, number: u32) -> Revision {
    Revision {
        task,
        org: id(1),
        number,
        parent: number.checked_sub(1).filter(|number| *number > 0),
        state: PlanState::Proposed,
        origin: Origin {
            planner: PlannerKind::SpecKit,
            source: "specs/001-log-in".into(),
            commit: Some(oid(number)),
            input: hash("input"),
            stories_in_turn: true,
            why: "because".into(),
        },
        tasks: 3,
        proposed_by: "operator:tok".into(),
        proposed_at: at(number),
        decision: None,
    }
}

pub(super) async fn revisions(lab: Lab) {
    let write = lab.store.write(|tx| {
        assert_eq!(tx.plan_revisions(id(1))?, []);
        assert_eq!(tx.plan(id(1), 1)?, None);
        assert!(tx.plan_tasks(id(1), 1)?.is_empty());
        tx.insert_plan(&revision(id(1), 1), &plan("one"))?;
        tx.insert_plan(&revision(id(1), 2), &plan("two"))?;
        tx.insert_plan(&revision(id(2), 1), &plan("other"))?;
        let all = tx.plan_revisions(id(1))?;
        assert_eq!(all, [revision(id(1), 1), revision(id(1), 2)]);
        assert_eq!(tx.plan(id(1), 2)?, Some(plan("two")));
        assert_eq!(tx.plan(id(1), 3)?, None);

        let mut decided = revision(id(1), 2);
        for state in PlanState::ALL {
            decided.state = state;
            decided.decision = Some(Decision {
                by: "admin:tok".into(),
                at: at(9),
                why: state.to_string(),
                given: (state == PlanState::Current).then(|| Box::new(plan("given"))),
            });
            tx.put_plan_revision(&decided)?;
            let all = tx.plan_revisions(id(1))?;
            assert_eq!(all, [revision(id(1), 1), decided.clone()]);
        }
        let made = BTreeMap::from([("a".to_owned(), id(7)), ("a/b".to_owned(), id(8))]);
        tx.put_plan_tasks(id(1), 2, &made)?;
        assert_eq!(tx.plan_tasks(id(1), 2)?, made);
        assert!(tx.plan_tasks(id(1), 1)?.is_empty());
        assert_eq!(
            tx.plan(id(1), 2)?,
            Some(plan("two")),
            "a plan does not change"
        );
        assert_eq!(tx.plan_revisions(id(2))?, [revision(id(2), 1)]);
        Ok(())
    });
    write.await.unwrap();
    let twice = lab
        .store
        .write(|tx| tx.insert_plan(&revision(id(1), 1), &plan("again")));
    assert!(twice.await.is_err(), "a number is given once");
    let missing = lab
        .store
        .write(|tx| tx.put_plan_revision(&revision(id(3), 1)));
    assert!(missing.await.is_err(), "there is nothing to replace");
    let found = lab.store.read(|view| view.plan(id(1), 1)).await.unwrap();
    assert_eq!(found, Some(plan("one")));
}
