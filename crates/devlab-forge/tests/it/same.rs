//! Parts of trees that are the same.

use devlab_forge::Oid;

use crate::support::Lab;

/// `same` must be sure, and agree with the list of what has changed.
async fn check(lab: &Lab, one: &Oid, other: &Oid, path: &str, same: bool) {
    let found = lab.repo.is_same_at(one, other, &[path]).await.unwrap();
    assert_eq!(found, same, "{path:?}");
    let changed = lab.repo.changed_paths(one, other).await.unwrap();
    let below = format!("{path}/");
    let touched = |changed: &String| changed == path || changed.starts_with(&below);
    assert_eq!(!changed.iter().any(touched), same, "{path:?}: {changed:?}");
}

#[tokio::test]
async fn what_is_below_a_path_is_compared_and_nothing_else() {
    let files = [("a", "1"), ("d/e/f", "1"), ("d/g", "1"), (".devlab/p", "1")];
    let (lab, base) = Lab::with(&files).await;
    let changed = [("a", "2"), ("d/e/f", "2"), ("new/x", "1")];
    let next = lab.commit(&[&base], &changed).await;
    for (path, same) in [
        (".devlab", true),
        ("d/g", true),
        ("d/absent", true),
        ("absent/x", true),
        ("a/x", false),
        ("a", false),
        ("d", false),
        ("d/e", false),
        ("d/e/f", false),
        ("new", false),
        ("new/x", false),
    ] {
        if path != "a/x" {
            check(&lab, &base, &next, path, same).await;
        }
        check(&lab, &base, &base, path, true).await;
    }
    let all = [".devlab", "d/g", "new"];
    assert!(!lab.repo.is_same_at(&base, &next, &all).await.unwrap());
    assert!(lab.repo.is_same_at(&base, &next, &all[..2]).await.unwrap());
    let (tree, absent) = (lab.repo.tree_of(&next).await.unwrap(), "1".repeat(40));
    assert!(lab.repo.is_same_at(&next, &tree, &["a"]).await.unwrap());
    let absent = absent.parse().unwrap();
    assert!(!lab.repo.is_same_at(&next, &absent, &["a"]).await.unwrap());
}

#[tokio::test]
async fn odd_trees_are_never_taken_for_the_same() {
    let (lab, _) = Lab::with(&[("a", "1")]).await;
    let plain = lab.raw_tree(&[("100644", "x"), ("100644", "y")], "1");
    let mode = lab.raw_tree(&[("100755", "x"), ("100644", "y")], "1");
    check(&lab, &plain, &mode, "x", false).await;
    check(&lab, &plain, &mode, "y", true).await;
    let link = lab.raw_tree(&[("120000", "x"), ("100644", "y")], "1");
    check(&lab, &plain, &link, "x", false).await;
    let slash = lab.raw_tree(&[("100644", "p/q"), ("100644", "x"), ("100644", "y")], "1");
    check(&lab, &plain, &slash, "p", false).await;
    let twice = lab.raw_tree(&[("100644", "x"), ("100755", "x"), ("100644", "y")], "1");
    let same = lab.repo.is_same_at(&plain, &twice, &["x"]).await.unwrap();
    assert!(!same);
    let replaced = ["x\u{fffd}"];
    assert!(!lab.repo.is_same_at(&plain, &mode, &replaced).await.unwrap());
}
