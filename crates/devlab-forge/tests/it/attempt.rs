//! What the git side of an attempt costs, on a repository of a thousand files.

use devlab_forge::candidate::{Built, Outcome, Part, build};
use devlab_forge::http::{FetchPolicy, ReceivePolicy};
use devlab_forge::publish::publish;
use devlab_forge::transfer::FetchRef;
use devlab_forge::worktree::{Cache, Tree};
use devlab_forge::{BareRepo, Oid, RefName};

use crate::support::{Lab, Server, TIME, ada, git, name, person_ok, write};
use crate::worktree::Bench;

#[tokio::test]
async fn a_thousand_files_take_little_time() {
    let contents = thousand();
    let files: Vec<(&str, &str)> = contents
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let (lab, base) = Lab::with(&files).await;
    let cache = Cache::ensure(&git(), lab.repo.dir()).await.unwrap();
    let clock = tokio::time::Instant::now;
    let tree = Tree {
        dir: lab.path("w/tree"),
        index: lab.path("w/index"),
    };
    let start = clock();
    cache.checkout_tree(&base, &tree).await.unwrap();
    let checkout = start.elapsed();
    let start = clock();
    cache.driver_git_dir(&tree, &base, &ada()).await.unwrap();
    let driver = start.elapsed();
    write(&tree.dir, "d1/f1.txt", "changed\n");
    let bench = Bench {
        lab,
        cache,
        tree,
        base,
    };
    let start = clock();
    assert_eq!(bench.changed().await, ["d1/f1.txt"]);
    let snapshot = start.elapsed();
    println!("1,000 files: checkout {checkout:?}, driver's .git {driver:?}, snapshot {snapshot:?}");
    assert_eq!(
        person_ok(bench.dir(), &["status", "--porcelain"]),
        "M d1/f1.txt"
    );
    // Far above what it takes; a change that runs git once per file would pass it.
    assert!(checkout.as_secs() < 5 && snapshot.as_secs() < 5);
}

/// A thousand files of forty lines.
fn thousand() -> Vec<(String, String)> {
    (0..1000)
        .map(|i| {
            (
                format!("d{}/f{i}.txt", i % 20),
                format!("{i} line\n").repeat(40),
            )
        })
        .collect()
}

/// Names of steps and how long each took, in milliseconds.
struct Laps {
    start: tokio::time::Instant,
    done: Vec<(&'static str, u128)>,
}

impl Laps {
    fn lap(&mut self, step: &'static str) {
        let now = tokio::time::Instant::now();
        self.done.push((step, (now - self.start).as_millis()));
        self.start = now;
    }
}

async fn served_thousand() -> (Lab, Server, Oid) {
    let contents = thousand();
    let files: Vec<(&str, &str)> = contents
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let (lab, base) = Lab::with(&files).await;
    let server = Server::start(&lab.repo).await;
    (lab, server, base)
}

async fn merge_and_publish(repo: &BareRepo, main: &RefName, base: &Oid, head: &Oid) -> Built {
    let part = Part {
        head: head.clone(),
        task: "t".into(),
        title: "t".into(),
        attempt: Some(1),
    };
    let keep = name("refs/devlab/keep/c");
    let Outcome::Built(built) = build(repo, base, &[part], TIME, &keep).await.unwrap() else {
        panic!("a conflict");
    };
    publish(repo, main, Some(base), &built.tip).await.unwrap();
    built
}

/// All that git does for one attempt: from the claim to the published commit.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_end_to_end_costs_little() {
    let (lab, server, base) = served_thousand().await;
    let (main, own) = (name("refs/heads/main"), name("refs/devlab/attempts/t/1"));
    let receive = ReceivePolicy::Only {
        name: own.clone(),
        haves: vec![base.clone()],
    };
    server.grant("t", FetchPolicy::Only(vec![main.clone()]), receive);
    let remote = server.remote("t");
    let cache = Cache::ensure(&git(), &lab.path("cache.git")).await.unwrap();
    let refs = [FetchRef {
        from: main.clone(),
        to: name("refs/devlab/cache/main"),
    }];
    cache
        .fetch(&remote, &refs, std::slice::from_ref(&base))
        .await
        .unwrap();
    let clean = Tree {
        dir: lab.path("c/tree"),
        index: lab.path("c/index"),
    };
    cache.checkout_tree(&base, &clean).await.unwrap();

    let mut laps = Laps {
        start: tokio::time::Instant::now(),
        done: Vec::new(),
    };
    cache
        .fetch(&remote, &refs, std::slice::from_ref(&base))
        .await
        .unwrap();
    laps.lap("fetch");
    let tree = Tree {
        dir: lab.path("w/tree"),
        index: lab.path("w/index"),
    };
    cache.checkout_tree(&base, &tree).await.unwrap();
    cache.driver_git_dir(&tree, &base, &ada()).await.unwrap();
    laps.lap("new checkout");
    write(&tree.dir, "d1/f1.txt", "changed\n");
    let bench = Bench {
        lab,
        cache,
        tree,
        base,
    };
    let snapshot = bench.snapshot(&[]).await.unwrap();
    laps.lap("snapshot");
    bench
        .cache
        .push(&remote, &snapshot.commit, &own)
        .await
        .unwrap();
    laps.lap("push");
    bench
        .cache
        .reset_tree(&snapshot.commit, &clean)
        .await
        .unwrap();
    laps.lap("checkout again");
    let repo = &bench.lab.repo;
    let built = merge_and_publish(repo, &main, &bench.base, &snapshot.commit).await;
    assert_eq!(
        built.tree, snapshot.tree,
        "its checks already ran on this tree"
    );
    laps.lap("merge and publish");
    assert_eq!(repo.resolve(&main).await.unwrap(), Some(built.tip));
    let total: u128 = laps.done.iter().map(|(_, ms)| ms).sum();
    println!("an attempt, in ms: {:?}, together {total}", laps.done);
}
