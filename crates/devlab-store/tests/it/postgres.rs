//! What only a store in PostgreSQL can go through.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use devlab_core::attempt::Agent;
use devlab_core::error::StorageErrorKind;
use devlab_core::label::Labels;
use devlab_core::org::{Org, Project};
use devlab_core::task::Task;
use devlab_core::tx::{Effect, Page, TaskFilter, Tx};
use devlab_core::{AttemptId, OrgId, StorageError, Timestamp};
use devlab_store::conformance::postgres::Server;
use devlab_store::conformance::sample::sample;
use devlab_store::dump::Loading;
use devlab_store::faults::FaultPoint;
use devlab_store::postgres::{PostgresOptions, PostgresStore, TURN_IDLE_MAX};
use devlab_store::{Store, StoreExt as _};
use tokio::sync::watch;

pub(crate) fn quiet(url: &str) -> PostgresOptions {
    PostgresOptions::new(url, Arc::new(|_: &[Effect]| {}))
}

pub(crate) async fn open(url: &str) -> Arc<dyn Store> {
    PostgresStore::open(quiet(url)).await.unwrap()
}

async fn refusal(url: &str) -> StorageError {
    match PostgresStore::open(quiet(url)).await {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

fn org(number: u32) -> Org {
    Org {
        // The lowest bits of what is random give way to the version.
        id: OrgId::new(Timestamp::from_millis(1), u128::from(number) << 16),
        name: format!("org-{number}").parse().unwrap(),
        retention: None,
        created_at: Timestamp::from_millis(1),
    }
}

/// Adds one to a counter in the settings.
pub(crate) async fn count(store: &Arc<dyn Store>) -> devlab_core::Result<u32> {
    let added = store.write(|tx| {
        let now: u32 = tx.setting("count")?.map_or(0, |text| text.parse().unwrap());
        tx.put_setting("count", &(now + 1).to_string())?;
        Ok(now + 1)
    });
    added.await
}

/// Eight who count to 50 each.
fn counting(store: &Arc<dyn Store>) -> (tokio::task::JoinSet<()>, Arc<AtomicU32>) {
    let acknowledged = Arc::new(AtomicU32::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, acknowledged) = (Arc::clone(store), Arc::clone(&acknowledged));
        writers.spawn(async move {
            for _ in 0..50 {
                count(&store).await.unwrap();
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    (writers, acknowledged)
}

async fn reach(acknowledged: &AtomicU32, number: u32) {
    while acknowledged.load(Ordering::SeqCst) < number {
        tokio::task::yield_now().await;
    }
}

async fn counted_once_each(store: &Arc<dyn Store>, mut writers: tokio::task::JoinSet<()>) {
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    let counted = store.read(|view| view.setting("count")).await.unwrap();
    assert_eq!(counted.as_deref(), Some("400"));
    store.close().await.unwrap();
}

type Rows = (Vec<Org>, Vec<Project>, Vec<Task>, Vec<Agent>);

async fn all_of(store: &Arc<dyn Store>) -> Rows {
    let page = || Page {
        after: None,
        limit: 100,
    };
    let found = store.read(move |view| {
        let all = TaskFilter {
            archived: true,
            ..TaskFilter::default()
        };
        Ok((
            view.orgs(None, page())?,
            view.projects(None, page())?,
            view.tasks(&all, page())?,
            view.agents(None, page())?,
        ))
    });
    found.await.unwrap()
}

fn all_about(tx: &mut dyn Tx, task: &Task) -> devlab_core::Result<()> {
    assert_eq!(tx.task(task.id)?.as_ref(), Some(task));
    assert!(tx.task_spec(task.id)?.is_some());
    tx.children(task.id)?;
    tx.dependencies(task.id)?;
    tx.dependents(task.id)?;
    tx.feedback(task.id)?;
    if let Some(hash) = &task.check_set {
        tx.check_set(hash)?;
    }
    for attempt in task.live.iter().chain(&task.lost) {
        assert!(tx.attempt(*attempt)?.is_some());
    }
    Ok(())
}

/// A batch that cannot fetch what its units ask for runs them one by one, each in a savepoint: that
/// is right, and a tenth as fast.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_units_ask_for_is_fetched_for_all_of_them() {
    let started = tokio::task::spawn_blocking(|| {
        let server = Server::start(&["log_statement=all"]);
        let url = server.create("devlab");
        (server, url)
    });
    let (server, url) = started.await.unwrap();
    let store = open(&url).await;
    let lab = Loading::Lab { replace: false };
    sample().load(store.as_ref(), lab).await.unwrap();
    let (orgs, projects, tasks, agents) = all_of(&store).await;
    let counts = [orgs.len(), projects.len(), tasks.len(), agents.len()];
    assert!(!counts.contains(&0), "{counts:?}");
    let before = server.log().len();
    // A unit that asks for more after many rounds runs by itself as well, so each is a short one.
    for org in orgs {
        let asked = store.write(move |tx| {
            assert_eq!(tx.org(org.id)?.as_ref(), Some(&org));
            assert_eq!(tx.org_by_name(&org.name)?.as_ref(), Some(&org));
            Ok(())
        });
        asked.await.unwrap();
    }
    for project in projects {
        let asked = store.write(move |tx| {
            assert_eq!(tx.project(project.id)?.as_ref(), Some(&project));
            let named = tx.project_by_name(project.org, &project.name)?;
            assert_eq!(named.as_ref(), Some(&project));
            tx.branch_head(project.id, &project.default_branch)
        });
        asked.await.unwrap();
    }
    for task in tasks {
        let asked = store.write(move |tx| all_about(tx, &task));
        asked.await.unwrap();
    }
    for agent in agents {
        let asked = store.write(move |tx| {
            assert_eq!(tx.agent(agent.id)?.as_ref(), Some(&agent));
            tx.attempts_of_agent(agent.id)?;
            tx.attempt_by_claim(agent.id, "a claim")?;
            tx.remembered("a key")?;
            tx.setting("a setting").map(drop)
        });
        asked.await.unwrap();
    }
    let log = server.log();
    let since = &log[before..];
    assert!(since.contains("ANY($1)"), "{since}");
    assert!(!since.contains("SAVEPOINT"), "{since}");
    store.close().await.unwrap();
}

/// Somebody else has the turn, until it is to be given back.
pub(crate) async fn hold_turn(
    others: &mut tokio::task::JoinSet<()>,
    url: String,
) -> tokio::sync::oneshot::Sender<()> {
    let (held, holding) = tokio::sync::oneshot::channel();
    let (give_back, given_back) = tokio::sync::oneshot::channel::<()>();
    others.spawn(async move {
        let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls);
        let (mut client, connection) = connected.await.unwrap();
        let mut driven = tokio::task::JoinSet::new();
        driven.spawn(connection);
        let turn = client.transaction().await.unwrap();
        turn.execute("SELECT 1 FROM turn WHERE one FOR UPDATE", &[])
            .await
            .unwrap();
        held.send(()).unwrap();
        given_back.await.unwrap();
        turn.rollback().await.unwrap();
        drop(client);
        driven.join_next().await.unwrap().unwrap().unwrap();
    });
    holding.await.unwrap();
    give_back
}

/// Somebody else has the turn: how long a batch has waited for it can be seen while it waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_does_not_come_is_seen() {
    const STALL: Duration = Duration::from_millis(300);
    let started = tokio::task::spawn_blocking(|| {
        let server = Server::start(&[]);
        let url = server.create("devlab");
        (server, url)
    });
    let (server, url) = started.await.unwrap();
    let store = open(&url).await;
    count(&store).await.unwrap();
    let before = store.writer();
    assert_eq!(before.turn_waits, Duration::ZERO);
    let mut others = tokio::task::JoinSet::new();
    let give_back = hold_turn(&mut others, url).await;
    let other = Arc::clone(&store);
    others.spawn(async move {
        count(&other).await.unwrap();
    });
    while store.writer().turn_waits < STALL {
        tokio::task::yield_now().await;
    }
    give_back.send(()).unwrap();
    while let Some(ended) = others.join_next().await {
        ended.unwrap();
    }
    let after = store.writer();
    assert_eq!(after.turn_waits, Duration::ZERO);
    assert!(after.turn_waited >= before.turn_waited + STALL, "{after:?}");
    let (batches, units) = (after.batches - before.batches, after.units - before.units);
    assert_eq!((batches, units, after.waiting), (1, 1, 0));
    store.close().await.unwrap();
    drop(server);
}

/// A process that stands still in its turn loses it: the others go on, and what it was at is done
/// once, when it wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_stands_still_in_a_turn_loses_it() {
    let started = tokio::task::spawn_blocking(|| {
        let server = Server::start(&[]);
        let url = server.create("devlab");
        (server, url)
    });
    let (server, url) = started.await.unwrap();
    let (stands, standing) = std::sync::mpsc::channel();
    let (wake, woken) = std::sync::mpsc::channel::<()>();
    let once = Mutex::new(Some((stands, woken)));
    let stand_still: devlab_store::faults::FaultHook = Arc::new(move |point| {
        let first = (point == FaultPoint::BeforeCommit).then(|| once.lock().unwrap().take());
        if let Some((stands, woken)) = first.flatten() {
            stands.send(()).unwrap();
            woken.recv().unwrap();
        }
        Ok(())
    });
    let other = open(&url).await;
    let options = PostgresOptions {
        faults: Some(stand_still),
        ..quiet(&url)
    };
    let still: Arc<dyn Store> = PostgresStore::open(options).await.unwrap();
    let mut writing = tokio::task::JoinSet::new();
    writing.spawn(async move {
        let counted = count(&still).await.unwrap();
        still.close().await.unwrap();
        counted
    });
    let stood = tokio::task::spawn_blocking(move || standing.recv().unwrap());
    stood.await.unwrap();
    let waits = tokio::time::timeout(TURN_IDLE_MAX * 2, count(&other));
    assert_eq!(waits.await.unwrap().unwrap(), 1, "nothing of the other's");
    wake.send(()).unwrap();
    assert_eq!(writing.join_next().await.unwrap().unwrap(), 2, "done again");
    assert_eq!(count(&other).await.unwrap(), 3);
    other.close().await.unwrap();
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_database_loses_and_doubles_nothing() {
    let server = Arc::new(Mutex::new(Server::start(&["fsync=on"])));
    let url = server.lock().unwrap().create("devlab");
    let store = open(&url).await;
    let (writers, acknowledged) = counting(&store);
    // In the middle of it, three times.
    for crashes in 1..=3 {
        reach(&acknowledged, crashes * 80).await;
        let server = Arc::clone(&server);
        let crash = tokio::task::spawn_blocking(move || {
            let mut server = server.lock().unwrap();
            server.stop();
            server.run();
        });
        crash.await.unwrap();
    }
    counted_once_each(&store, writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_takes_over_has_everything_once() {
    let started = tokio::task::spawn_blocking(|| {
        let primary = Server::start(&["fsync=on"]);
        primary.create("devlab");
        let standby = primary.standby();
        (primary, standby)
    });
    let (mut primary, standby) = started.await.unwrap();
    let store = open(&primary.url_of_either(&standby, "devlab")).await;
    let (writers, acknowledged) = counting(&store);
    reach(&acknowledged, 150).await;
    let taken_over = tokio::task::spawn_blocking(move || {
        primary.stop();
        standby.promote();
        standby
    });
    let standby = taken_over.await.unwrap();
    counted_once_each(&store, writers).await;
    drop(standby);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_encrypted_and_to_whom_it_says() {
    let mut server = Server::start(&[]);
    server.create("devlab");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let root = server.file("server.crt", &made.cert.pem());
    server.file("server.key", &made.signing_key.serialize_pem());
    server.stop();
    server.set("ssl=on");
    let port = server.listen();
    server.run();
    let at = |host: &str, more: &str| format!("postgres://devlab@{host}:{port}/devlab?{more}");
    let root = format!("sslmode=require&sslrootcert={}", root.display());

    let store = open(&at("localhost", &root)).await;
    assert_eq!(count(&store).await.unwrap(), 1);
    let (plain, all) = ("WHERE NOT ssl", "WHERE TRUE");
    let connections = |which: &str| {
        let ours = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)";
        let ours = format!("{ours} {which} AND application_name LIKE 'devlab %'");
        server.sql("devlab", &ours).parse::<u32>().unwrap()
    };
    assert_eq!(connections(plain), 0);
    assert!(connections(all) >= 2, "it writes and listens");
    store.close().await.unwrap();

    let unknown = refusal(&at("localhost", "sslmode=require")).await;
    assert!(unknown.detail.contains("certificate"), "{unknown}");
    let other = refusal(&at("127.0.0.1", &root)).await;
    assert!(other.detail.contains("certificate"), "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_nobody_answered_for_is_not_done_twice() {
    let server = Server::start(&[]);
    let url = server.create("devlab");
    let hits = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&hits);
    let mut options = quiet(&url);
    options.faults = Some(Arc::new(move |point| match point {
        // As if the connection was cut just after the commit, every other time.
        FaultPoint::AfterCommit if seen.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => {
            Err(StorageErrorKind::Other)
        }
        _ => Ok(()),
    }));
    let store: Arc<dyn Store> = PostgresStore::open(options).await.unwrap();
    for expected in 1..=6 {
        assert_eq!(count(&store).await.unwrap(), expected);
    }
    assert!(hits.load(Ordering::SeqCst) >= 6);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_a_newer_devlab_is_refused() {
    let server = Server::start(&[]);
    let url = server.create("devlab");
    open(&url).await.close().await.unwrap();
    server.sql(
        "devlab",
        "UPDATE refinery_schema_history SET version = 999 WHERE version = 1",
    );
    let error = refusal(&url).await;
    assert_eq!(error.kind, StorageErrorKind::TooNew, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_named() {
    let mut server = Server::start(&[]);
    let url = server.create("devlab");
    server.stop();
    let error = refusal(&url).await;
    assert!(error.detail.contains("devlab"), "{error}");
}

/// A store, and every effect that it has told of.
async fn told(url: &str) -> (Arc<dyn Store>, watch::Receiver<Vec<Effect>>) {
    let (tell, told) = watch::channel(Vec::new());
    let sink = move |effects: &[Effect]| {
        tell.send_modify(|all: &mut Vec<Effect>| all.extend_from_slice(effects));
    };
    let options = PostgresOptions::new(url, Arc::new(sink));
    (PostgresStore::open(options).await.unwrap(), told)
}

async fn hears(told: &mut watch::Receiver<Vec<Effect>>, wanted: &Effect) {
    let heard = told.wait_for(|all| all.contains(wanted));
    let heard = tokio::time::timeout(Duration::from_secs(20), heard).await;
    drop(heard.expect("it was not told in time").unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_a_database_count_once_and_hear_each_other() {
    let server = Server::start(&[]);
    let url = server.create("devlab");
    let (one, _) = told(&url).await;
    let (two, mut heard) = told(&url).await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(if number % 2 == 0 { &one } else { &two });
        writers.spawn(async move {
            for _ in 0..25 {
                count(&store).await.unwrap();
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(count(&two).await.unwrap(), 201);
    let ready = Effect::Ready(org(1).id, Labels::default());
    let left = ready.clone();
    let told = one.write(move |tx| {
        tx.effect(left.clone());
        Ok(())
    });
    told.await.unwrap();
    hears(&mut heard, &ready).await;
    // Appending to a log is no transaction, and is told all the same: each time that nobody was told.
    for number in [1, 2] {
        heard.mark_unchanged();
        let attempt = AttemptId::new(Timestamp::from_millis(1), number);
        one.append_log(attempt, 0, b"a".to_vec()).await.unwrap();
        hears(&mut heard, &Effect::LogGrew(attempt)).await;
    }
    one.close().await.unwrap();
    assert_eq!(count(&two).await.unwrap(), 202, "the other goes on");
    two.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_write_at_once_is_as_if_they_came_one_by_one() {
    let server = Server::start(&[]);
    let url = server.create("devlab");
    let store = open(&url).await;
    // Names that are taken are refused by rule or by the database, and spoil nobody else's unit.
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let unit = move |tx: &mut dyn devlab_core::tx::Tx| {
                tx.effect(Effect::Ready(org(number % 20).id, Labels::default()));
                tx.insert_org(&org(number % 20))
            };
            store.write(unit).await.is_ok()
        });
    }
    let mut made = 0;
    while let Some(written) = writers.join_next().await {
        made += u32::from(written.unwrap());
    }
    assert_eq!(made, 20);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_could_not_listen_for_a_while_is_told_that_something_was_missed() {
    let server = Server::start(&[]);
    let url = server.create("devlab");
    let (store, mut heard) = told(&url).await;
    const LISTENER: &str = "SELECT pid FROM pg_stat_activity \
        WHERE application_name = 'devlab listener'";
    let first = server.sql("devlab", LISTENER);
    server.sql("devlab", &format!("SELECT pg_terminate_backend({first})"));
    hears(&mut heard, &Effect::Missed).await;
    assert_eq!(count(&store).await.unwrap(), 1);
    store.close().await.unwrap();
}

/// Their own connections held, so nothing else tells them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_told_what_may_have_been_lost_on_a_connection_that_was_cut() {
    let server = Server::start(&[]);
    let url = server.create("devlab");
    let (cut, _) = told(&url).await;
    const LISTENER: &str = "SELECT pid FROM pg_stat_activity \
        WHERE application_name = 'devlab listener'";
    let listener = server.sql("devlab", LISTENER);
    let (other, mut heard) = told(&url).await;
    server.sql(
        "devlab",
        &format!("SELECT pg_terminate_backend({listener})"),
    );
    hears(&mut heard, &Effect::Missed).await;
    cut.close().await.unwrap();
    other.close().await.unwrap();
}
