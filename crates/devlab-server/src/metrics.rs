//! Counters for Prometheus.
//!
//! `prometheus-client` because its counters are plain atomics behind handles that are looked up
//! once, when the routes are made; a request pays for an increment and nothing else.
//!
//! Hook points: the guard counts requests by itself; the claim handler adds to [`Metrics::claims`];
//! whoever serves `/metrics` sets the gauges from the store just before [`Metrics::render`].

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Media type of [`Metrics::render`].
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// 0.5 ms to about 16 s.
const LATENCY_BUCKETS: (f64, f64, u16) = (0.000_5, 2.0, 16);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: String,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResponseLabels {
    method: String,
    route: String,
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoopLabels {
    name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    outcome: &'static str,
}

/// The server's counters.
pub struct Metrics {
    registry: Registry,
    requests: Family<ResponseLabels, Counter>,
    latency: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// Attempts claimed.
    pub claims: Counter,
    /// Entries of the ready queues.
    pub queue_len: Gauge<u64, AtomicU64>,
    /// Attempts whose lease runs.
    pub live_attempts: Gauge<u64, AtomicU64>,
    tasks: Family<StateLabels, Gauge<u64, AtomicU64>>,
    loop_runs: Family<LoopLabels, Gauge<u64, AtomicU64>>,
    loop_done: Family<LoopLabels, Gauge<u64, AtomicU64>>,
    loop_failures: Family<LoopLabels, Gauge<u64, AtomicU64>>,
    loop_last_run: Family<LoopLabels, Gauge>,
    blob_calls: Family<CallLabels, Gauge<u64, AtomicU64>>,
    writer: WriterMetrics,
}

/// What the store's writer says of itself.
#[derive(Default)]
struct WriterMetrics {
    batches: Gauge<u64, AtomicU64>,
    units: Gauge<u64, AtomicU64>,
    waiting: Gauge<u64, AtomicU64>,
    turn_waited: Gauge<f64, AtomicU64>,
    turn_waits: Gauge<f64, AtomicU64>,
}

impl WriterMetrics {
    fn register(&self, registry: &mut Registry) {
        let counts = [
            (
                "store_batches",
                "Commits of this process since the start",
                &self.batches,
            ),
            ("store_units", "Units of work in them", &self.units),
            (
                "store_units_waiting",
                "Units of work that wait for the next commit",
                &self.waiting,
            ),
        ];
        for (name, help, gauge) in counts {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "store_turn_waited_seconds",
            "How long commits have waited for those of other processes, all together",
            self.turn_waited.clone(),
        );
        registry.register(
            "store_turn_stalled_seconds",
            "How long the commit at hand has been waiting for those of other processes",
            self.turn_waits.clone(),
        );
    }
}

/// The counters of one route.
pub(crate) struct RouteMetrics {
    classes: [Counter; 5],
    latency: Histogram,
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

fn latency_histogram() -> Histogram {
    let (first, factor, count) = LATENCY_BUCKETS;
    Histogram::new(exponential_buckets(first, factor, count))
}

impl Metrics {
    /// All counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut new = Self {
            registry: Registry::with_prefix("devlab"),
            requests: Family::default(),
            latency: Family::new_with_constructor(latency_histogram),
            claims: Counter::default(),
            queue_len: Gauge::default(),
            live_attempts: Gauge::default(),
            tasks: Family::default(),
            loop_runs: Family::default(),
            loop_done: Family::default(),
            loop_failures: Family::default(),
            loop_last_run: Family::default(),
            blob_calls: Family::default(),
            writer: WriterMetrics::default(),
        };
        new.register();
        new
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "http_requests",
            "Requests by route and class of status",
            self.requests.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time from a request's head to its answer's head, long polls included",
            self.latency.clone(),
        );
        registry.register("claims", "Attempts claimed", self.claims.clone());
        registry.register(
            "queue_entries",
            "Work that is ready to be claimed",
            self.queue_len.clone(),
        );
        registry.register(
            "live_attempts",
            "Attempts whose lease runs",
            self.live_attempts.clone(),
        );
        registry.register("tasks", "Tasks by state", self.tasks.clone());
        let loops = [
            ("loop_runs", "Runs of a background loop", &self.loop_runs),
            (
                "loop_done",
                "Things a background loop has done",
                &self.loop_done,
            ),
            (
                "loop_failures",
                "Runs of a background loop that failed",
                &self.loop_failures,
            ),
        ];
        for (name, help, family) in loops {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "loop_last_run_timestamp_seconds",
            "When a background loop last ran",
            self.loop_last_run.clone(),
        );
        registry.register(
            "blob_calls",
            "Calls of the place of blobs since the start, by how they went",
            self.blob_calls.clone(),
        );
        self.writer.register(registry);
    }

    /// Sets how many tasks are in a state.
    pub fn set_tasks(&self, state: devlab_core::state::StateName, count: u64) {
        let state = state.as_str();
        self.tasks.get_or_create(&StateLabels { state }).set(count);
    }

    /// Sets what the background loops did.
    pub fn set_loops(&self, reports: &[devlab_orchestrator::LoopReport]) {
        for report in reports {
            let labels = LoopLabels { name: report.name };
            self.loop_runs.get_or_create(&labels).set(report.runs);
            self.loop_done.get_or_create(&labels).set(report.done);
            self.loop_failures
                .get_or_create(&labels)
                .set(report.failures);
            self.loop_last_run
                .get_or_create(&labels)
                .set(report.at.as_secs());
        }
    }

    /// Sets how the place of blobs has done: calls that went well, and that failed.
    pub fn set_blobs(&self, good: u64, failed: u64) {
        for (outcome, count) in [("good", good), ("failed", failed)] {
            let labels = CallLabels { outcome };
            self.blob_calls.get_or_create(&labels).set(count);
        }
    }

    /// Sets what the store's writer says of itself.
    pub fn set_writer(&self, report: &devlab_orchestrator::WriterReport) {
        self.writer.batches.set(report.batches);
        self.writer.units.set(report.units);
        self.writer.waiting.set(report.waiting);
        self.writer
            .turn_waited
            .set(report.turn_waited.as_secs_f64());
        self.writer.turn_waits.set(report.turn_waits.as_secs_f64());
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail; what was written until then would still be shown.
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics could not be written");
        }
        text
    }

    pub(crate) fn route(&self, method: &str, route: &str) -> RouteMetrics {
        let (method, route) = (method.to_owned(), route.to_owned());
        RouteMetrics {
            classes: CLASSES.map(|class| {
                let labels = ResponseLabels {
                    method: method.clone(),
                    route: route.clone(),
                    class,
                };
                self.requests.get_or_create(&labels).clone()
            }),
            latency: self
                .latency
                .get_or_create(&RouteLabels { method, route })
                .clone(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl RouteMetrics {
    pub(crate) fn observe(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len());
        self.classes[class - 1].inc();
        self.latency.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_rendered() {
        let metrics = Metrics::new();
        let route = metrics.route("POST", "/tasks/claim");
        route.observe(StatusCode::OK, Duration::from_millis(3));
        route.observe(StatusCode::CONFLICT, Duration::from_millis(3));
        metrics.claims.inc();
        metrics.queue_len.set(7);
        metrics.set_tasks(devlab_core::state::StateName::Ready, 2);
        metrics.set_blobs(5, 1);
        metrics.set_writer(&devlab_orchestrator::WriterReport {
            batches: 3,
            turn_waits: Duration::from_millis(1_500),
            ..devlab_orchestrator::WriterReport::default()
        });
        let text = metrics.render();
        for line in [
            r#"devlab_http_requests_total{method="POST",route="/tasks/claim",class="2xx"} 1"#,
            r#"devlab_http_requests_total{method="POST",route="/tasks/claim",class="4xx"} 1"#,
            r#"devlab_http_request_seconds_count{method="POST",route="/tasks/claim"} 2"#,
            "devlab_claims_total 1",
            "devlab_queue_entries 7",
            r#"devlab_tasks{state="ready"} 2"#,
            r#"devlab_blob_calls{outcome="failed"} 1"#,
            "devlab_store_batches 3",
            "devlab_store_turn_stalled_seconds 1.5",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
