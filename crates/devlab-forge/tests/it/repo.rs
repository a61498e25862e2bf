//! Repositories, refs, commits and looking at them.

use std::time::Duration;

use devlab_forge::commit::{MergeOutcome, NewCommit, Signature};
use devlab_forge::inspect::EntryKind;
use devlab_forge::publish::{Probe, probe, publish};
use devlab_forge::refs::RefUpdate;
use devlab_forge::{BareRepo, Error, Git, GitBinary, Oid, RefName};

use crate::support::{Lab, TIME, ada, git, main_ref, name, person, person_ok, says};

fn absent() -> Oid {
    "1".repeat(40).parse().unwrap()
}

fn update(name: &RefName, old: Option<&Oid>, new: Option<&Oid>) -> RefUpdate {
    RefUpdate {
        name: name.clone(),
        old: old.cloned(),
        new: new.cloned(),
    }
}

#[tokio::test]
async fn git_is_found_and_checked() {
    let version = git().version().await.unwrap();
    assert!(
        version.starts_with(|c: char| c.is_ascii_digit()),
        "{version}"
    );
    assert!(git().http_backend().await.unwrap().is_file());
    let none = Git::new(GitBinary::from_path("/nonexistent"));
    let error = none.version().await.unwrap_err();
    assert!(matches!(error, Error::GitMissing { .. }), "{error}");
    assert!(error.to_string().contains("apt-get install git"), "{error}");
}

#[tokio::test]
async fn an_old_git_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    let fake = dir.path().join("git");
    std::fs::write(&fake, "#!/bin/sh\necho git version 2.30.2\n").unwrap();
    std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let old = Git::new(GitBinary {
        program: fake,
        path_env: "/bin:/usr/bin".into(),
    });
    assert!(
        matches!(old.version().await.unwrap_err(), Error::GitTooOld { found } if found == "2.30.2")
    );
}

#[tokio::test]
async fn init_is_repeatable_and_open_needs_a_repository() {
    let lab = Lab::new().await;
    assert_eq!(lab.repo.head_branch().await.unwrap(), main_ref());
    let other = name("refs/heads/other");
    let again = BareRepo::init(&git(), lab.repo.dir(), &other)
        .await
        .unwrap();
    assert_eq!(again.head_branch().await.unwrap(), main_ref());
    again.set_head(&other).await.unwrap();
    assert_eq!(again.head_branch().await.unwrap(), other);
    assert!(again.set_head(&name("refs/tags/x")).await.is_err());
    assert!(
        BareRepo::init(&git(), &lab.path("q.git"), &name("refs/tags/x"))
            .await
            .is_err()
    );
    assert!(matches!(
        BareRepo::open(&git(), &lab.path("none")).await,
        Err(Error::Missing { .. })
    ));
    assert!(!lab.repo.dir().join("hooks").exists());
}

#[tokio::test]
async fn refs_change_together_or_not_at_all() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    let two = lab.commit(&[&one], &[("a", "2\n")]).await;
    let (main, other) = (main_ref(), name("refs/devlab/keep/c1"));
    let both = [
        update(&other, None, Some(&two)),
        update(&main, Some(&two), Some(&one)),
    ];
    let error = lab.repo.update_refs(&both).await.unwrap_err();
    assert!(
        matches!(&error, Error::RefMoved { name, actual: Some(at), .. } if *name == main && *at == one),
        "{error}"
    );
    assert_eq!(lab.repo.resolve(&other).await.unwrap(), None);

    let both = [
        update(&other, None, Some(&two)),
        update(&main, Some(&one), Some(&two)),
    ];
    lab.repo.update_refs(&both).await.unwrap();
    assert_eq!(lab.repo.resolve(&main).await.unwrap(), Some(two.clone()));
    assert_eq!(
        lab.repo.list_refs("refs/devlab").await.unwrap(),
        [(other.clone(), two.clone())]
    );
    assert_eq!(lab.repo.list_refs("refs").await.unwrap().len(), 2);
    assert!(lab.repo.list_refs("--all").await.is_err());

    lab.repo
        .update_refs(&[update(&other, Some(&two), None)])
        .await
        .unwrap();
    assert_eq!(lab.repo.resolve(&other).await.unwrap(), None);
    let names = [main.clone(), other];
    assert_eq!(lab.repo.resolve_all(&names).await.unwrap(), [(main, two)]);
}

#[tokio::test]
async fn a_refused_transaction_says_why() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    let two = lab.commit(&[&one], &[("a", "2\n")]).await;
    let other = name("refs/devlab/keep/c1");
    lab.set(other.as_str(), None, Some(&two)).await;
    let exists = lab
        .repo
        .update_refs(&[update(&other, None, Some(&one))])
        .await
        .unwrap_err();
    assert!(
        matches!(
            exists,
            Error::RefMoved {
                expected: None,
                actual: Some(_),
                ..
            }
        ),
        "{exists}"
    );
    let gone = lab
        .repo
        .update_refs(&[update(&name("refs/heads/x"), Some(&one), Some(&two))])
        .await;
    assert!(
        matches!(gone, Err(Error::RefMoved { actual: None, .. })),
        "{gone:?}"
    );
    let nothing = lab
        .repo
        .update_refs(&[update(&name("refs/heads/x"), None, Some(&absent()))])
        .await;
    assert!(matches!(nothing, Err(Error::Missing { .. })), "{nothing:?}");
    assert!(
        lab.repo
            .update_refs(&[update(&other, None, None)])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn packed_refs_are_found_and_can_move() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    lab.set("refs/heads/main2", None, Some(&one)).await;
    lab.repo
        .maintain(true, std::future::pending())
        .await
        .unwrap();
    assert!(!lab.repo.dir().join("refs/heads/main").exists());
    assert_eq!(
        lab.repo.resolve(&main_ref()).await.unwrap(),
        Some(one.clone())
    );
    assert_eq!(
        lab.repo.resolve(&name("refs/heads/mai")).await.unwrap(),
        None
    );
    let two = lab.commit(&[&one], &[("a", "2\n")]).await;
    publish(&lab.repo, &main_ref(), Some(&one), &two)
        .await
        .unwrap();
    assert_eq!(
        lab.repo.resolve(&main_ref()).await.unwrap(),
        Some(two.clone())
    );
    lab.set("refs/heads/main", Some(&two), None).await;
    assert_eq!(lab.repo.resolve(&main_ref()).await.unwrap(), None);
    lab.repo.fsck().await.unwrap();
}

#[tokio::test]
async fn of_many_writers_one_wins() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    let mut news = Vec::new();
    for i in 0..8 {
        news.push(lab.commit(&[&one], &[("a", &format!("{i} new\n"))]).await);
    }
    let main = main_ref();
    let races = news
        .iter()
        .map(|new| publish(&lab.repo, &main, Some(&one), new));
    let results = futures::future::join_all(races).await;
    let won: Vec<usize> = (0..8).filter(|i| results[*i].is_ok()).collect();
    assert_eq!(won.len(), 1, "{results:?}");
    for result in &results {
        assert!(
            matches!(result, Ok(()) | Err(Error::RefMoved { .. })),
            "{result:?}"
        );
    }
    assert_eq!(
        lab.repo.resolve(&main).await.unwrap().as_ref(),
        Some(&news[won[0]])
    );
}

#[tokio::test]
async fn a_lock_left_behind_is_reported_and_cleared() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    let two = lab.commit(&[&one], &[("a", "2\n")]).await;
    let lock = lab.repo.dir().join("refs/heads/main.lock");
    std::fs::write(&lock, "").unwrap();
    let busy = publish(&lab.repo, &main_ref(), Some(&one), &two)
        .await
        .unwrap_err();
    assert!(
        matches!(busy, Error::RefBusy { .. }) && busy.is_transient(),
        "{busy}"
    );
    assert_eq!(
        lab.repo
            .clear_stale_locks(Duration::from_secs(3600))
            .await
            .unwrap(),
        0
    );
    assert_eq!(lab.repo.clear_stale_locks(Duration::ZERO).await.unwrap(), 1);
    publish(&lab.repo, &main_ref(), Some(&one), &two)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_intent_is_probed() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    let two = lab.commit(&[&one], &[("a", "2\n")]).await;
    let three = lab.commit(&[&two], &[("a", "3\n")]).await;
    let aside = lab.commit(&[&one], &[("b", "x\n")]).await;
    let main = main_ref();
    let at = async |old: Option<&Oid>, new: &Oid| probe(&lab.repo, &main, old, new).await.unwrap();
    assert_eq!(at(Some(&one), &two).await, Probe::AtOld);
    publish(&lab.repo, &main, Some(&one), &three).await.unwrap();
    assert_eq!(at(Some(&one), &two).await, Probe::Past);
    assert_eq!(at(Some(&two), &three).await, Probe::Past);
    assert_eq!(
        at(Some(&one), &aside).await,
        Probe::Elsewhere {
            actual: Some(three.clone())
        }
    );
    assert_eq!(
        at(Some(&one), &absent()).await,
        Probe::Elsewhere {
            actual: Some(three.clone())
        }
    );
    assert_eq!(
        at(None, &aside).await,
        Probe::Elsewhere {
            actual: Some(three.clone())
        }
    );
    lab.set("refs/heads/main", Some(&three), None).await;
    assert_eq!(at(None, &two).await, Probe::AtOld);
    assert_eq!(
        at(Some(&one), &two).await,
        Probe::Elsewhere { actual: None }
    );
}

#[tokio::test]
async fn files_are_read_within_bounds() {
    let odd = "d/ü \"q\"\n.txt";
    let (lab, one) = Lab::with(&[
        ("a", "1\n"),
        (odd, "odd"),
        ("empty", ""),
        ("big", &"x".repeat(5000)),
    ])
    .await;
    let read = async |path: &str, max| lab.repo.read_file(&one, path, max).await;
    assert_eq!(read("a", 10).await.unwrap().unwrap(), b"1\n");
    assert_eq!(read(odd, 10).await.unwrap().unwrap(), b"odd");
    assert_eq!(read("empty", 10).await.unwrap().unwrap(), b"");
    assert_eq!(read("big", 5000).await.unwrap().unwrap().len(), 5000);
    assert!(matches!(
        read("big", 4999).await,
        Err(Error::TooLarge { .. })
    ));
    assert!(matches!(read("big", 10).await, Err(Error::TooLarge { .. })));
    assert_eq!(read("none", 10).await.unwrap(), None);
    assert_eq!(read("d", 10).await.unwrap(), None);
    for bad in ["", "/a", "../a", "./a", "a/../a", "a\0b", "a//b"] {
        assert!(
            matches!(read(bad, 10).await, Err(Error::Invalid { .. })),
            "{bad:?}"
        );
    }
    assert_eq!(lab.repo.read_file(&absent(), "a", 10).await.unwrap(), None);
}

#[tokio::test]
async fn history_and_differences() {
    let (lab, one) = Lab::with(&[("a", "1\n2\n"), ("gone", "x\n")]).await;
    let two = lab
        .commit(
            &[&one],
            &[("a", "1\nzwei\n3\n"), ("d/new", "n\n"), ("bin", "\0\u{1}")],
        )
        .await;
    let aside = lab.commit(&[&one], &[("b", "b\n")]).await;
    let alone = lab.commit(&[], &[("z", "z\n")]).await;
    assert!(lab.repo.is_ancestor(&one, &two).await.unwrap());
    assert!(!lab.repo.is_ancestor(&two, &one).await.unwrap());
    assert!(lab.repo.is_ancestor(&absent(), &one).await.is_err());
    assert_eq!(
        lab.repo.merge_base(&two, &aside).await.unwrap(),
        Some(one.clone())
    );
    assert_eq!(lab.repo.merge_base(&two, &alone).await.unwrap(), None);
    let log = lab.repo.log(None, &two, 10).await.unwrap();
    assert_eq!(log.iter().map(|c| &c.oid).collect::<Vec<_>>(), [&two, &one]);
    assert_eq!(
        (
            log[0].author.as_str(),
            log[0].email.as_str(),
            log[0].time_secs
        ),
        ("Ada", "ada@example.org", TIME)
    );
    assert_eq!(
        (
            log[0].subject.as_str(),
            log[0].body.as_str(),
            &log[0].parents
        ),
        ("work", "", &vec![one.clone()])
    );
    assert_eq!(lab.repo.log(Some(&one), &two, 10).await.unwrap().len(), 1);
    assert_eq!(lab.repo.log(None, &two, 1).await.unwrap().len(), 1);
    assert!(lab.repo.log(Some(&two), &two, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn differences_and_trees() {
    let (lab, one) = Lab::with(&[("a", "1\n2\n"), ("gone", "x\n")]).await;
    let files = [("a", "1\nzwei\n3\n"), ("d/new", "n\n"), ("bin", "\0\u{1}")];
    let two = lab.commit(&[&one], &files).await;
    let stat = lab.repo.diff_stat(&one, &two).await.unwrap();
    let shown: Vec<_> = stat
        .iter()
        .map(|s| (s.path.as_str(), s.added, s.removed, s.binary))
        .collect();
    assert_eq!(
        shown,
        [
            ("a", 2, 1, false),
            ("bin", 0, 0, true),
            ("d/new", 1, 0, false)
        ]
    );
    assert_eq!(
        lab.repo.changed_paths(&one, &two).await.unwrap(),
        ["a", "bin", "d/new"]
    );
    let diff = lab.repo.diff(&one, &two, 1 << 20).await.unwrap();
    assert!(diff.text.contains("+zwei") && !diff.truncated);
    let short = lab.repo.diff(&one, &two, 50).await.unwrap();
    assert!(short.truncated && short.text.len() == 50);
    assert!(lab.repo.diff(&one, &absent(), 50).await.is_err());

    let entries = lab.repo.ls_tree(&two).await.unwrap();
    let paths: Vec<_> = entries.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(paths, ["a", "bin", "d/new", "gone"]);
    assert!(entries.iter().all(|e| e.kind == EntryKind::File));
    let tree = lab.repo.tree_of(&two).await.unwrap();
    assert_eq!(lab.repo.tree_of(&tree).await.unwrap(), tree);
    assert_ne!(lab.repo.tree_of(&one).await.unwrap(), tree);
    assert!(matches!(
        lab.repo.tree_of(&absent()).await,
        Err(Error::Missing { .. })
    ));
    assert_eq!(
        lab.repo
            .missing_objects(&[one, absent(), two])
            .await
            .unwrap(),
        [absent()]
    );
}

#[tokio::test]
async fn commits_are_the_same_everywhere() {
    let (here, _) = Lab::with(&[("a", "1\n")]).await;
    let (there, _) = Lab::with(&[("a", "1\n")]).await;
    let mut made = Vec::new();
    for lab in [&here, &there, &here] {
        made.push(lab.commit(&[], &[("x", "ü\n")]).await);
    }
    assert_eq!(made[0], made[1]);
    assert_eq!(made[0], made[2]);
    let tree = here.repo.tree_of(&made[0]).await.unwrap();
    let devlab = Signature::devlab();
    let commit = NewCommit {
        tree: &tree,
        parents: &[],
        message: "a\0b",
        author: &ada(),
        committer: &devlab,
        time_secs: TIME,
    };
    assert!(matches!(
        here.repo.commit_tree(&commit).await,
        Err(Error::Invalid { .. })
    ));
}

#[tokio::test]
async fn merges_are_clean_or_say_where_not() {
    let (lab, one) = Lab::with(&[("a", "1\n2\n3\n"), ("b", "b\n")]).await;
    let ours = lab.commit(&[&one], &[("a", "ours\n2\n3\n")]).await;
    let theirs = lab
        .commit(&[&one], &[("a", "1\n2\ntheirs\n"), ("c", "c\n")])
        .await;
    let against = lab
        .commit(&[&one], &[("a", "against\n2\n3\n"), ("b", "B\n")])
        .await;
    let alone = lab.commit(&[], &[("z", "z\n")]).await;
    let MergeOutcome::Clean { tree } = lab.repo.merge_tree(&ours, &against).await.map_or_else(
        |error| panic!("{error}"),
        |outcome| match outcome {
            MergeOutcome::Conflict {
                tree_with_markers,
                paths,
                messages,
            } => {
                assert_eq!(paths, ["a"]);
                assert!(messages[0].contains("Merge conflict in a"), "{messages:?}");
                MergeOutcome::Clean {
                    tree: tree_with_markers,
                }
            }
            MergeOutcome::Clean { .. } => panic!("this should not merge"),
        },
    ) else {
        panic!("no tree");
    };
    let marked = lab.repo.read_file(&tree, "a", 1000).await.unwrap().unwrap();
    let marked = String::from_utf8(marked).unwrap();
    assert!(
        marked.contains("<<<<<<<") && marked.contains("ours") && marked.contains("against"),
        "{marked}"
    );
    assert_eq!(
        lab.repo.read_file(&tree, "b", 10).await.unwrap().unwrap(),
        b"B\n"
    );

    let MergeOutcome::Clean { tree } = lab.repo.merge_tree(&ours, &theirs).await.unwrap() else {
        panic!("conflict")
    };
    assert_eq!(
        lab.repo.read_file(&tree, "a", 100).await.unwrap().unwrap(),
        b"ours\n2\ntheirs\n"
    );
    assert!(matches!(
        lab.repo.merge_tree(&ours, &alone).await,
        Err(Error::UnrelatedHistories { .. })
    ));
    let missing = lab.repo.merge_tree(&ours, &absent()).await;
    assert!(matches!(missing, Err(Error::Missing { .. })), "{missing:?}");
}

#[tokio::test]
async fn fsck_sees_damage() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    lab.repo.fsck().await.unwrap();
    let (folder, file) = one.as_str().split_at(2);
    std::fs::remove_file(lab.repo.dir().join("objects").join(folder).join(file)).unwrap();
    assert!(matches!(
        lab.repo.fsck().await,
        Err(Error::Failed {
            command: "fsck",
            ..
        })
    ));
}

#[tokio::test]
async fn a_person_can_use_the_repository_with_plain_git() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    assert_eq!(
        person_ok(lab.repo.dir(), &["rev-parse", "HEAD"]),
        one.as_str()
    );
    let pushed = person(lab.repo.dir(), &["config", "receive.denyDeletes"]);
    assert_eq!(says(&pushed).trim(), "true");
}

#[tokio::test]
async fn a_ref_that_moved_is_not_published_over() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    let two = lab.commit(&[&one], &[("a", "2\n")]).await;
    let aside = lab.commit(&[&one], &[("b", "x\n")]).await;
    let main = main_ref();
    publish(&lab.repo, &main, Some(&one), &two).await.unwrap();
    let late = publish(&lab.repo, &main, Some(&one), &aside).await;
    assert!(matches!(late, Err(Error::RefMoved { .. })), "{late:?}");
    assert_eq!(lab.repo.resolve(&main).await.unwrap(), Some(two));
}

#[tokio::test]
async fn many_loose_objects_or_packs_are_worth_packing() {
    let (lab, _) = Lab::with(&[("a", "1\n")]).await;
    assert!(!lab.repo.needs_packing().await.unwrap());
    let objects = lab.repo.dir().join("objects");
    for (folder, end, count) in [("17", "", 28), ("pack", ".pack", 51)] {
        let folder = objects.join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let files: Vec<_> = (0..count)
            .map(|n| folder.join(format!("{n:038x}{end}")))
            .collect();
        for file in &files {
            std::fs::write(file, b"").unwrap();
        }
        assert!(lab.repo.needs_packing().await.unwrap(), "{folder:?}");
        std::fs::remove_file(&files[0]).unwrap();
        assert!(!lab.repo.needs_packing().await.unwrap(), "{folder:?}");
        for file in &files[1..] {
            std::fs::remove_file(file).unwrap();
        }
    }
}

#[tokio::test]
async fn what_nothing_names_is_dropped_when_it_is_old_and_only_if_that_is_wanted() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    let two = lab.commit(&[&one], &[("a", "2\n")]).await;
    let loose = lab.repo.dir().join("objects");
    let (folder, file) = two.as_str().split_at(2);
    let object = loose.join(folder).join(file);
    let is_there = async || {
        let found = lab.repo.look_up(&[two.to_string()]).await.unwrap();
        found.into_iter().flatten().count() == 1
    };
    lab.repo
        .maintain(true, std::future::pending())
        .await
        .unwrap();
    assert!(is_there().await, "it may be about to be named");
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let times = std::fs::FileTimes::new().set_modified(long_ago);
    // Git makes its objects read-only, which keeps nobody from changing their times.
    let opened = std::fs::File::open(&object).unwrap();
    opened.set_times(times).unwrap();
    lab.repo
        .maintain(false, std::future::pending())
        .await
        .unwrap();
    assert!(is_there().await, "it was not wanted");
    lab.repo
        .maintain(true, std::future::pending())
        .await
        .unwrap();
    assert!(!is_there().await);
    lab.repo.fsck().await.unwrap();
}

#[tokio::test]
async fn maintenance_that_is_stopped_leaves_no_lock() {
    let (lab, one) = Lab::with(&[("a", "1\n")]).await;
    let refs: Vec<_> = (0..300)
        .map(|n| update(&name(&format!("refs/heads/b{n}")), None, Some(&one)))
        .collect();
    lab.repo.update_refs(&refs).await.unwrap();
    let heads = lab.repo.dir().join("refs/heads");
    let stopped = lab.repo.maintain(true, std::future::ready(())).await;
    assert!(stopped.is_err(), "git was asked to end at once");
    let left: Vec<_> = std::fs::read_dir(heads).unwrap().flatten().collect();
    assert!(left.is_empty(), "refs are packed whole, or not: {left:?}");
    assert!(!lab.repo.dir().join("packed-refs.lock").exists());
    let two = lab.commit(&[&one], &[("a", "2\n")]).await;
    publish(&lab.repo, &main_ref(), Some(&one), &two)
        .await
        .unwrap();
}
