//! Candidates: chains of merges, determinism, conflicts.

use devlab_forge::candidate::{Outcome, Part, build};
use devlab_forge::{Error, Oid};

use crate::support::{Lab, TIME, name};

fn part(head: &Oid, task: &str, title: &str) -> Part {
    Part {
        head: head.clone(),
        task: task.into(),
        title: title.into(),
        attempt: Some(2),
    }
}

#[tokio::test]
async fn a_batch_is_a_chain_of_merges_and_always_the_same() {
    let (lab, base) = Lab::with(&[("a", "1\n")]).await;
    let b = lab.commit(&[&base], &[("b", "b\n")]).await;
    let c = lab.commit(&[&base], &[("c", "c\n")]).await;
    let parts = [part(&b, "task_b", "Add b"), part(&c, "task_c", "Add c")];
    let keep = name("refs/devlab/keep/cand_1");
    let Outcome::Built(built) = build(&lab.repo, &base, &parts, TIME, &keep).await.unwrap() else {
        panic!("conflict")
    };
    assert_eq!(
        lab.repo.resolve(&keep).await.unwrap().as_ref(),
        Some(&built.tip)
    );
    assert_eq!(built.merges.len(), 2);
    assert_eq!(built.merges[1], built.tip);
    assert_eq!(lab.repo.tree_of(&built.tip).await.unwrap(), built.tree);
    let paths: Vec<String> = lab
        .repo
        .ls_tree(&built.tree)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.path)
        .collect();
    assert_eq!(paths, ["a", "b", "c"]);

    let log = lab.repo.log(Some(&base), &built.tip, 10).await.unwrap();
    let merges: Vec<_> = log
        .iter()
        .filter(|commit| commit.parents.len() == 2)
        .collect();
    assert_eq!(merges[0].parents, [built.merges[0].clone(), c.clone()]);
    assert_eq!(merges[1].parents, [base.clone(), b.clone()]);
    assert_eq!(merges[1].subject, "Merge: Add b");
    assert_eq!(merges[1].body, "Devlab-Task: task_b\nDevlab-Attempt: 2");
    assert_eq!(
        (merges[0].author.as_str(), merges[0].email.as_str()),
        ("devlab", "devlab@localhost")
    );

    // Again, after a crash; and elsewhere.
    let again = build(&lab.repo, &base, &parts, TIME, &keep).await.unwrap();
    assert_eq!(again, Outcome::Built(built.clone()));
    let (other, base2) = Lab::with(&[("a", "1\n")]).await;
    other.commit(&[&base2], &[("b", "b\n")]).await;
    other.commit(&[&base2], &[("c", "c\n")]).await;
    assert_eq!(
        build(&other.repo, &base2, &parts, TIME, &keep)
            .await
            .unwrap(),
        again
    );
    let later = build(&lab.repo, &base, &parts, TIME + 1, &keep).await;
    assert!(matches!(later, Err(Error::RefMoved { .. })), "{later:?}");
    lab.repo.fsck().await.unwrap();
}

#[tokio::test]
async fn a_conflict_names_the_part_and_keeps_nothing() {
    let (lab, base) = Lab::with(&[("a", "1\n")]).await;
    let b = lab.commit(&[&base], &[("a", "b\n")]).await;
    let c = lab.commit(&[&base], &[("a", "c\n")]).await;
    let keep = name("refs/devlab/keep/cand_1");
    let parts = [part(&b, "task_b", "b"), part(&c, "task_c", "c")];
    let outcome = build(&lab.repo, &base, &parts, TIME, &keep).await.unwrap();
    let Outcome::Conflict {
        index,
        onto,
        paths,
        messages,
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!((index, paths.as_slice()), (1, ["a".to_owned()].as_slice()));
    assert_ne!(onto, base);
    assert!(messages[0].starts_with("CONFLICT"), "{messages:?}");
    assert_eq!(lab.repo.resolve(&keep).await.unwrap(), None);
    assert!(build(&lab.repo, &base, &[], TIME, &keep).await.is_err());
}
