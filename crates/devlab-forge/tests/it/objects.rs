//! Objects, read through a git that stays.

use devlab_forge::{BareRepo, Error};

use crate::support::{Lab, git, main_ref};

#[tokio::test]
async fn content_comes_whole_whatever_it_is() {
    let large = "x".repeat(100_000);
    let files = [
        ("empty", ""),
        ("odd", "a\nb missing\n\0\n"),
        ("large", &large),
    ];
    let (lab, head) = Lab::with(&files).await;
    for (path, text) in files {
        let read = lab.repo.read_file(&head, path, 100_000).await.unwrap();
        assert_eq!(read.as_deref(), Some(text.as_bytes()), "{path}");
    }
    let refused = lab.repo.read_file(&head, "large", 99_999).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    assert_eq!(lab.repo.read_file(&head, "absent", 9).await.unwrap(), None);
    for odd in ["a\nb", "\n", "empty missing\n\n"] {
        assert_eq!(lab.repo.read_file(&head, odd, 9).await.unwrap(), None);
    }
    assert!(lab.repo.read_file(&head, "a\0b", 9).await.is_err());
    // None of this has put the answers out of step with the questions.
    let read = lab.repo.read_file(&head, "odd", 100).await.unwrap();
    assert_eq!(read.as_deref(), Some(&b"a\nb missing\n\0\n"[..]));
}

#[tokio::test]
async fn what_comes_later_is_seen_and_a_repository_made_anew_is_another() {
    let (lab, head) = Lab::with(&[("a", "1\n")]).await;
    assert!(lab.repo.tree_of(&head).await.is_ok());
    let next = lab.commit(&[&head], &[("a", "2\n")]).await;
    let read = lab.repo.read_file(&next, "a", 9).await.unwrap();
    assert_eq!(read.as_deref(), Some(&b"2\n"[..]));
    lab.set("refs/heads/main", Some(&head), Some(&next)).await;
    lab.repo
        .maintain(true, std::future::pending())
        .await
        .unwrap();
    assert!(lab.repo.tree_of(&head).await.is_ok(), "it is in a pack now");

    let (git, dir) = (git(), lab.repo.dir().to_owned());
    let known = BareRepo::open(&git, &dir).await.unwrap();
    assert!(known.tree_of(&head).await.is_ok());
    std::fs::rename(&dir, lab.path("old.git")).unwrap();
    let anew = BareRepo::init(&git, &dir, &main_ref()).await.unwrap();
    assert!(matches!(
        anew.tree_of(&head).await,
        Err(Error::Missing { .. })
    ));
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(anew.tree_of(&head).await, Err(Error::Io { .. })));
}

#[tokio::test]
async fn many_ask_at_once_of_many_repositories() {
    let mut labs = Vec::new();
    for n in 0..20 {
        labs.push(Lab::with(&[("n", &n.to_string())]).await);
    }
    let git = git();
    let mut reads = tokio::task::JoinSet::new();
    for (n, (lab, head)) in labs.iter().enumerate() {
        for _ in 0..5 {
            let (repo, head) = (
                BareRepo::open(&git, lab.repo.dir()).await.unwrap(),
                head.clone(),
            );
            reads.spawn(async move { (n, repo.read_file(&head, "n", 9).await.unwrap()) });
        }
    }
    while let Some(read) = reads.join_next().await {
        let (n, text) = read.unwrap();
        assert_eq!(text, Some(n.to_string().into_bytes()));
    }
}

#[tokio::test]
async fn one_file_of_a_tree_has_other_content_and_nothing_else_changes() {
    let files = [
        ("a.txt", "a\n"),
        ("specs/001-x/tasks.md", "- [ ] T001 a\n"),
        ("specs/001-x/tasks.md.orig", "old\n"),
        ("specs/z.txt", "z\n"),
    ];
    let (lab, head) = Lab::with(&files).await;
    let path = "specs/001-x/tasks.md";
    let tree = lab
        .repo
        .tree_with_file(&head, path, b"- [X] T001 a\n")
        .await;
    let tree = tree.unwrap();
    let changes = lab.repo.diff_stat(&head, &tree).await.unwrap();
    let changed: Vec<_> = changes.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(changed, [path]);
    let read = lab.repo.read_file(&tree, path, 100).await.unwrap();
    assert_eq!(read.unwrap(), b"- [X] T001 a\n");
    let at_root = lab
        .repo
        .tree_with_file(&head, "a.txt", b"b\n")
        .await
        .unwrap();
    let read = lab.repo.read_file(&at_root, "a.txt", 100).await.unwrap();
    assert_eq!(read.unwrap(), b"b\n");
    for absent in ["specs/001-x/none.md", "none", "none/a.txt"] {
        assert!(
            lab.repo.tree_with_file(&head, absent, b"").await.is_err(),
            "{absent}"
        );
    }
    assert!(lab.repo.tree_with_file(&head, "../a", b"").await.is_err());
}
