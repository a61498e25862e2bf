//! Trees that are used again.

use std::os::unix::fs::symlink;

use crate::support::{person_ok, write};
use crate::worktree::Bench;

#[tokio::test]
async fn a_used_tree_is_reset_completely() {
    let bench = Bench::new(&[
        ("a", "1\n"),
        ("d/b", "b\n"),
        (".gitignore", "*.o\n"),
        ("l", "l\n"),
    ])
    .await;
    let next = bench.lab.commit(&[&bench.base], &[("new", "n\n")]).await;
    let outside = bench.lab.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("b"), "keep").unwrap();
    let dir = bench.dir();
    write(dir, "a", "2\n");
    write(dir, "x.o", "ignored");
    write(dir, "sub/y", "untracked");
    person_ok(&dir.join("sub"), &["init", "-q"]);
    std::fs::remove_file(dir.join("l")).unwrap();
    symlink("/etc/passwd", dir.join("l")).unwrap();
    std::fs::remove_dir_all(dir.join("d")).unwrap();
    symlink(&outside, dir.join("d")).unwrap();
    // The same size and the same dates: only the change time gives it away.
    let old = std::fs::metadata(dir.join(".gitignore"))
        .unwrap()
        .modified()
        .unwrap();
    std::fs::write(dir.join(".gitignore"), "*.p\n").unwrap();
    std::fs::File::options()
        .write(true)
        .open(dir.join(".gitignore"))
        .unwrap()
        .set_modified(old)
        .unwrap();

    bench.cache.reset_tree(&next, &bench.tree).await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, [".gitignore", "a", "d", "l", "new"]);
    let text = |path: &str| std::fs::read_to_string(dir.join(path)).unwrap();
    assert_eq!(
        [text("a"), text("d/b"), text(".gitignore"), text("l")],
        ["1\n", "b\n", "*.o\n", "l\n"]
    );
    assert!(
        !std::fs::symlink_metadata(dir.join("d"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(std::fs::read_to_string(outside.join("b")).unwrap(), "keep");
    let bench = Bench {
        base: next.clone(),
        ..bench
    };
    assert!(bench.changed().await.is_empty());

    // Replaced by a link: made anew, and what it leads to is left alone.
    std::fs::remove_dir_all(bench.dir()).unwrap();
    symlink(&outside, bench.dir()).unwrap();
    bench.cache.reset_tree(&next, &bench.tree).await.unwrap();
    assert_eq!(
        std::fs::read_to_string(bench.dir().join("d/b")).unwrap(),
        "b\n"
    );
    assert_eq!(std::fs::read_to_string(outside.join("b")).unwrap(), "keep");
}

#[tokio::test]
async fn a_used_tree_keeps_no_hidden_git_folder() {
    let bench = Bench::new(&[("d/b", "b\n")]).await;
    let dir = bench.dir();
    std::fs::create_dir(dir.join("d/.git")).unwrap();
    write(dir, "d/.git/config", "[core]\nfsmonitor = /bin/false\n");
    bench
        .cache
        .reset_tree(&bench.base, &bench.tree)
        .await
        .unwrap();
    assert!(!dir.join("d/.git").exists());
    assert!(dir.join("d/b").exists());
}

#[tokio::test]
async fn a_used_tree_keeps_no_old_attributes() {
    let bench = Bench::new(&[("d/b", "b\n"), ("d/.gitattributes", "b text\n")]).await;
    let dir = bench.dir();
    let next = bench
        .lab
        .commit(&[&bench.base], &[("d/.gitattributes", "b eol=crlf\n")])
        .await;
    bench.cache.reset_tree(&next, &bench.tree).await.unwrap();
    assert_eq!(std::fs::read(dir.join("d/b")).unwrap(), b"b\r\n");
}

#[tokio::test]
async fn a_used_tree_whose_attributes_went_is_made_anew() {
    let bench = Bench::new(&[("b", "b\n"), (".gitattributes", "b eol=crlf\n")]).await;
    let dir = bench.dir();
    assert_eq!(std::fs::read(dir.join("b")).unwrap(), b"b\r\n");
    std::fs::remove_file(dir.join(".gitattributes")).unwrap();
    bench.snapshot(&[]).await.unwrap();
    let left = bench.tree.index.exists();
    assert!(!left, "nobody can tell any more how `b` was written");
    let plain = bench.lab.commit(&[], &[("b", "b\n")]).await;
    bench.cache.reset_tree(&plain, &bench.tree).await.unwrap();
    assert_eq!(std::fs::read(dir.join("b")).unwrap(), b"b\n");
}

#[tokio::test]
async fn a_used_tree_keeps_nothing_in_the_folder_of_a_submodule() {
    let bench = Bench::new(&[("a", "1\n")]).await;
    let entry = format!("160000,{},sub", bench.base);
    let dir = bench.lab.path("person");
    person_ok(
        bench.lab.temp.path(),
        &[
            "clone",
            "-q",
            bench.lab.repo.dir().to_str().unwrap(),
            "person",
        ],
    );
    person_ok(&dir, &["update-index", "--add", "--cacheinfo", &entry]);
    person_ok(&dir, &["commit", "-q", "-m", "sub"]);
    person_ok(&dir, &["push", "-q", "origin", "HEAD:refs/heads/sub"]);
    let with: devlab_forge::Oid = person_ok(&dir, &["rev-parse", "HEAD"]).parse().unwrap();
    bench.cache.reset_tree(&with, &bench.tree).await.unwrap();
    assert!(bench.dir().join("sub").is_dir());
    write(bench.dir(), "sub/left", "behind");
    bench.cache.reset_tree(&with, &bench.tree).await.unwrap();
    assert!(!bench.dir().join("sub/left").exists());
}
