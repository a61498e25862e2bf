//! Folders, their locks and their collection.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use devlab_agent::faults::NoFaults;
use devlab_agent::journal::{Entry, Journal};
use devlab_agent::workspace::{Home, HomeError, Limits, remove_tree};
use devlab_core::{AttemptId, Clock, ProjectId, SystemClock, Timestamp};
use serde_json::json;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn attempt(number: i64) -> AttemptId {
    AttemptId::new(Timestamp::from_millis(number), 7)
}

/// An attempt that holds some bytes; acknowledged or not.
fn fill(home: &Home, attempt: AttemptId, bytes: usize, acked: bool) {
    let (paths, _lock) = home.enter(attempt).unwrap();
    fs::create_dir(paths.tree()).unwrap();
    fs::write(paths.tree().join("file"), vec![1_u8; bytes]).unwrap();
    let mut journal =
        Journal::start(paths.journal(), attempt, json!({}), Arc::new(NoFaults)).unwrap();
    if acked {
        journal.record(Entry::Acked).unwrap();
    }
}

fn set_age(path: &Path, age: Duration) {
    let file = fs::File::open(path).unwrap();
    let then = file.metadata().unwrap().modified().unwrap() - age;
    file.set_modified(then).unwrap();
}

fn now() -> Timestamp {
    SystemClock::new().now()
}

#[test]
fn a_home_has_one_agent() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let error = Home::open(folder.path()).unwrap_err();
    assert!(matches!(&error, HomeError::InUse { .. }), "{error:?}");
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    drop(home);
    Home::open(folder.path()).unwrap();
}

#[test]
fn an_attempt_is_entered_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (_, lock) = home.enter(attempt(1)).unwrap();
    let error = home.enter(attempt(1)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    drop(lock);
    home.enter(attempt(1)).unwrap();
}

#[test]
fn the_old_go_and_what_is_in_use_stays() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    for number in 1..=4 {
        fill(&home, attempt(number), 10, number != 3);
    }
    for number in [1, 2, 3] {
        set_age(&home.attempt(attempt(number)).journal(), DAY * 8);
    }
    let (_, _lock) = home.enter(attempt(2)).unwrap();
    let done = home.collect(Limits::default(), now()).unwrap();
    assert_eq!(
        (done.attempts, done.kept_in_use, done.failed),
        (2, 1, 0),
        "{done:?}"
    );
    let mut left = home.attempts().unwrap();
    left.sort();
    assert_eq!(left, [attempt(2), attempt(4)]);
}

#[test]
fn too_much_is_cut_down_oldest_first_but_unfinished_work_stays() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    for number in 1..=4 {
        fill(&home, attempt(number), 1_000_000, number != 1);
        let age = DAY / u32::try_from(number).unwrap();
        set_age(&home.attempt(attempt(number)).journal(), age);
    }
    let project = ProjectId::new(Timestamp::from_millis(1), 1);
    fs::create_dir(home.repo(project)).unwrap();
    fs::write(home.repo(project).join("pack"), vec![1_u8; 1_000_000]).unwrap();
    let limits = Limits {
        max_bytes: 3_500_000,
        ..Limits::default()
    };
    let done = home.collect(limits, now()).unwrap();
    assert_eq!(
        (done.attempts, done.repos, done.kept_in_use),
        (2, 0, 1),
        "{done:?}"
    );
    assert!(done.bytes_left <= limits.max_bytes);
    let mut left = home.attempts().unwrap();
    left.sort();
    assert_eq!(left, [attempt(1), attempt(4)]);

    let nothing = Limits {
        max_bytes: 0,
        ..Limits::default()
    };
    let lock = home.hold_repo(project).unwrap();
    home.collect(nothing, now()).unwrap();
    assert!(home.repo(project).exists(), "a repository in use stays");
    drop(lock);
    home.collect(nothing, now()).unwrap();
    assert!(!home.repo(project).exists());
}

#[test]
fn agents_that_share_copies_collect_them_together() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let open = |name: &str| Home::open_with(&folder.path().join(name), &cache).unwrap();
    let (one, other) = (open("one"), open("other"));
    let project = ProjectId::new(Timestamp::from_millis(1), 1);
    assert_eq!(one.repo(project), other.repo(project));
    let (held, too) = (
        one.hold_repo(project).unwrap(),
        other.hold_repo(project).unwrap(),
    );
    fs::create_dir(one.repo(project)).unwrap();
    fs::write(one.repo(project).join("pack"), vec![1_u8; 100_000]).unwrap();
    let nothing = Limits {
        max_bytes: 0,
        ..Limits::default()
    };
    drop(too);
    let done = other.collect(nothing, now()).unwrap();
    assert_eq!((done.repos, done.kept_in_use), (0, 1), "{done:?}");
    assert!(one.repo(project).join("pack").exists());
    drop(held);
    let done = std::thread::scope(|scope| {
        [&one, &other]
            .map(|home| scope.spawn(|| home.collect(nothing, now()).unwrap()))
            .map(|collecting| collecting.join().unwrap())
    });
    assert_eq!(done[0].repos + done[1].repos, 1, "{done:?}");
    assert_eq!(done[0].failed + done[1].failed, 0, "{done:?}");
    assert!(!one.repo(project).exists());
    assert_eq!(fs::read_dir(cache.join("trash")).unwrap().count(), 0);
}

#[test]
fn copies_from_before_they_were_shared_go_too() {
    let folder = tempfile::tempdir().unwrap();
    let project = ProjectId::new(Timestamp::from_millis(1), 1);
    let own = {
        let home = Home::open(&folder.path().join("home")).unwrap();
        fs::create_dir(home.repo(project)).unwrap();
        home.repo(project)
    };
    let (root, cache) = (folder.path().join("home"), folder.path().join("cache"));
    let home = Home::open_with(&root, &cache).unwrap();
    let later = Timestamp::from_millis(now().as_millis() + 8 * 24 * 3_600_000);
    assert_eq!(home.collect(Limits::default(), later).unwrap().repos, 1);
    assert!(!own.exists());
}

#[test]
fn a_collection_that_was_cut_short_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let half = folder.path().join("trash").join("half");
    fs::create_dir_all(half.join("gone")).unwrap();
    home.collect(Limits::default(), now()).unwrap();
    assert!(!half.exists());
}

#[test]
fn read_only_folders_are_removed_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("file"), "keep").unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    fs::write(tree.join("a/b/file"), "x").unwrap();
    symlink(&precious, tree.join("a/link")).unwrap();
    for path in ["a/b", "a"] {
        fs::set_permissions(tree.join(path), Permissions::from_mode(0o500)).unwrap();
    }
    remove_tree(&tree).unwrap();
    assert!(!tree.exists());
    assert_eq!(fs::read_to_string(precious.join("file")).unwrap(), "keep");
    remove_tree(&tree).unwrap();
}
