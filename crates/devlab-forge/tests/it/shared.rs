//! A cache that several processes fetch into. What stands for another process has a git, a cache
//! and open files of its own.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use devlab_forge::http::{FetchPolicy, ReceivePolicy};
use devlab_forge::transfer::{FetchRef, Remote};
use devlab_forge::worktree::Cache;
use devlab_forge::{Git, GitBinary, Oid};

use crate::support::{Lab, PATH, Server, git, name, person_ok};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

struct Shared {
    lab: Lab,
    base: Oid,
    server: Server,
    refs: [FetchRef; 1],
}

impl Shared {
    async fn new() -> Self {
        let (lab, base) = Lab::with(&[("a", "1\n"), ("d/b", "2\n")]).await;
        let server = Server::start(&lab.repo).await;
        let policy = FetchPolicy::Only(vec![name("refs/heads/main")]);
        server.grant("t", policy, ReceivePolicy::Refused);
        let refs = [FetchRef {
            from: name("refs/heads/main"),
            to: name("refs/devlab/cache/main"),
        }];
        Self {
            lab,
            base,
            server,
            refs,
        }
    }

    fn dir(&self) -> PathBuf {
        self.lab.path("cache.git")
    }

    async fn cache(&self) -> Cache {
        Cache::ensure(&git(), &self.dir()).await.unwrap()
    }

    async fn fetch(&self, cache: &Cache, remote: &Remote) -> devlab_forge::Result<()> {
        let needed = std::slice::from_ref(&self.base);
        cache.fetch(remote, &self.refs, needed).await
    }

    fn lock_file(&self) -> File {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(self.lab.path("cache.fetch")).unwrap()
    }
}

fn nowhere() -> Remote {
    Remote::new("http://127.0.0.1:1/p.git", None).unwrap()
}

#[tokio::test]
async fn what_one_has_fetched_another_does_not_fetch() {
    let shared = Shared::new().await;
    let (one, other) = (shared.cache().await, shared.cache().await);
    let remote = shared.server.remote("t");
    shared.fetch(&one, &remote).await.unwrap();
    shared.fetch(&other, &nowhere()).await.unwrap();
    assert_eq!(shared.lock_file().metadata().unwrap().len(), 0);
}

#[tokio::test]
async fn who_waits_for_a_fetch_looks_again() {
    let shared = Shared::new().await;
    let cache = shared.cache().await;
    let held = shared.lock_file();
    held.lock().unwrap();
    let remote = nowhere();
    let mut waiting = std::pin::pin!(shared.fetch(&cache, &remote));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    // Another wait that is given up holds nobody up afterwards.
    {
        let mut given_up = std::pin::pin!(shared.fetch(&cache, &remote));
        assert!(futures::poll!(given_up.as_mut()).is_pending());
    }
    let from = shared.lab.repo.dir().display().to_string();
    let main = "refs/heads/main:refs/devlab/cache/main";
    person_ok(&shared.dir(), &["fetch", "-q", &from, main]);
    drop(held);
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.expect("the lock is passed on").unwrap();
}

#[tokio::test]
async fn a_fetch_that_was_cut_short_is_made_good() {
    let shared = Shared::new().await;
    let (cache, remote) = (shared.cache().await, shared.server.remote("t"));
    // As a killed git may leave it: the commit without its tree, and the lock of a ref.
    let dir = shared.dir();
    let tree = shared.lab.repo.tree_of(&shared.base).await.unwrap();
    let (folder, file) = shared.base.as_str().split_at(2);
    let commit = PathBuf::from("objects").join(folder).join(file);
    fs::create_dir_all(dir.join("objects").join(folder)).unwrap();
    fs::copy(shared.lab.repo.dir().join(&commit), dir.join(&commit)).unwrap();
    fs::create_dir_all(dir.join("refs/devlab/cache")).unwrap();
    fs::write(dir.join("refs/devlab/cache/main.lock"), "").unwrap();
    shared.fetch(&cache, &nowhere()).await.unwrap();
    fs::write(shared.lab.path("cache.fetch"), "fetching\n").unwrap();

    let cut = shared.fetch(&cache, &nowhere()).await;
    assert!(cut.is_err(), "what seems to be there is not believed");
    shared.fetch(&cache, &remote).await.unwrap();
    let missing = cache.repo().missing_objects(&[tree]).await.unwrap();
    assert!(missing.is_empty());
    assert!(!dir.join("refs/devlab/cache/main.lock").exists());
    shared.fetch(&cache, &nowhere()).await.unwrap();
}

#[tokio::test]
async fn a_git_that_outlives_its_agent_keeps_the_lock() {
    let shared = Shared::new().await;
    shared.cache().await;
    let (up, go) = (shared.lab.path("up"), shared.lab.path("go"));
    // It leaves its process group, so that nothing of ours ends it. A shell gives what it leaves
    // in the background /dev/null for its input, even if that is to be its own: hence the 3.
    // It ends by itself, even if this test fails.
    let script = format!(
        "#!/bin/sh\nexec 3<&0\n\
         setsid sh -c 'touch {}; for i in $(seq 1500); do test -e {} && exit; sleep 0.02; done' \
         <&3 3<&- &\nwait\n",
        up.display(),
        go.display()
    );
    let program = shared.lab.path("git.sh");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path_env = PATH.into();
    let stubborn = Git::new(GitBinary { program, path_env });
    let cache = Cache::ensure(&stubborn, &shared.dir()).await.unwrap();
    let remote = shared.server.remote("t");
    {
        let fetching = cache.fetch(&remote, &shared.refs, &[]);
        let begun = tokio::time::timeout(PATIENCE, async {
            while !up.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        tokio::select! {
            _ = fetching => panic!("it does not end"),
            begun = begun => begun.unwrap(),
        }
    }
    let lock = shared.lock_file();
    assert!(matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
    fs::write(go, "").unwrap();
    let next = shared.cache().await;
    let fetched = tokio::time::timeout(PATIENCE, shared.fetch(&next, &remote)).await;
    fetched.expect("the lock is free").unwrap();
}
