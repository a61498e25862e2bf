//! Keys of orgs, and goals without a provenance.

use devlab_core::provenance::note::rotate;
use devlab_core::provenance::{OrgKey, SecretKey};
use devlab_core::task::Task;

use super::Lab;
use super::fixtures::{at, id, made, oid, project, spec, task};
use crate::StoreExt;

fn key(org: u32, number: u32) -> OrgKey {
    let secret = SecretKey::new([org.into(), number.into()]);
    OrgKey {
        org: id(org),
        number,
        public: secret.public().unwrap(),
        secret: Some(secret),
        rotation: None,
        created_at: at(number),
    }
}

pub(super) async fn keys(lab: Lab) {
    let (first, other) = (key(1, 1), key(2, 1));
    let mut second = key(1, 2);
    second.rotation = Some(rotate(&first, second.public, at(3)).unwrap());
    // One that came along with its org.
    second.secret = None;
    let (one, two) = (first.clone(), second.clone());
    lab.store
        .write(move |tx| {
            assert_eq!(tx.org_keys(id(1))?, []);
            tx.insert_org_key(&two)?;
            tx.insert_org_key(&other)?;
            tx.insert_org_key(&one)?;
            assert_eq!(tx.org_keys(id(1))?, [one.clone(), two.clone()]);
            Ok(())
        })
        .await
        .unwrap();
    let twice = lab.store.write(move |tx| tx.insert_org_key(&key(1, 2)));
    assert!(twice.await.is_err(), "a number is given once");
    let found = lab.store.read(|view| view.org_keys(id(1))).await;
    assert_eq!(found.unwrap(), [first, second]);
}

pub(super) async fn unattested(lab: Lab) {
    lab.store
        .write(|tx| {
            tx.insert_project(&project(1, id(1)))?;
            for n in [3, 1, 2] {
                let goal = Task {
                    project: Some(id(1)),
                    ..task(n)
                };
                tx.insert_task(&goal, &spec("goal"), &made())?;
                tx.put_unattested(goal.id)?;
                tx.put_unattested(goal.id)?;
            }
            assert_eq!(tx.unattested(id(7), 9)?, [1, 2, 3].map(id));
            assert_eq!(tx.unattested(id(7), 1)?, [id(1)], "oldest first");
            assert_eq!(tx.unattested(id(8), 9)?, [], "another server's");
            tx.delete_unattested(id(2))?;
            tx.delete_unattested(id(2))?;
            Ok(())
        })
        .await
        .unwrap();
    let found = lab.store.read(|view| view.unattested(id(7), 9)).await;
    assert_eq!(found.unwrap(), [1, 3].map(id));
    let all = lab.store.write(|tx| {
        for n in [2, 3] {
            let mut goal = tx.task(id(n))?.unwrap();
            goal.published = Some(oid(n));
            tx.put_task(&goal)?;
        }
        tx.delete_unattested(id(1))?;
        tx.delete_unattested(id(3))?;
        tx.put_all_unattested(id(1))?;
        tx.unattested(id(7), 9)
    });
    assert_eq!(
        all.await.unwrap(),
        [2, 3].map(id),
        "those that were published"
    );
}
