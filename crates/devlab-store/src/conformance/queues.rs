//! Ready queues and back-off.

use devlab_core::limits::LABEL_SETS_MAX;
use devlab_core::tx::{Queued, Work};

use super::Lab;
use super::fixtures::{at, id, labels, lane};
use crate::StoreExt;

fn queued(n: u32, requires: &str) -> Queued {
    Queued {
        org: id(1),
        requires: labels(requires),
        lane: lane(""),
        priority: 0,
        path: 1,
        seq: u64::from(n),
        not_by: None,
        work: Work::Task(id(n)),
    }
}

/// Entries with every kind of difference, and the extremes.
fn assorted() -> Vec<Queued> {
    let mut entries = Vec::new();
    for priority in [i16::MIN, -1, 0, 7, i16::MAX] {
        for path in [0, 1, 900, u32::MAX] {
            for verify in [false, true] {
                let n = 1 + u32::try_from(entries.len()).unwrap();
                let work = if verify {
                    Work::Verify(id(n))
                } else {
                    Work::Task(id(n))
                };
                entries.push(Queued {
                    priority,
                    path,
                    work,
                    ..queued(n, "linux")
                });
            }
        }
    }
    entries
}

pub(super) async fn order(lab: Lab) {
    lab.store
        .write(|tx| {
            assorted()
                .iter()
                .try_for_each(|entry| tx.enqueue(entry).map(drop))
        })
        .await
        .unwrap();
    let mut expected = assorted();
    expected.sort_by_key(Queued::rank);
    lab.store
        .write(move |tx| {
            for entry in &expected {
                let heads = tx.queue_heads(id(1), Some(&labels("linux")))?;
                assert_eq!(heads, std::slice::from_ref(entry));
                assert!(tx.dequeue(entry)?);
                assert!(!tx.dequeue(entry)?, "it is gone");
            }
            assert_eq!(tx.queue_len(None)?, 0);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn heads(lab: Lab) {
    let elsewhere = Queued {
        org: id(2),
        ..queued(9, "")
    };
    lab.store
        .write(move |tx| {
            for (n, requires) in [(1, ""), (2, ""), (3, "gpu"), (4, "linux"), (5, "gpu,linux")] {
                tx.enqueue(&queued(n, requires))?;
            }
            tx.enqueue(&queued(1, ""))?;
            tx.enqueue(&elsewhere)
        })
        .await
        .unwrap();
    lab.store
        .read(|view| {
            let mut seen = |agent: &str| -> Vec<u64> {
                let heads = view.queue_heads(id(1), Some(&labels(agent))).unwrap();
                let mut seen: Vec<_> = heads.iter().map(|head| head.seq).collect();
                seen.sort_unstable();
                seen
            };
            assert_eq!(seen(""), [1]);
            assert_eq!(seen("linux"), [1, 4]);
            assert_eq!(seen("gpu,linux,rust"), [1, 3, 4, 5]);
            assert_eq!(
                view.queue_len(Some(id(1)))?,
                5,
                "one entry is in a queue once"
            );
            assert_eq!(view.queue_len(None)?, 6);
            assert_eq!(view.queue_len(Some(id(3)))?, 0);
            assert_eq!(view.queue_heads(id(3), None)?, []);
            Ok(())
        })
        .await
        .unwrap();
}

/// A queue is one of labels, limits and who may not take from it: none is taken for another.
pub(super) async fn lanes(lab: Lab) {
    let of = |n: u32, requires: &str, limits: &str| Queued {
        lane: lane(limits),
        ..queued(n, requires)
    };
    let all = vec![
        of(1, "", ""),
        of(2, "", "org"),
        of(3, "", "org,org+gpu"),
        of(4, "gpu", ""),
        of(5, "gpu", "org+gpu"),
        of(6, "gpu", "org+gpu"),
        of(7, "gpu,linux", "org"),
        Queued {
            not_by: Some(id(1)),
            ..of(8, "gpu", "")
        },
        Queued {
            not_by: Some(id(1)),
            ..of(9, "gpu", "org+gpu")
        },
    ];
    let entries = all.clone();
    lab.store
        .write(move |tx| entries.iter().try_for_each(|e| tx.enqueue(e).map(drop)))
        .await
        .unwrap();
    lab.store
        .write(move |tx| {
            let mut heads = tx.queue_heads(id(1), None)?;
            heads.sort_by_key(|head| head.seq);
            let firsts: Vec<_> = all.iter().filter(|e| e.seq != 6).cloned().collect();
            assert_eq!(heads, firsts);
            let heads = tx.queue_heads(id(1), Some(&labels("gpu")))?;
            assert_eq!(heads.len(), 7, "limits are no labels");
            for entry in all.iter().rev() {
                let elsewhere = Queued {
                    lane: lane("org+none"),
                    ..entry.clone()
                };
                assert!(!tx.dequeue(&elsewhere)?, "it is in another queue");
                assert!(tx.dequeue(entry)?);
            }
            assert_eq!(tx.queue_len(None)?, 0);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn limit(lab: Lab) {
    let max = u32::try_from(LABEL_SETS_MAX).unwrap();
    let elsewhere = Queued {
        org: id(2),
        ..queued(max, "new")
    };
    let verify = Queued {
        work: Work::Verify(id(7)),
        ..queued(max + 1, "other")
    };
    lab.store
        .write(move |tx| {
            for n in 0..max {
                assert!(tx.enqueue(&queued(n, &format!("l{n}")))?);
            }
            assert!(!tx.enqueue(&queued(max, "new"))?, "no room for a new queue");
            assert!(tx.enqueue(&queued(max, "l0"))?);
            assert!(tx.enqueue(&elsewhere)?);
            assert!(tx.enqueue(&verify)?);
            assert!(tx.dequeue(&verify)?);
            assert!(!tx.enqueue(&queued(max, "new"))?);
            assert!(tx.dequeue(&queued(1, "l1"))?);
            assert!(tx.enqueue(&queued(max, "new"))?);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn due(lab: Lab) {
    lab.store
        .write(|tx| {
            assert_eq!(tx.next_due()?, None);
            tx.set_due(id(1), Some(at(30)))?;
            tx.set_due(id(2), Some(at(10)))?;
            tx.set_due(id(3), Some(at(20)))?;
            tx.set_due(id(1), Some(at(15)))?;
            assert_eq!(tx.next_due()?, Some(at(10)));
            assert_eq!(tx.due(at(9), 9)?, []);
            assert_eq!(tx.due(at(15), 9)?, [id(2), id(1)]);
            assert_eq!(tx.due(at(99), 2)?, [id(2), id(1)]);
            tx.set_due(id(2), None)?;
            tx.set_due(id(9), None)?;
            assert_eq!(tx.due(at(99), 9)?, [id(1), id(3)]);
            assert_eq!(tx.next_due()?, Some(at(15)));
            Ok(())
        })
        .await
        .unwrap();
}
