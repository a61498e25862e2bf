//! What every [`Store`] has to do, as tests that any implementation can run.
//!
//! An implementation gives a function that makes an empty store from a [`Setup`] and calls
//! [`run_all`], or runs the [`CASES`] one by one.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests, compiled as a library so that several implementations share them"
)]

mod accounts;
mod bytes;
pub mod dump;
mod fixtures;
pub mod gateway;
pub mod history;
mod lists;
mod logs;
mod plans;
mod policies;
pub mod postgres;
mod provenance;
mod queues;
pub mod sample;
mod servers;
mod tasks;
mod templates;
mod transactions;
mod work;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use devlab_core::tx::Effect;
use devlab_core::{Clock, Timestamp};
use futures::future::BoxFuture;

use crate::{EffectSink, Store};

/// What a store is made with.
#[derive(Clone)]
pub struct Setup {
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its effect sink.
    pub effects: EffectSink,
}

/// A clock that a case moves by hand. Its monotonic time stands still.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// Sets the wall clock, in milliseconds since the Unix epoch.
    pub fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// An empty store, its clock, and the effects it has reported.
pub struct Lab {
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// Its clock; begins at 1.8 × 10⁹ seconds after the Unix epoch.
    pub clock: Arc<HandClock>,
    /// Effects, in the order they came.
    pub effects: Arc<Mutex<Vec<Effect>>>,
}

/// One case.
pub type Case = fn(Lab) -> BoxFuture<'static, ()>;

/// All cases by name.
pub const CASES: &[(&str, Case)] = &[
    ("orgs_and_projects", |lab| {
        Box::pin(accounts::orgs_and_projects(lab))
    }),
    ("branch_heads", |lab| Box::pin(accounts::branch_heads(lab))),
    ("tokens", |lab| Box::pin(accounts::tokens(lab))),
    ("remembered_answers", |lab| {
        Box::pin(accounts::remembered_answers(lab))
    }),
    ("servers", |lab| Box::pin(servers::servers(lab))),
    ("loops", |lab| Box::pin(servers::loops(lab))),
    ("settings", |lab| Box::pin(accounts::settings(lab))),
    ("event_stream", |lab| Box::pin(accounts::event_stream(lab))),
    ("audit_log", |lab| Box::pin(accounts::audit_log(lab))),
    ("task_round_trip", |lab| Box::pin(tasks::round_trip(lab))),
    ("task_specs", |lab| Box::pin(tasks::specs(lab))),
    ("tasks_held", |lab| Box::pin(tasks::held(lab))),
    ("tasks_touching", |lab| Box::pin(tasks::touching(lab))),
    ("task_graph", |lab| Box::pin(tasks::graph(lab))),
    ("task_edges_below", |lab| Box::pin(tasks::edges_below(lab))),
    ("task_feedback", |lab| Box::pin(tasks::feedback(lab))),
    ("plans", |lab| Box::pin(plans::revisions(lab))),
    ("policies", |lab| Box::pin(policies::policies(lab))),
    ("terms", |lab| Box::pin(policies::terms(lab))),
    ("limits", |lab| Box::pin(policies::limits(lab))),
    ("asks", |lab| Box::pin(policies::asks(lab))),
    ("templates", |lab| Box::pin(templates::templates(lab))),
    ("firings", |lab| Box::pin(templates::firings(lab))),
    ("check_sets", |lab| Box::pin(tasks::check_sets(lab))),
    ("startable", |lab| Box::pin(tasks::startable(lab))),
    ("list_filters", |lab| Box::pin(lists::filters(lab))),
    ("list_pages", |lab| Box::pin(lists::pages(lab))),
    ("list_searches", |lab| Box::pin(lists::searches(lab))),
    ("task_counts", |lab| Box::pin(lists::counts(lab))),
    ("queue_order", |lab| Box::pin(queues::order(lab))),
    ("queue_heads", |lab| Box::pin(queues::heads(lab))),
    ("queue_lanes", |lab| Box::pin(queues::lanes(lab))),
    ("queue_limit", |lab| Box::pin(queues::limit(lab))),
    ("due", |lab| Box::pin(queues::due(lab))),
    ("attempts", |lab| Box::pin(work::attempts(lab))),
    ("leases", |lab| Box::pin(work::leases(lab))),
    ("agents", |lab| Box::pin(work::agents(lab))),
    ("trains", |lab| Box::pin(work::trains(lab))),
    ("candidates", |lab| Box::pin(work::candidates(lab))),
    ("receipts", |lab| Box::pin(work::receipts(lab))),
    ("patches", |lab| Box::pin(work::patches(lab))),
    ("org_keys", |lab| Box::pin(provenance::keys(lab))),
    ("unattested", |lab| Box::pin(provenance::unattested(lab))),
    ("refused_units_leave_nothing", |lab| {
        Box::pin(transactions::refused_units_leave_nothing(lab))
    }),
    ("failed_units_leave_nothing", |lab| {
        Box::pin(transactions::failed_units_leave_nothing(lab))
    }),
    ("panics_are_contained", |lab| {
        Box::pin(transactions::panics_are_contained(lab))
    }),
    ("effects_follow_commits", |lab| {
        Box::pin(transactions::effects_follow_commits(lab))
    }),
    ("no_update_is_lost", |lab| {
        Box::pin(transactions::no_update_is_lost(lab))
    }),
    ("readers_see_whole_commits", |lab| {
        Box::pin(transactions::readers_see_whole_commits(lab))
    }),
    ("closed_stores_say_so", |lab| {
        Box::pin(transactions::closed_stores_say_so(lab))
    }),
    ("description", |lab| {
        Box::pin(transactions::description(lab))
    }),
    ("dump_round_trip", |lab| Box::pin(dump::round_trip(lab))),
    ("dump_of_an_org", |lab| Box::pin(dump::org(lab))),
    ("import_of_an_org", |lab| Box::pin(dump::import(lab))),
    ("foreign_rows", |lab| Box::pin(dump::foreign_rows(lab))),
    ("bad_records", |lab| Box::pin(dump::bad_records(lab))),
    ("sinks_may_fail", |lab| Box::pin(dump::sinks_may_fail(lab))),
    ("log_append", |lab| Box::pin(logs::append(lab))),
    ("log_ranges", |lab| Box::pin(logs::ranges(lab))),
    ("log_concurrency", |lab| Box::pin(logs::concurrency(lab))),
    ("log_settling", |lab| Box::pin(logs::settling(lab))),
    ("kept_logs", |lab| Box::pin(bytes::kept_logs(lab))),
    ("artifacts", |lab| Box::pin(bytes::artifacts(lab))),
    ("blob_marks", |lab| Box::pin(bytes::blob_marks(lab))),
    ("retired_goals", |lab| Box::pin(bytes::retired_goals(lab))),
];

/// Runs one case on a store that `make` gives.
pub async fn run<M, F>(case: Case, make: M)
where
    M: FnOnce(Setup) -> F,
    F: Future<Output = Arc<dyn Store>>,
{
    let clock = Arc::new(HandClock(AtomicI64::new(fixtures::NOW)));
    let effects = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&effects);
    let setup = Setup {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        effects: Arc::new(move |new: &[Effect]| seen.lock().unwrap().extend_from_slice(new)),
    };
    let store = make(setup).await;
    case(Lab {
        store,
        clock,
        effects,
    })
    .await;
}

/// Runs all cases, each on a store of its own.
pub async fn run_all<M, F>(make: M)
where
    M: Fn(Setup) -> F,
    F: Future<Output = Arc<dyn Store>>,
{
    for (name, case) in CASES {
        tracing::info!(name, "conformance case");
        run(*case, &make).await;
    }
}
