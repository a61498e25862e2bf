//! Tasks by themselves.

use std::collections::BTreeMap;

use devlab_core::check::{Check, CheckSet, CommandSpec, DriverSpec};
use devlab_core::choice::Choice;
use devlab_core::limits::FEEDBACK_MAX;
use devlab_core::state::{ResumeTo, State, TaskKind, WaitReason};
use devlab_core::task::{Feedback, Made, Proof, Task, TaskSpec, Through, Tries};
use devlab_core::tx::{Beside, Edge, Touching};

use super::Lab;
use super::fixtures::{at, child, hash, id, labels, made, oid, project, spec, task};
use crate::StoreExt;

/// A task with nothing left out.
fn full(n: u32) -> Task {
    Task {
        org: id(2),
        project: Some(id(3)),
        parent: Some(id(4)),
        goal: id(5),
        depth: 8,
        kind: TaskKind::Composite,
        unmet: u32::MAX,
        priority: i16::MIN,
        path: u32::MAX,
        requires: labels("gpu,linux"),
        attempts: 7,
        live: Some(id(8)),
        lost: Some(id(9)),
        tries: Tries {
            lost: 1,
            check: 2,
            driver: 3,
            sent_back: 255,
        },
        not_before: Some(at(10)),
        open_children: 11,
        started: true,
        head: Some(oid(12)),
        prior: Some(oid(13)),
        merges: Some("a".repeat(64).parse().unwrap()),
        published: Some(oid(14)),
        review: true,
        asked: Some(false),
        accepted: Some(oid(15)),
        side_effects: true,
        proof: Proof::Proven,
        check_set: Some(hash("checks")),
        terms: Some(hash("terms")),
        lane: "org,org+gpu".parse().unwrap(),
        told: true,
        choice: Some(Choice::Taken(id(9))),
        archived: true,
        updated_at: at(16),
        ..task(n)
    }
}

fn states() -> Vec<State> {
    let mut states = vec![
        State::Draft,
        State::Blocked,
        State::Ready,
        State::Running,
        State::Integrating,
        State::Done,
        State::Failed,
        State::Cancelled,
    ];
    for reason in [
        WaitReason::Approval,
        WaitReason::Question,
        WaitReason::Permission,
        WaitReason::Review,
        WaitReason::Budget,
        WaitReason::Attention,
    ] {
        for to in [ResumeTo::Ready, ResumeTo::Running, ResumeTo::Integrating] {
            states.push(State::Waiting(reason, to));
        }
    }
    states
}

pub(super) async fn round_trip(lab: Lab) {
    lab.store
        .write(|tx| {
            let mut last = 0;
            for (n, bare) in [(1, task(1)), (2, full(2))] {
                let seq = tx.insert_task(&bare, &spec("t"), &made())?;
                assert!(seq > last, "ages grow");
                last = seq;
                assert_eq!(tx.task(id(n))?, Some(Task { seq, ..bare }));
            }
            assert_eq!(tx.task(id(3))?, None);
            assert!(tx.insert_task(&task(4), &spec("t"), &made())? > last);
            Ok(())
        })
        .await
        .unwrap();
    lab.store
        .write(|tx| {
            let Some(old) = tx.task(id(1))? else {
                panic!("it was stored");
            };
            for state in states() {
                for proof in [Proof::Open, Proof::Proven, Proof::Unproven] {
                    let new = Task {
                        state,
                        proof,
                        ..old.clone()
                    };
                    tx.put_task(&new)?;
                    assert_eq!(tx.task(id(1))?, Some(new));
                }
            }
            // Everything that may change, and a caller that never learned the seq.
            let new = Task {
                seq: old.seq,
                id: old.id,
                org: old.org,
                project: old.project,
                parent: old.parent,
                goal: old.goal,
                depth: old.depth,
                created_at: old.created_at,
                ..full(1)
            };
            tx.put_task(&Task {
                seq: 0,
                ..new.clone()
            })?;
            assert_eq!(tx.task(id(1))?, Some(new));
            tx.put_task(&old)?;
            assert_eq!(tx.task(id(1))?, Some(old));
            Ok(())
        })
        .await
        .unwrap();
    let unknown = lab.store.write(|tx| tx.put_task(&task(9))).await;
    assert!(unknown.is_err(), "there is nothing to replace");
    let double = lab
        .store
        .write(|tx| tx.insert_task(&task(1), &spec("t"), &made()))
        .await;
    assert!(double.is_err(), "the id is taken");
}

pub(super) async fn specs(lab: Lab) {
    let full = TaskSpec {
        title: "tïtle".into(),
        goal: "line\nline".into(),
        driver: Some(DriverSpec::Command(CommandSpec {
            argv: vec!["make".into(), "é".into()],
            script: None,
            env: BTreeMap::from([("KEY".into(), "value".into())]),
            timeout_secs: 9,
        })),
        checks: vec![Check {
            name: "test".into(),
            run: "make test".into(),
            timeout_secs: 60,
        }],
        artifacts: vec!["target/**".into(), "ü.png".into()],
        paths: vec!["src/".into(), "ü.rs".into()],
    };
    let planned = Made {
        by: "operator:é".into(),
        through: Some(Through::Plan {
            task: id(1),
            revision: 2,
        }),
    };
    lab.store
        .write(move |tx| {
            tx.insert_task(&task(1), &spec("one"), &made())?;
            tx.insert_task(&task(2), &full, &planned)?;
            assert_eq!(tx.task_made(id(1))?, Some(made()));
            assert_eq!(tx.task_made(id(2))?, Some(planned.clone()));
            assert_eq!(tx.task_made(id(3))?, None);
            assert_eq!(tx.task_spec(id(1))?, Some(spec("one")));
            assert_eq!(tx.task_spec(id(2))?, Some(full.clone()));
            assert_eq!(tx.task_spec(id(3))?, None);
            tx.put_task_spec(id(1), &full)?;
            assert_eq!(tx.task_spec(id(1))?, Some(full.clone()));
            tx.put_task_spec(id(2), &spec("two"))?;
            assert_eq!(tx.task_spec(id(2))?, Some(spec("two")));
            Ok(())
        })
        .await
        .unwrap();
    lab.store
        .write(|tx| {
            assert!(tx.touched(id(1))?.is_empty());
            tx.put_touched(id(1), &["ü.rs".to_owned(), "src".to_owned()])?;
            tx.put_task_spec(id(1), &spec("three"))?;
            assert_eq!(tx.touched(id(1))?, ["ü.rs", "src"], "they are not words");
            tx.put_touched(id(1), &[])?;
            assert!(tx.touched(id(1))?.is_empty());
            assert!(tx.touched(id(2))?.is_empty());
            assert!(tx.touched(id(3))?.is_empty());
            Ok(())
        })
        .await
        .unwrap();
    let nobody = ["a".to_owned()];
    let unknown = lab.store.write(move |tx| tx.put_touched(id(3), &nobody));
    assert!(unknown.await.is_err());
    let unknown = lab
        .store
        .write(|tx| tx.put_task_spec(id(3), &spec("x")))
        .await;
    assert!(unknown.is_err());
}

pub(super) async fn held(lab: Lab) {
    lab.store
        .write(|tx| {
            for n in [1, 4, 3, 2] {
                let held_by = (n > 1).then_some(id(1));
                let task = Task {
                    held_by,
                    holds: n == 1,
                    ..task(n)
                };
                tx.insert_task(&task, &spec("t"), &made())?;
            }
            Ok(())
        })
        .await
        .unwrap();
    lab.store
        .write(|tx| {
            assert_eq!(
                tx.held_behind(id(1))?,
                [id(4), id(3), id(2)],
                "as they were stored"
            );
            let first = tx.task(id(1))?.unwrap();
            let mut last = tx.task(id(2))?.unwrap();
            assert_eq!((first.held_by, first.holds), (None, true));
            assert_eq!((last.held_by, last.holds), (Some(id(1)), false));
            last.held_by = None;
            tx.put_task(&last)?;
            assert_eq!(tx.held_behind(id(1))?, [id(4), id(3)]);
            assert!(tx.held_behind(id(2))?.is_empty());
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn touching(lab: Lab) {
    let one = |n: u32, state: State, declared: &[&str]| {
        let mut words = spec("t");
        words.paths = declared.iter().map(|&path| path.to_owned()).collect();
        let task = Task {
            state,
            project: Some(id(7)),
            ..child(n, id(1))
        };
        (task, words)
    };
    let waits = State::Waiting(WaitReason::Review, ResumeTo::Integrating);
    let all = [
        one(2, State::Running, &["a"]),
        one(3, State::Ready, &["b"]),
        one(4, State::Done, &["c"]),
        one(5, State::Integrating, &[]),
        one(6, waits, &["d"]),
        one(8, State::Ready, &[]),
        one(9, State::Blocked, &["e"]),
    ];
    lab.store
        .write(move |tx| {
            let goal = Task {
                state: State::Running,
                project: Some(id(7)),
                ..task(1)
            };
            let mut words = spec("goal");
            words.paths = vec!["src".into()];
            tx.insert_task(&goal, &words, &made())?;
            for (task, words) in &all {
                tx.insert_task(task, words, &made())?;
            }
            tx.put_touched(id(5), &["f".to_owned()])?;
            let mut held = tx.task(id(3))?.unwrap();
            held.held_by = Some(id(2));
            tx.put_task(&held)
        })
        .await
        .unwrap();
    lab.store
        .write(|tx| {
            let ids =
                |found: Vec<Touching>| -> Vec<_> { found.iter().map(|one| one.task.id).collect() };
            let below = tx.touching(Beside::ChildrenOf(id(1)), 10)?;
            assert_eq!(
                (&below[0].title[..], &below[0].observed[..]),
                ("t", &["f".to_owned()][..])
            );
            assert_eq!(below[1].declared, ["a"]);
            // At work, held back, and the rest; the newest first.
            assert_eq!(ids(below), [id(5), id(2), id(3), id(6)]);
            let two = tx.touching(Beside::BelowGoal(id(1)), 2)?;
            assert_eq!(ids(two), [id(5), id(2)]);
            let goals = tx.touching(Beside::GoalsOf(id(7)), 10)?;
            assert_eq!(ids(goals), [id(1)]);
            assert!(tx.touching(Beside::GoalsOf(id(8)), 10)?.is_empty());
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn graph(lab: Lab) {
    lab.store
        .write(|tx| {
            tx.insert_task(&task(1), &spec("goal"), &made())?;
            for n in [5, 3, 4] {
                tx.insert_task(&child(n, id(1)), &spec("child"), &made())?;
            }
            assert_eq!(
                tx.children(id(1))?,
                [id(5), id(3), id(4)],
                "as they were stored"
            );
            assert_eq!(tx.children(id(5))?, []);
            assert!(tx.insert_edge(id(3), id(5))?);
            assert!(tx.insert_edge(id(4), id(5))?);
            assert!(tx.insert_edge(id(3), id(4))?);
            assert!(!tx.insert_edge(id(3), id(5))?, "it was there");
            let mut dependencies = tx.dependencies(id(5))?;
            dependencies.sort_unstable();
            assert_eq!(dependencies, [id(3), id(4)]);
            let mut dependents = tx.dependents(id(3))?;
            dependents.sort_unstable();
            assert_eq!(dependents, [id(4), id(5)]);
            assert_eq!(tx.dependencies(id(3))?, []);
            assert_eq!(tx.dependents(id(5))?, []);
            assert!(tx.delete_edge(id(3), id(5))?);
            assert!(!tx.delete_edge(id(3), id(5))?, "it is gone");
            assert!(!tx.delete_edge(id(5), id(4))?, "there is none that way");
            assert_eq!(tx.dependencies(id(5))?, [id(4)]);
            assert_eq!(tx.dependents(id(3))?, [id(4)]);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn edges_below(lab: Lab) {
    let edge = |to, from| Edge {
        dependent: id(to),
        dependency: id(from),
    };
    lab.store
        .write(|tx| {
            for goal in [1, 2] {
                tx.insert_task(&task(goal), &spec("goal"), &made())?;
            }
            // 5 is a composite with 6 and 7 below it; 8 and 9 belong to another goal.
            for (n, parent) in [(3, 1), (4, 1), (5, 1), (6, 5), (7, 5), (8, 2), (9, 2)] {
                tx.insert_task(&child(n, id(parent)), &spec("child"), &made())?;
            }
            for (from, to) in [(3, 5), (4, 5), (3, 4), (6, 7), (8, 9), (1, 2)] {
                assert!(tx.insert_edge(id(from), id(to))?);
            }
            Ok(())
        })
        .await
        .unwrap();
    lab.store
        .read(move |view| {
            let all = [edge(4, 3), edge(5, 3), edge(5, 4), edge(7, 6)];
            assert_eq!(view.edges_below(id(1), None, 10)?, all);
            for (after, edges) in [(None, &all[..2]), (Some(all[1]), &all[2..])] {
                assert_eq!(view.edges_below(id(1), after, 2)?, edges);
            }
            assert_eq!(view.edges_below(id(1), Some(all[3]), 2)?, []);
            assert_eq!(view.edges_below(id(5), None, 10)?, [edge(7, 6)]);
            assert_eq!(view.edges_below(id(2), None, 10)?, [edge(9, 8)]);
            assert_eq!(view.edges_below(id(3), None, 10)?, []);
            assert_eq!(view.edges_below(id(99), None, 10)?, []);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn feedback(lab: Lab) {
    let kinds = vec![
        Feedback::CheckFailed {
            attempt: id(1),
            check: "test".into(),
            command: "make test".into(),
            exit_code: -1,
            log_tail: "é\0\n".into(),
            on_target: true,
        },
        Feedback::Conflict {
            paths: vec!["a b".into()],
            theirs: oid(1),
            ours: oid(2),
        },
        Feedback::DriverFailed {
            attempt: id(2),
            reason: "killed".into(),
            log_tail: String::new(),
        },
        Feedback::ChangesRequested {
            by: "admin:1".into(),
            message: "no".into(),
        },
        Feedback::Message {
            by: "operator:1".into(),
            message: "mind the \"gap\"".into(),
            attempt: Some(id(7)),
            after: 3,
        },
    ];
    lab.store
        .write(move |tx| {
            kinds.iter().try_for_each(|f| tx.add_feedback(id(1), f))?;
            assert_eq!(tx.feedback(id(1))?, kinds);
            assert_eq!(tx.feedback(id(2))?, []);
            let remark = |n: usize| Feedback::ChangesRequested {
                by: "a".into(),
                message: n.to_string(),
            };
            for n in 0..FEEDBACK_MAX + 3 {
                tx.add_feedback(id(2), &remark(n))?;
            }
            let newest: Vec<_> = (3..FEEDBACK_MAX + 3).map(remark).collect();
            assert_eq!(tx.feedback(id(2))?, newest, "the newest, oldest first");
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn check_sets(lab: Lab) {
    let set = |setup: Option<&str>, protected: &[&str]| CheckSet {
        setup: setup.map(str::to_owned),
        checks: vec![Check {
            name: "test".into(),
            run: "make test".into(),
            timeout_secs: 60,
        }],
        protected_paths: protected.iter().map(|&path| path.to_owned()).collect(),
        artifacts: protected.iter().map(|&path| format!("{path}/*")).collect(),
    };
    lab.store
        .write(move |tx| {
            let all = [
                set(None, &[]),
                set(Some("npm ci"), &[]),
                set(None, &["tests"]),
                set(None, &[]),
            ];
            for set in all {
                tx.put_check_set(&set)?;
                assert_eq!(tx.check_set(&set.hash())?, Some(set));
            }
            assert_eq!(tx.check_set(&hash("none"))?, None);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn startable(lab: Lab) {
    let composite = |n: u32, state: State| Task {
        kind: TaskKind::Composite,
        state,
        ..task(n)
    };
    lab.store
        .write(move |tx| {
            tx.insert_task(&composite(3, State::Ready), &spec("t"), &made())?;
            tx.insert_task(&composite(1, State::Ready), &spec("t"), &made())?;
            tx.insert_task(&composite(4, State::Running), &spec("t"), &made())?;
            tx.insert_task(&task(5), &spec("a leaf"), &made())?;
            tx.insert_task(&composite(2, State::Ready), &spec("t"), &made())?;
            let there = Task {
                project: Some(id(10)),
                ..composite(6, State::Ready)
            };
            tx.insert_project(&project(10, id(1)))?;
            tx.insert_task(&there, &spec("t"), &made())?;
            assert_eq!(
                tx.startable(None, 9)?,
                [id(3), id(1), id(2)],
                "as they were stored"
            );
            assert_eq!(tx.startable(None, 2)?, [id(3), id(1)]);
            assert_eq!(tx.startable(Some(id(7)), 9)?, [id(6)]);
            assert_eq!(tx.startable(Some(id(8)), 9)?, [], "another server's");
            Ok(())
        })
        .await
        .unwrap();
}
