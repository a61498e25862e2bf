//! What holds units together and keeps them apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use devlab_core::error::StorageErrorKind;
use devlab_core::tx::Effect;
use devlab_core::{Error, Refusal, Result};
use futures::future::join_all;

use super::Lab;
use super::fixtures::{at, id, made, org, spec, task};
use crate::StoreExt;

/// Refused units between good ones, all waiting at once, so that they share commits.
pub(super) async fn refused_units_leave_nothing(lab: Lab) {
    let units = (0..100_u32).map(|n| {
        lab.store.write(move |tx| {
            tx.put_setting(&format!("key {n}"), "written")?;
            tx.effect(Effect::Start(id(n)));
            if n % 3 == 0 {
                return Err(Error::Refused(Refusal::Forbidden));
            }
            Ok(())
        })
    });
    for (n, outcome) in join_all(units).await.into_iter().enumerate() {
        assert_eq!(outcome.is_err(), n % 3 == 0);
    }
    let kept = lab
        .store
        .read(|view| {
            let mut kept = Vec::new();
            for n in 0..100_u32 {
                if view.setting(&format!("key {n}"))?.is_some() {
                    kept.push(n);
                }
            }
            Ok(kept)
        })
        .await
        .unwrap();
    assert!(kept.iter().copied().eq((0..100).filter(|n| n % 3 != 0)));
    let effects = lab.effects.lock().unwrap();
    assert!(
        effects
            .iter()
            .cloned()
            .eq(kept.iter().map(|n| Effect::Start(id(*n))))
    );
}

/// A unit that hides an error of the store fails all the same.
pub(super) async fn failed_units_leave_nothing(lab: Lab) {
    lab.store.write(|tx| tx.insert_org(&org(1))).await.unwrap();
    let outcome: Result<()> = lab
        .store
        .write(|tx| {
            tx.put_setting("key", "written")?;
            let doubled = tx.insert_org(&org(1));
            assert!(doubled.is_err(), "the key exists");
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Err(Error::Storage(_))), "{outcome:?}");
    assert_eq!(
        lab.store.read(|view| view.setting("key")).await.unwrap(),
        None
    );
    lab.store.write(|tx| tx.insert_org(&org(2))).await.unwrap();
}

pub(super) async fn panics_are_contained(lab: Lab) {
    let broken = lab.store.write(|tx| -> Result<()> {
        tx.put_setting("broken", "written")?;
        panic!("a mistake in a rule");
    });
    let good = lab.store.write(|tx| tx.put_setting("good", "written"));
    let (broken, good) = futures::join!(broken, good);
    assert!(matches!(broken, Err(Error::Storage(_))), "{broken:?}");
    good.unwrap();
    let reader = lab
        .store
        .read(|_| -> Result<()> { panic!("a mistake in a reader") })
        .await;
    assert!(matches!(reader, Err(Error::Storage(_))), "{reader:?}");
    lab.store
        .read(|view| {
            assert_eq!(view.setting("broken")?, None);
            assert_eq!(view.setting("good")?.as_deref(), Some("written"));
            Ok(())
        })
        .await
        .unwrap();
}

/// By the time a caller has its answer, the effects have been told.
pub(super) async fn effects_follow_commits(lab: Lab) {
    lab.store
        .write(|tx| {
            tx.effect(Effect::Tokens);
            tx.effect(Effect::Later(at(1)));
            Ok(())
        })
        .await
        .unwrap();
    let effects = lab.effects.lock().unwrap().clone();
    assert_eq!(effects, [Effect::Tokens, Effect::Later(at(1))]);
    let refused: Result<()> = lab
        .store
        .write(|tx| {
            tx.effect(Effect::Tokens);
            Err(Error::Refused(Refusal::Forbidden))
        })
        .await;
    assert!(refused.is_err());
    assert_eq!(lab.effects.lock().unwrap().len(), 2);
}

/// Two hundred at once count up the same number, each on what the others wrote.
pub(super) async fn no_update_is_lost(lab: Lab) {
    let increments = (0..200).map(|_| {
        lab.store.write(|tx| {
            let old = tx
                .setting("n")?
                .map_or(0, |text| text.parse::<u32>().unwrap());
            tx.put_setting("n", &(old + 1).to_string())?;
            assert_eq!(
                tx.setting("n")?,
                Some((old + 1).to_string()),
                "its own write"
            );
            Ok(old)
        })
    });
    let mut seen: Vec<_> = join_all(increments)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..200));
    let end = lab.store.read(|view| view.setting("n")).await.unwrap();
    assert_eq!(end.as_deref(), Some("200"));
}

/// While a writer changes two things together, no reader sees them apart, and what it saw stays.
pub(super) async fn readers_see_whole_commits(lab: Lab) {
    let reads_done = Arc::new(AtomicU32::new(0));
    let writes = async {
        for n in 0..50_u32 {
            lab.store
                .write(move |tx| {
                    tx.put_setting("a", &n.to_string())?;
                    tx.insert_task(&task(n), &spec("t"), &made())?;
                    tx.put_setting("b", &n.to_string())
                })
                .await
                .unwrap();
        }
    };
    let reads = (0..50).map(|_| {
        let done = Arc::clone(&reads_done);
        lab.store.read(move |view| {
            let a = view.setting("a")?;
            let tasks: u64 = view.task_counts(None)?.iter().map(|(_, n)| n).sum();
            let b = view.setting("b")?;
            assert_eq!(a, b);
            assert_eq!(tasks, a.map_or(0, |a| a.parse::<u64>().unwrap() + 1));
            done.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    });
    let (_, outcomes) = futures::join!(writes, join_all(reads));
    outcomes.into_iter().for_each(Result::unwrap);
    assert_eq!(reads_done.load(Ordering::SeqCst), 50);
}

pub(super) async fn closed_stores_say_so(lab: Lab) {
    lab.store
        .write(|tx| tx.put_setting("a", "1"))
        .await
        .unwrap();
    lab.store.close().await.unwrap();
    let closed = |outcome: Result<()>| match outcome {
        Err(Error::Storage(error)) => error.kind == StorageErrorKind::Closed,
        Err(Error::Refused(_)) | Ok(()) => false,
    };
    assert!(closed(lab.store.write(|tx| tx.put_setting("a", "2")).await));
    assert!(closed(
        lab.store.read(|view| view.setting("a").map(drop)).await
    ));
    assert!(closed(
        lab.store.append_log(id(1), 0, vec![1]).await.map(drop)
    ));
    assert!(closed(lab.store.read_log(id(1), 0, 1).await.map(drop)));
    assert!(closed(lab.store.describe().await.map(drop)));
    lab.store.close().await.unwrap();
}

pub(super) async fn description(lab: Lab) {
    let said = lab.store.describe().await.unwrap();
    assert!(said.iter().any(|(name, _)| name == "store"), "{said:?}");
    assert!(
        said.iter()
            .all(|(name, value)| !name.is_empty() && !value.is_empty())
    );
}
