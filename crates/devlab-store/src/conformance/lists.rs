//! Lists and counts of tasks.

use devlab_core::TaskId;
use devlab_core::state::{ResumeTo, State, StateName, WaitReason};
use devlab_core::task::Task;
use devlab_core::tx::{Page, TaskFilter};

use super::Lab;
use super::fixtures::{child, id, made, project_id, spec, task};
use crate::StoreExt;

const ALL: Page = Page {
    after: None,
    limit: 100,
};

/// Two goals in org 1, one with children, and one in org 2.
fn world() -> Vec<(Task, &'static str)> {
    vec![
        (
            Task {
                project: Some(project_id(1)),
                state: State::Running,
                ..task(1)
            },
            "Parse comments",
        ),
        (
            Task {
                project: Some(project_id(1)),
                state: State::Done,
                ..child(2, id(1))
            },
            "a lexer",
        ),
        (child(3, id(1)), "100% of the PARSER"),
        (
            Task {
                parent: Some(id(3)),
                state: State::Waiting(WaitReason::Review, ResumeTo::Integrating),
                ..child(4, id(1))
            },
            "deep",
        ),
        (
            Task {
                archived: true,
                state: State::Cancelled,
                ..task(5)
            },
            "old",
        ),
        (
            Task {
                archived: true,
                state: State::Done,
                ..task(6)
            },
            "older",
        ),
        (
            Task {
                org: id(2),
                ..task(7)
            },
            "parser of another org",
        ),
    ]
}

/// Filters, and the tasks that they let through.
fn cases() -> Vec<(TaskFilter, &'static [u32])> {
    let none = TaskFilter::default();
    let of_org = TaskFilter {
        org: Some(id(1)),
        ..none.clone()
    };
    let with = |change: &dyn Fn(&mut TaskFilter)| {
        let mut filter = of_org.clone();
        change(&mut filter);
        filter
    };
    vec![
        (none.clone(), &[7, 4, 3, 2, 1]),
        (of_org.clone(), &[4, 3, 2, 1]),
        (with(&|f| f.archived = true), &[6, 5, 4, 3, 2, 1]),
        (with(&|f| f.goals_only = true), &[1]),
        (with(&|f| f.parent = Some(id(1))), &[3, 2]),
        (with(&|f| f.goal = Some(id(1))), &[4, 3, 2, 1]),
        (with(&|f| f.goal = Some(id(2))), &[2]),
        (with(&|f| f.project = Some(id(1))), &[2, 1]),
        (with(&|f| f.project = Some(id(9))), &[]),
        (with(&|f| f.states = vec![StateName::Done]), &[2]),
        (with(&|f| f.states = vec![StateName::Ready]), &[3]),
        (
            with(&|f| f.states = vec![StateName::Waiting, StateName::Done, StateName::Done]),
            &[4, 2],
        ),
        (
            with(&|f| {
                f.states = vec![StateName::Done, StateName::Cancelled];
                f.archived = true;
            }),
            &[6, 5, 2],
        ),
        (with(&|f| f.text = Some("parse".into())), &[3, 1]),
        (with(&|f| f.text = Some("%".into())), &[3]),
        (with(&|f| f.text = Some("PARSER".into())), &[3]),
        (
            TaskFilter {
                text: Some("parser".into()),
                states: vec![StateName::Ready],
                ..none
            },
            &[7, 3],
        ),
        (
            with(&|f| {
                f.states = vec![StateName::Running, StateName::Ready];
                f.goal = Some(id(1));
                f.goals_only = true;
            }),
            &[1],
        ),
    ]
}

pub(super) async fn filters(lab: Lab) {
    lab.store
        .write(|tx| {
            world().into_iter().try_for_each(|(task, title)| {
                tx.insert_task(&task, &spec(title), &made()).map(drop)
            })
        })
        .await
        .unwrap();
    lab.store
        .read(move |view| {
            for (filter, expected) in &cases() {
                let found: Vec<_> = view.tasks(filter, ALL)?.iter().map(|t| t.id).collect();
                let expected: Vec<TaskId> = expected.iter().map(|n| id(*n)).collect();
                assert_eq!(found, expected, "{filter:?}");
            }
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn pages(lab: Lab) {
    lab.store
        .write(|tx| {
            for n in 0..25 {
                let state = match n % 3 {
                    0 => State::Ready,
                    1 => State::Done,
                    _ => State::Failed,
                };
                tx.insert_task(&Task { state, ..task(n) }, &spec("t"), &made())?;
            }
            Ok(())
        })
        .await
        .unwrap();
    for states in [
        vec![],
        vec![StateName::Ready],
        vec![StateName::Ready, StateName::Done, StateName::Failed],
    ] {
        let only_ready = states.len() == 1;
        lab.store
            .read(move |view| {
                let filter = TaskFilter {
                    states,
                    ..TaskFilter::default()
                };
                let mut seen = Vec::new();
                let mut page = Page {
                    after: None,
                    limit: 4,
                };
                loop {
                    let found = view.tasks(&filter, page)?;
                    assert!(found.len() <= 4);
                    let Some(last) = found.last() else { break };
                    page.after = Some(last.id.uuid());
                    seen.extend(found.iter().map(|t| t.id));
                }
                let all = (0..25).rev().filter(|n| !only_ready || n % 3 == 0);
                assert!(seen.into_iter().eq(all.map(id)));
                Ok(())
            })
            .await
            .unwrap();
    }
}

/// A search looks at so many tasks for a page, finds what is among them, and goes on from there.
pub(super) async fn searches(lab: Lab) {
    lab.store
        .write(|tx| {
            for n in 0..25 {
                let state = if n % 2 == 0 {
                    State::Ready
                } else {
                    State::Failed
                };
                let title = if n % 10 == 3 {
                    "a rare one"
                } else {
                    "one of many"
                };
                tx.insert_task(&Task { state, ..task(n) }, &spec(title), &made())?;
            }
            Ok(())
        })
        .await
        .unwrap();
    for (states, ends) in [
        (vec![], vec![Some(19), Some(13), Some(7), Some(1), None]),
        // Six of each: down to 14 of those that are ready, and to 13 of the others; then to 2, and 3.
        (
            vec![StateName::Ready, StateName::Failed],
            vec![Some(14), Some(3), None],
        ),
    ] {
        lab.store
            .read(move |view| {
                let mut after = None;
                let mut found = Vec::new();
                for end in &ends {
                    let mut filter = TaskFilter {
                        states: states.clone(),
                        text: Some("rare".to_owned()),
                        ..TaskFilter::default()
                    };
                    filter.floor = view.search_end(&filter, after, 6)?;
                    assert_eq!(filter.floor, end.map(id), "after {after:?}");
                    let page = Page { after, limit: 100 };
                    found.extend(view.tasks(&filter, page)?.iter().map(|task| task.id));
                    after = filter.floor.map(TaskId::uuid);
                }
                assert_eq!(found, [23, 13, 3].map(id));
                Ok(())
            })
            .await
            .unwrap();
    }
}

pub(super) async fn counts(lab: Lab) {
    lab.store
        .write(|tx| {
            world().into_iter().try_for_each(|(task, title)| {
                tx.insert_task(&task, &spec(title), &made()).map(drop)
            })
        })
        .await
        .unwrap();
    let count = async |org| {
        let mut counts = lab
            .store
            .read(move |view| view.task_counts(org))
            .await
            .unwrap();
        counts.retain(|(_, n)| *n > 0);
        counts.sort_unstable();
        counts
    };
    let of_org = [
        (StateName::Ready, 1),
        (StateName::Running, 1),
        (StateName::Waiting, 1),
        (StateName::Done, 1),
    ];
    assert_eq!(count(Some(id(1))).await, of_org);
    assert_eq!(count(Some(id(3))).await, []);
    let mut of_all = of_org;
    of_all[0].1 = 2;
    assert_eq!(count(None).await, of_all);
    change(&lab, 2, |task| task.archived = true).await;
    change(&lab, 6, |task| task.archived = false).await;
    change(&lab, 3, |task| task.state = State::Done).await;
    change(&lab, 4, |task| task.state = State::Done).await;
    change(&lab, 4, |task| task.state = State::Blocked).await;
    change(&lab, 5, |task| task.archived = false).await;
    let of_org = [
        (StateName::Blocked, 1),
        (StateName::Running, 1),
        (StateName::Done, 2),
        (StateName::Cancelled, 1),
    ];
    assert_eq!(count(Some(id(1))).await, of_org);
}

async fn change(lab: &Lab, n: u32, change: impl Fn(&mut Task) + Send + 'static) {
    lab.store
        .write(move |tx| {
            let mut task = tx.task(id(n))?.unwrap();
            change(&mut task);
            tx.put_task(&task)
        })
        .await
        .unwrap();
}
