//! Repositories as bundles, and back.

use devlab_forge::BareRepo;
use devlab_forge::bundle::bundle_refs;

use crate::support::{Lab, git, main_ref, name, person_ok};

#[tokio::test]
async fn a_bundle_has_the_refs_that_it_is_given_and_what_is_named_besides() {
    let (lab, first) = Lab::with(&[("a", "one")]).await;
    let second = lab.commit(&[&first], &[("a", "two")]).await;
    let loose = lab.commit(&[&first], &[("b", "loose")]).await;
    lab.set("refs/heads/main", Some(&first), Some(&second))
        .await;
    let bundle = lab.path("p.bundle");
    // Where main was, and a ref that is no longer there.
    let then = [
        (main_ref(), first.clone()),
        (name("refs/devlab/keep/x"), second.clone()),
    ];
    let named = [loose.clone(), first.clone()];
    lab.repo.write_bundle(&then, &named, &bundle).await.unwrap();
    let refs = bundle_refs(&bundle).await.unwrap();
    assert_eq!(refs.len(), 3);
    assert!(refs.contains(&(name(&format!("refs/devlab/named/{loose}")), loose.clone())));
    // Any git takes it.
    person_ok(
        lab.repo.dir(),
        &["bundle", "verify", bundle.to_str().unwrap()],
    );

    let dir = lab.path("q.git");
    let back = BareRepo::from_bundle(&git(), Some(&bundle), &dir, &main_ref())
        .await
        .unwrap();
    let mut expected = then.to_vec();
    expected.sort();
    assert_eq!(back.all_refs().await.unwrap(), expected);
    let missing = back.missing_objects(&[first, second, loose]).await;
    assert_eq!(missing.unwrap(), []);
    back.fsck().await.unwrap();
}

#[tokio::test]
async fn a_damaged_bundle_makes_no_repository() {
    let (lab, head) = Lab::with(&[("a", "one")]).await;
    let bundle = lab.path("p.bundle");
    let refs = [(main_ref(), head)];
    lab.repo.write_bundle(&refs, &[], &bundle).await.unwrap();
    let whole = std::fs::read(&bundle).unwrap();
    let dir = lab.path("q.git");
    for broken in [
        &whole[..whole.len() - 30],
        &whole[..20],
        b"# v3 git bundle\n\n",
    ] {
        std::fs::write(&bundle, broken).unwrap();
        let made = BareRepo::from_bundle(&git(), Some(&bundle), &dir, &main_ref()).await;
        assert!(made.is_err());
        assert!(!dir.exists());
    }
    let empty = BareRepo::from_bundle(&git(), None, &dir, &main_ref()).await;
    assert_eq!(empty.unwrap().all_refs().await.unwrap(), []);
}

#[tokio::test]
async fn merges_by_devlab_are_told_from_others() {
    let (lab, base) = Lab::with(&[("a", "one")]).await;
    assert_eq!(lab.repo.merges_by_devlab().await.unwrap(), []);
    let side = lab.commit(&[&base], &[("b", "side")]).await;
    let by_a_person = lab.commit(&[&base, &side], &[("b", "side")]).await;
    let part = devlab_forge::candidate::Part {
        head: side.clone(),
        task: "task_1".to_owned(),
        title: "Side".to_owned(),
        attempt: Some(1),
    };
    let keep = name("refs/devlab/keep/x");
    let outcome = devlab_forge::candidate::build(&lab.repo, &by_a_person, &[part], 1, &keep).await;
    let devlab_forge::candidate::Outcome::Built(built) = outcome.unwrap() else {
        panic!("it conflicts")
    };
    lab.set("refs/heads/main", Some(&base), Some(&built.tip))
        .await;
    let merges = lab.repo.merges_by_devlab().await.unwrap();
    assert_eq!(merges.len(), 1);
    assert_eq!(merges[0].oid, built.tip);
    assert_eq!((&merges[0].onto, &merges[0].head), (&by_a_person, &side));
    assert_eq!(merges[0].task, "task_1");

    // Git stores the merge of a commit with itself with one parent.
    let part = devlab_forge::candidate::Part {
        head: built.tip.clone(),
        task: "task_2".to_owned(),
        title: "Nothing".to_owned(),
        attempt: None,
    };
    let keep = name("refs/devlab/keep/y");
    let outcome = devlab_forge::candidate::build(&lab.repo, &built.tip, &[part], 2, &keep).await;
    let devlab_forge::candidate::Outcome::Built(same) = outcome.unwrap() else {
        panic!("it conflicts")
    };
    lab.set("refs/heads/main", Some(&built.tip), Some(&same.tip))
        .await;
    let merges = lab.repo.merges_by_devlab().await.unwrap();
    assert_eq!((merges.len(), &merges[0].oid), (2, &same.tip));
    assert_eq!((&merges[0].onto, &merges[0].head), (&built.tip, &built.tip));
    assert_eq!(
        (merges[0].times, merges[0].task.as_str()),
        ((2, 2), "task_2")
    );
}

#[tokio::test]
async fn objects_are_looked_up_in_their_order() {
    let (lab, head) = Lab::with(&[("a", "one")]).await;
    let names = [
        head.to_string(),
        "0".repeat(40),
        format!("{head}^{{tree}}"),
        "nonsense with spaces".to_owned(),
    ];
    let found = lab.repo.look_up(&names).await.unwrap();
    let kinds: Vec<Option<&str>> = found
        .iter()
        .map(|found| found.as_ref().map(|found| found.kind.as_str()))
        .collect();
    assert_eq!(kinds, [Some("commit"), None, Some("tree"), None]);
}
