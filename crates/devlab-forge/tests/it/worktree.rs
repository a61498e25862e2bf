//! Trees for drivers: checkout, the driver's own `.git`, snapshots, and hostile content.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use devlab_forge::commit::Signature;
use devlab_forge::http::{FetchPolicy, ReceivePolicy};
use devlab_forge::inspect::EntryKind;
use devlab_forge::transfer::FetchRef;
use devlab_forge::worktree::{Cache, Snapshot, SnapshotRequest, Tree};
use devlab_forge::{Error, Oid, Result};

use crate::support::{Lab, TIME, ada, git, name, person, person_ok, write};

/// A cache that holds the lab's commits, and a tree of one of them.
pub(crate) struct Bench {
    pub(crate) lab: Lab,
    pub(crate) cache: Cache,
    pub(crate) tree: Tree,
    pub(crate) base: Oid,
}

impl Bench {
    pub(crate) async fn new(files: &[(&str, &str)]) -> Self {
        let (lab, base) = Lab::with(files).await;
        let cache = Cache::ensure(&git(), lab.repo.dir()).await.unwrap();
        let tree = Tree {
            dir: lab.path("work/tree"),
            index: lab.path("work/index"),
        };
        cache.checkout_tree(&base, &tree).await.unwrap();
        cache.driver_git_dir(&tree, &base, &ada()).await.unwrap();
        Self {
            lab,
            cache,
            tree,
            base,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.tree.dir
    }

    pub(crate) async fn snapshot(&self, excludes: &[&str]) -> Result<Snapshot> {
        let (author, committer) = (ada(), Signature::devlab());
        let excludes: Vec<String> = excludes.iter().map(|&e| e.to_owned()).collect();
        let request = SnapshotRequest {
            base: &self.base,
            extra_parents: &[],
            message: "did it\n",
            author: &author,
            committer: &committer,
            time_secs: TIME,
            excludes: &excludes,
        };
        self.cache.snapshot(&self.tree, &request).await
    }

    pub(crate) async fn changed(&self) -> Vec<String> {
        let snapshot = self.snapshot(&[]).await.unwrap();
        snapshot
            .changes
            .into_iter()
            .map(|change| change.path)
            .collect()
    }
}

/// A script that leaves a mark if anyone runs it.
fn trap(dir: &Path, mark: &Path) -> String {
    let script = dir.join("trap.sh");
    std::fs::write(
        &script,
        format!("#!/bin/sh\ntouch '{}'\ncat\n", mark.display()),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_driver_sees_a_clean_repository() {
    let bench = Bench::new(&[("a", "1\n"), ("d/b", "b\n"), (".gitignore", "*.o\n")]).await;
    assert_eq!(person_ok(bench.dir(), &["status", "--porcelain"]), "");
    assert_eq!(
        person_ok(bench.dir(), &["rev-parse", "HEAD"]),
        bench.base.as_str()
    );
    assert_eq!(person_ok(bench.dir(), &["log", "--format=%an"]), "Ada");
    write(bench.dir(), "a", "2\n");
    person_ok(bench.dir(), &["commit", "-qam", "mine"]);
    assert_eq!(person_ok(bench.dir(), &["status", "--porcelain"]), "");
    // Its objects are its own.
    let own = person_ok(bench.dir(), &["rev-parse", "HEAD"])
        .parse::<Oid>()
        .unwrap();
    assert_eq!(
        bench
            .lab
            .repo
            .missing_objects(std::slice::from_ref(&own))
            .await
            .unwrap(),
        [own]
    );
    bench.lab.repo.fsck().await.unwrap();
}

#[tokio::test]
async fn a_snapshot_squashes_and_is_always_the_same() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let bench = Bench::new(&[
            ("a", "1\n"),
            ("gone", "x\n"),
            (".gitignore", "*.o\n"),
            ("t", "t\n"),
        ])
        .await;
        let dir = bench.dir();
        write(dir, "a", "2\n");
        person_ok(dir, &["commit", "-qam", "one of mine"]);
        write(dir, "new/ü \"x\"", "n\n");
        write(dir, "x.o", "object");
        write(dir, ".agent/settings.json", "{}");
        std::fs::remove_file(dir.join("gone")).unwrap();
        std::fs::set_permissions(dir.join("t"), std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink("/etc/passwd", dir.join("link")).unwrap();
        let snapshot = bench.snapshot(&["/.agent/"]).await.unwrap();
        let paths: Vec<_> = snapshot
            .changes
            .iter()
            .map(|c| (c.path.as_str(), c.kind))
            .collect();
        assert_eq!(
            paths,
            [
                ("a", Some(EntryKind::File)),
                ("gone", None),
                ("link", Some(EntryKind::Link)),
                ("new/ü \"x\"", Some(EntryKind::File)),
                ("t", Some(EntryKind::Executable)),
            ]
        );
        let log = bench
            .lab
            .repo
            .log(None, &snapshot.commit, 10)
            .await
            .unwrap();
        assert_eq!(log.len(), 2, "squashed");
        assert_eq!(
            (log[0].subject.as_str(), &log[0].parents),
            ("did it", &vec![bench.base.clone()])
        );
        let link = bench
            .lab
            .repo
            .read_file(&snapshot.commit, "link", 100)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(link, b"/etc/passwd");
        ids.push(snapshot.commit.clone());
        assert_eq!(
            bench.snapshot(&["/.agent/"]).await.unwrap(),
            snapshot,
            "again"
        );
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn nothing_changed_is_no_change() {
    let bench = Bench::new(&[("a", "1\n")]).await;
    std::fs::write(bench.lab.path("work/index.lock"), "").unwrap();
    let snapshot = bench.snapshot(&[]).await.unwrap();
    assert!(snapshot.changes.is_empty());
    assert_eq!(
        snapshot.tree,
        bench.lab.repo.tree_of(&bench.base).await.unwrap()
    );
}

/// Everything in a `.git` that makes git run a program.
fn plant(dir: &Path, script: &str) {
    let alias = format!("!{script}");
    for (key, value) in [
        ("core.fsmonitor", script),
        ("core.hooksPath", "hooks"),
        ("filter.evil.clean", script),
        ("filter.evil.smudge", script),
        ("filter.evil.required", "true"),
        ("diff.evil.command", script),
        ("diff.evil.textconv", script),
        ("merge.evil.driver", script),
        ("diff.external", script),
        ("core.sshCommand", script),
        ("core.pager", script),
        ("gpg.program", script),
        ("commit.gpgSign", "true"),
        ("alias.add", &alias),
    ] {
        person_ok(dir, &["config", key, value]);
    }
    for hook in [
        "pre-commit",
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "pre-push",
    ] {
        for folder in [".git/hooks", "hooks"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
            std::fs::copy(script, dir.join(folder).join(hook)).unwrap();
        }
    }
}

#[tokio::test]
async fn what_a_driver_plants_is_never_run() {
    let bench = Bench::new(&[
        ("a", "1\n"),
        (".gitattributes", "* filter=evil diff=evil merge=evil\n"),
    ])
    .await;
    let (dir, mark) = (bench.dir(), bench.lab.path("mark"));
    let script = trap(bench.lab.temp.path(), &mark);
    plant(dir, &script);
    // The traps do work: git itself, used there by a person, falls into one.
    write(dir, "a", "2\n");
    let _person = person(dir, &["status"]);
    assert!(mark.exists(), "the trap is set");
    std::fs::remove_file(&mark).unwrap();

    let seen = bench.cache.touched(&bench.tree, &bench.base).await.unwrap();
    assert!(seen.contains(&"a".to_owned()), "{seen:?}");
    let snapshot = bench.snapshot(&[]).await.unwrap();
    let repo = &bench.lab.repo;
    assert_eq!(
        repo.read_file(&snapshot.commit, "a", 10)
            .await
            .unwrap()
            .unwrap(),
        b"2\n"
    );
    let again = Tree {
        dir: bench.lab.path("w2/tree"),
        index: bench.lab.path("w2/index"),
    };
    bench
        .cache
        .checkout_tree(&snapshot.commit, &again)
        .await
        .unwrap();
    assert!(
        repo.diff(&bench.base, &snapshot.commit, 1 << 20)
            .await
            .unwrap()
            .text
            .contains("+2")
    );
    let other = bench.lab.commit(&[&bench.base], &[("a", "3\n")]).await;
    bench
        .cache
        .prior_merge(&other, &snapshot.commit)
        .await
        .unwrap();
    assert!(!mark.exists(), "something that the driver planted was run");
    assert!(
        snapshot
            .changes
            .iter()
            .all(|change| !change.path.starts_with(".git/"))
    );
}

#[tokio::test]
async fn a_replaced_git_dir_changes_nothing() {
    let bench = Bench::new(&[("a", "1\n")]).await;
    std::fs::remove_dir_all(bench.dir().join(".git")).unwrap();
    std::fs::write(bench.dir().join(".git"), "gitdir: /nonexistent\n").unwrap();
    write(bench.dir(), "a", "2\n");
    assert_eq!(bench.changed().await, ["a"]);
}

#[tokio::test]
async fn nested_repositories_are_refused() {
    let bench = Bench::new(&[("a", "1\n"), (".gitignore", "vendor/\n")]).await;
    let nest = |path: &str, commit: bool| {
        let dir = bench.dir().join(path);
        std::fs::create_dir_all(&dir).unwrap();
        person_ok(&dir, &["init", "-q"]);
        if commit {
            person_ok(&dir, &["commit", "-q", "--allow-empty", "-m", "x"]);
        }
    };
    nest("vendor/ignored", true);
    assert!(
        bench.changed().await.is_empty(),
        "ignored ones do not matter"
    );
    nest("sub/full", true);
    let refused = bench.snapshot(&[]).await.unwrap_err();
    assert!(
        matches!(&refused, Error::NestedRepository { paths } if paths == &["sub/full"]),
        "{refused}"
    );
    std::fs::remove_dir_all(bench.dir().join("sub")).unwrap();
    nest("empty", false);
    let refused = bench.snapshot(&[]).await.unwrap_err();
    assert!(
        matches!(&refused, Error::NestedRepository { paths } if paths[0].starts_with("empty")),
        "{refused}"
    );
    std::fs::remove_dir_all(bench.dir().join("empty")).unwrap();
    assert!(bench.changed().await.is_empty());
}

#[tokio::test]
async fn a_populated_submodule_cannot_run_its_configuration() {
    let bench = Bench::new(&[("a", "1\n")]).await;
    // A base with a submodule, which the driver fills with a repository of its own.
    let sub = bench.dir().join("sub");
    std::fs::create_dir_all(&sub).unwrap();
    person_ok(&sub, &["init", "-q"]);
    person_ok(&sub, &["commit", "-q", "--allow-empty", "-m", "x"]);
    person_ok(
        bench.dir(),
        &["-c", "advice.addEmbeddedRepo=false", "add", "sub"],
    );
    person_ok(bench.dir(), &["commit", "-qm", "submodule"]);
    let tree = person_ok(bench.dir(), &["rev-parse", "HEAD"])
        .parse::<Oid>()
        .unwrap();
    person_ok(
        bench.dir(),
        &[
            "push",
            "-q",
            bench.lab.repo.dir().to_str().unwrap(),
            "HEAD:refs/heads/sub",
        ],
    );
    let again = Tree {
        dir: bench.lab.path("w2/tree"),
        index: bench.lab.path("w2/index"),
    };
    bench.cache.checkout_tree(&tree, &again).await.unwrap();
    let bench = Bench {
        base: tree,
        tree: again,
        ..bench
    };
    assert!(
        bench.changed().await.is_empty(),
        "an empty submodule folder is no change"
    );

    let mark = bench.lab.path("mark");
    let script = trap(bench.lab.temp.path(), &mark);
    let sub = bench.dir().join("sub");
    person_ok(&sub, &["init", "-q"]);
    person_ok(&sub, &["commit", "-q", "--allow-empty", "-m", "y"]);
    person_ok(&sub, &["config", "core.fsmonitor", &script]);
    let seen = bench.cache.touched(&bench.tree, &bench.base).await;
    assert_eq!(seen.unwrap(), Vec::<String>::new(), "not even looked at");
    let refused = bench.snapshot(&[]).await.unwrap_err();
    assert!(
        matches!(&refused, Error::NestedRepository { paths } if paths == &["sub"]),
        "{refused}"
    );
    assert!(!mark.exists());
}

#[tokio::test]
async fn hostile_trees_stay_inside() {
    let lab = Lab::new().await;
    let cache = Cache::ensure(&git(), lab.repo.dir()).await.unwrap();
    for path in [".git", ".GIT", "git~1", ".g\u{200c}it", "..", "."] {
        let tree = lab.raw_tree(&[("100644", path)], "evil");
        let at = Tree {
            dir: lab.path("t/tree"),
            index: lab.path("t/index"),
        };
        let outcome = cache.checkout_tree(&tree, &at).await;
        assert!(outcome.is_err(), "{path:?} was checked out");
        assert!(!lab.path("t/tree/.git").exists(), "{path:?}");
        std::fs::remove_dir_all(lab.path("t")).unwrap();
    }
    // A link to a folder outside, and then a file "in" it.
    let outside = lab.path("outside");
    std::fs::create_dir(&outside).unwrap();
    let base = lab.commit(&[], &[("x", "x\n")]).await;
    let at = Tree {
        dir: lab.path("u/tree"),
        index: lab.path("u/index"),
    };
    cache.checkout_tree(&base, &at).await.unwrap();
    symlink(&outside, at.dir.join("d")).unwrap();
    let full = Tree {
        dir: at.dir.clone(),
        index: lab.path("u/index2"),
    };
    assert!(matches!(
        cache.checkout_tree(&base, &full).await,
        Err(Error::NotEmpty { .. })
    ));
    let link = lab.path("link");
    symlink(&outside, &link).unwrap();
    let through = Tree {
        dir: link,
        index: lab.path("u/index3"),
    };
    assert!(matches!(
        cache.checkout_tree(&base, &through).await,
        Err(Error::NotEmpty { .. })
    ));
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

#[tokio::test]
async fn prior_work_comes_with_markers() {
    let (lab, base) = Lab::with(&[("a", "1\n"), ("b", "b\n")]).await;
    let prior = lab
        .commit(&[&base], &[("a", "prior\n"), ("c", "c\n")])
        .await;
    let now = lab.commit(&[&base], &[("a", "now\n")]).await;
    let cache = Cache::ensure(&git(), lab.repo.dir()).await.unwrap();
    let clean = cache.prior_merge(&base, &prior).await.unwrap();
    assert!(clean.conflicts.is_empty());
    let merge = cache.prior_merge(&now, &prior).await.unwrap();
    assert_eq!(merge.conflicts, ["a"]);
    let tree = Tree {
        dir: lab.path("w/tree"),
        index: lab.path("w/index"),
    };
    cache.checkout_tree(&merge.tree, &tree).await.unwrap();
    cache.driver_git_dir(&tree, &now, &ada()).await.unwrap();
    let text = std::fs::read_to_string(tree.dir.join("a")).unwrap();
    assert!(
        text.contains("<<<<<<<") && text.contains("now") && text.contains("prior"),
        "{text}"
    );
    assert_eq!(
        person_ok(&tree.dir, &["status", "--porcelain"]),
        "M  a\nA  c"
    );
    write(&tree.dir, "a", "both\n");
    let bench = Bench {
        lab,
        cache,
        tree,
        base: now.clone(),
    };
    let (author, committer) = (ada(), Signature::devlab());
    let request = SnapshotRequest {
        base: &now,
        extra_parents: &[&prior],
        message: "solved",
        author: &author,
        committer: &committer,
        time_secs: TIME,
        excludes: &[],
    };
    let snapshot = bench.cache.snapshot(&bench.tree, &request).await.unwrap();
    let log = bench.lab.repo.log(None, &snapshot.commit, 1).await.unwrap();
    assert_eq!(log[0].parents, [now, prior]);
    assert_eq!(
        snapshot
            .changes
            .iter()
            .map(|c| c.path.as_str())
            .collect::<Vec<_>>(),
        ["a", "c"]
    );
}

#[tokio::test]
async fn a_cache_asks_only_for_what_is_missing() {
    let (lab, base) = Lab::with(&[("a", "1\n")]).await;
    let server = crate::support::Server::start(&lab.repo).await;
    let policy = FetchPolicy::Only(vec![name("refs/heads/main")]);
    server.grant("t", policy, ReceivePolicy::Refused);
    let cache = Cache::ensure(&git(), &lab.path("cache.git")).await.unwrap();
    let refs = [FetchRef {
        from: name("refs/heads/main"),
        to: name("refs/devlab/cache/main"),
    }];
    cache
        .fetch(&server.remote("t"), &refs, std::slice::from_ref(&base))
        .await
        .unwrap();
    assert_eq!(
        cache.repo().resolve(&refs[0].to).await.unwrap(),
        Some(base.clone())
    );
    // Now it is there, the network is not needed.
    let nowhere = devlab_forge::transfer::Remote::new("http://127.0.0.1:1/p.git", None).unwrap();
    cache
        .fetch(&nowhere, &refs, std::slice::from_ref(&base))
        .await
        .unwrap();
    let cut = cache.fetch(&nowhere, &refs, &[]).await.unwrap_err();
    assert!(
        matches!(cut, Error::Unreachable { .. }) && cut.is_transient(),
        "{cut}"
    );
    let absent: Oid = "1".repeat(40).parse().unwrap();
    let missing = cache
        .fetch(&server.remote("t"), &refs, &[absent])
        .await
        .unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
    let denied = cache
        .fetch(&server.remote("wrong"), &refs, &[])
        .await
        .unwrap_err();
    assert!(matches!(denied, Error::Denied { .. }), "{denied}");
    let other = [FetchRef {
        from: name("refs/heads/none"),
        to: name("refs/devlab/cache/none"),
    }];
    let missing = cache
        .fetch(&server.remote("t"), &other, &[])
        .await
        .unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
}

#[tokio::test]
async fn what_a_driver_changes_is_seen_while_it_is_at_work() {
    let bench = Bench::new(&[("a.txt", "a"), ("dir/b.txt", "b"), (".gitignore", "*.o\n")]).await;
    let touched = || async { bench.cache.touched(&bench.tree, &bench.base).await.unwrap() };
    assert!(touched().await.is_empty());
    // The same content written again is no change.
    write(bench.dir(), "a.txt", "a");
    assert!(touched().await.is_empty());
    write(bench.dir(), "dir/b.txt", "changed");
    write(bench.dir(), "dir/new.txt", "new");
    write(bench.dir(), "made/one/x", "new");
    write(bench.dir(), "made/two/y", "new");
    write(bench.dir(), "ignored.o", "");
    std::fs::create_dir(bench.dir().join("empty")).unwrap();
    std::fs::remove_file(bench.dir().join("a.txt")).unwrap();
    let expected = ["a.txt", "dir/b.txt", "dir/new.txt", "made/"];
    assert_eq!(touched().await, expected);
    // A driver that commits has changed the same.
    person_ok(bench.dir(), &["add", "--all"]);
    person_ok(bench.dir(), &["commit", "--quiet", "--message", "x"]);
    assert_eq!(touched().await, expected);
    assert!(!bench.lab.path("work/index.look").exists());
    assert_eq!(
        bench.changed().await,
        [
            "a.txt",
            "dir/b.txt",
            "dir/new.txt",
            "made/one/x",
            "made/two/y"
        ]
    );
}
