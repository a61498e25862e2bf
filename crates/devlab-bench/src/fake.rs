//! A server that keeps tasks in memory and does just enough for a load: it shows that the scenarios
//! end, count rightly, and notice a server that loses work.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use clap::Parser;
use devlab_api::task::Schedule;
use devlab_api::words::{AgentId, AttemptId, OrgId, TaskId, Timestamp, TokenId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::Args;
use crate::report::Report;
use crate::scenarios::run_all;

/// What a fake server does wrong.
#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    /// Leaves this event out of every stream.
    hide_event: Option<u64>,
    /// Sends this event twice on every stream.
    double_event: Option<u64>,
    /// Acknowledges the completion of every n-th task without doing it.
    forget_every: Option<u128>,
}

#[derive(Default)]
struct State {
    /// Counts ids.
    ids: u128,
    /// Title and state.
    tasks: BTreeMap<TaskId, (String, &'static str)>,
    dependents: HashMap<TaskId, Vec<TaskId>>,
    ready: VecDeque<TaskId>,
    events: u64,
}

impl State {
    fn number(&mut self) -> u128 {
        self.ids += 1;
        // An id keeps its version and variant in the first three of its random bytes.
        self.ids << 24
    }

    fn add(&mut self, title: &str, blocked: bool) -> TaskId {
        let id = TaskId::new(Timestamp::from_millis(0), self.number());
        let state = if blocked { "blocked" } else { "ready" };
        self.tasks.insert(id, (title.to_owned(), state));
        self.events += 1;
        if !blocked {
            self.ready.push_back(id);
        }
        id
    }

    fn set(&mut self, task: TaskId, state: &'static str) {
        self.tasks.get_mut(&task).unwrap().1 = state;
        self.events += 1;
        if state == "ready" {
            self.ready.push_back(task);
        }
    }
}

struct Fake {
    state: Mutex<State>,
    changed: Notify,
    faults: Faults,
}

struct Request {
    method: String,
    path: String,
    query: HashMap<String, String>,
    last_event_id: Option<u64>,
    body: Vec<u8>,
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn answer(&self, request: &Request) -> Option<Value> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let route = format!("{} {}", request.method, request.path);
        Some(match route.as_str() {
            "GET /v1/ready" => json!({"status": "ok"}),
            "GET /v1/peers" => {
                json!({"items": [{
                    "id": "srv_00000000000000000000000001", "name": "fake", "version": "0.0.0",
                    "roles": [], "started_at": Timestamp::from_millis(0), "there": true,
                    "this": true,
                }]})
            }
            "GET /v1/store" => json!({"settings": {"journal_mode": "none", "synchronous": 0}}),
            "POST /v1/orgs" => json!({
                "id": OrgId::new(Timestamp::from_millis(0), self.state().number()),
                "name": body["name"], "created_at": Timestamp::from_millis(0),
            }),
            "POST /v1/tokens" => self.token(&body),
            "POST /v1/agents" => {
                json!({"id": AgentId::new(Timestamp::from_millis(0), self.state().number())})
            }
            "POST /v1/tasks" => {
                let id = self.state().add(body["title"].as_str().unwrap(), false);
                self.changed.notify_waiters();
                json!({"id": id})
            }
            "POST /v1/schedule" => self.schedule(body),
            "POST /v1/tasks/claim" => return self.claim(&body).await,
            "POST /v1/tasks/update" => self.complete(&body),
            "GET /v1/tasks" => self.list(&request.query["state"]),
            "GET /v1/events" => self.events(request.query["after"].parse().unwrap()),
            _ => panic!("the fake has no {route}"),
        })
    }

    fn token(&self, body: &Value) -> Value {
        json!({"secret": format!("{}-secret", body["role"].as_str().unwrap()), "token": {
            "id": TokenId::new(Timestamp::from_millis(0), self.state().number()),
            "role": body["role"], "note": "", "created_at": Timestamp::from_millis(0),
        }})
    }

    fn schedule(&self, body: Value) -> Value {
        let schedule: Schedule = serde_json::from_value(body).unwrap();
        let mut state = self.state();
        let mut ids = BTreeMap::new();
        for task in &schedule.tasks {
            let id = state.add(&task.title, !task.depends_on.is_empty());
            for key in &task.depends_on {
                state.dependents.entry(ids[key]).or_default().push(id);
            }
            ids.insert(task.key.clone(), id);
        }
        let goal = TaskId::new(Timestamp::from_millis(0), state.number());
        self.changed.notify_waiters();
        json!({"goal": goal, "tasks": ids})
    }

    async fn claim(&self, body: &Value) -> Option<Value> {
        let wait = Duration::from_secs(body["wait_secs"].as_u64().unwrap());
        let found = async {
            loop {
                let changed = self.changed.notified();
                if let Some(task) = self.take() {
                    return task;
                }
                changed.await;
            }
        };
        if wait.is_zero() {
            return self.take();
        }
        timeout(wait, found).await.ok()
    }

    fn take(&self) -> Option<Value> {
        let mut state = self.state();
        let task = state.ready.pop_front()?;
        state.set(task, "running");
        let attempt = AttemptId::new(Timestamp::from_millis(0), state.number());
        Some(json!({"task": task, "attempt": attempt, "title": state.tasks[&task].0}))
    }

    fn complete(&self, body: &Value) -> Value {
        assert!(body["complete"]["delivered"].is_object(), "{body}");
        let task: TaskId = body["task"].as_str().unwrap().parse().unwrap();
        let forgotten = |every| task.uuid().as_u128().is_multiple_of(every);
        let mut state = self.state();
        if !self.faults.forget_every.is_some_and(forgotten) {
            state.set(task, "done");
            for dependent in state.dependents.remove(&task).unwrap_or_default() {
                state.set(dependent, "ready");
            }
        }
        self.changed.notify_waiters();
        json!({"lease_ms": 0, "state": "done"})
    }

    fn list(&self, wanted: &str) -> Value {
        let state = self.state();
        let found = state.tasks.iter().find(|(_, (_, state))| *state == wanted);
        let items: Vec<Value> = found
            .map(|(id, (title, state))| {
                json!({
                    "id": id, "org": OrgId::new(Timestamp::from_millis(0), 1), "goal_id": id,
                    "kind": "leaf", "title": title, "state": state, "unmet": 0, "priority": 0,
                    "path": 1, "labels": [], "attempts": 1, "open_children": 0, "review": false,
                    "proof": "unproven", "archived": false,
                    "tries": serde_json::to_value(devlab_api::words::Tries::default()).unwrap(),
                    "created_at": Timestamp::from_millis(0),
                    "updated_at": Timestamp::from_millis(0),
                })
            })
            .into_iter()
            .collect();
        json!({"items": items})
    }

    fn events(&self, after: u64) -> Value {
        let last = self.state().events.min(after + 500);
        let items: Vec<Value> = (after + 1..=last)
            .map(|seq| {
                json!({
                    "seq": seq, "at": Timestamp::from_millis(0), "kind": "task.state",
                    "org": OrgId::new(Timestamp::from_millis(0), 1), "data": {},
                })
            })
            .collect();
        json!({"items": items})
    }

    /// Sends events for ever.
    async fn stream(&self, socket: &mut TcpStream, mut after: u64) -> std::io::Result<()> {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        socket.write_all(head.as_bytes()).await?;
        loop {
            let changed = self.changed.notified();
            let last = self.state().events;
            let mut text = String::new();
            for seq in after + 1..=last {
                let times = match seq {
                    _ if self.faults.hide_event == Some(seq) => 0,
                    _ if self.faults.double_event == Some(seq) => 2,
                    _ => 1,
                };
                let frame = format!("id: {seq}\nevent: task.state\ndata: {{}}\n\n");
                text.push_str(&frame.repeat(times));
            }
            if !text.is_empty() {
                let chunk = format!("{:x}\r\n{text}\r\n", text.len());
                socket.write_all(chunk.as_bytes()).await?;
            }
            after = last;
            if self.state().events == last {
                changed.await;
            }
        }
    }

    async fn serve(self: Arc<Self>, mut socket: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(request) = read_request(&mut socket, &mut buffer).await {
            if request.path == "/v1/events/stream" {
                let after = request.query["after"].parse().unwrap();
                let last = request.last_event_id.unwrap_or(after);
                // The subscriber went away: that is how it ends.
                self.stream(&mut socket, last).await.unwrap_err();
                return;
            }
            let text = match self.answer(&request).await {
                None => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
                Some(value) => {
                    let body = value.to_string();
                    format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    )
                }
            };
            if socket.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn read_request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    assert!(header("authorization").is_some(), "{head}");
    let length = header("content-length").map_or(0, |text| text.parse().unwrap());
    while buffer.len() < end + length {
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Some(Request {
        method,
        path: path.to_owned(),
        query,
        last_event_id: header("last-event-id").map(|text| text.parse().unwrap()),
        body,
    })
}

async fn accept(listener: TcpListener, faults: Faults) {
    let fake = Arc::new(Fake {
        state: Mutex::default(),
        changed: Notify::new(),
        faults,
    });
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        connections.spawn(Arc::clone(&fake).serve(socket));
    }
}

/// Runs the program's arguments against a fake server.
async fn bench(faults: Faults, words: &str) -> anyhow::Result<Report> {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(accept(listener, faults));
    let dir = dir.path().to_str().unwrap();
    let all = format!(
        "devlab-bench {words} --runs 1 --warmup 0 --seconds 1 --url {url} --token t --dir {dir}"
    );
    run_all(&Args::parse_from(all.split(' '))).await
}

async fn median(words: &str) -> crate::stats::Metrics {
    let report = bench(Faults::default(), words).await.unwrap();
    assert_eq!(report.settings["journal_mode"], "none");
    assert_eq!(report.server, "0.0.0");
    report.results.into_iter().next().unwrap().median
}

#[tokio::test]
async fn dispatch_counts_lifecycles() {
    let metrics = median("dispatch --agents 8 --creators 4 --in-flight 16").await;
    assert!(metrics["lifecycles_per_s"] > 10.0, "{metrics:?}");
    assert!(metrics["create_count"] > 10.0, "{metrics:?}");
}

#[tokio::test]
async fn an_offered_dispatch_offers_its_rate() {
    let metrics = median("dispatch --agents 8 --creators 4 --offered 50").await;
    assert_eq!(metrics["held_after_send_count"], 50.0);
    assert!(metrics["held_after_send_p50_ms"] > 0.0);
}

#[tokio::test]
async fn three_step_counts_whole_chains() {
    let metrics = median("three-step --agents 8 --creators 4 --in-flight 8").await;
    assert!(metrics["chains_per_s"] > 5.0, "{metrics:?}");
    let metrics = median("three-step --agents 8 --creators 4 --offered 40").await;
    assert_eq!(metrics["chain_count"], 40.0);
}

#[tokio::test]
async fn ready_scan_compares_backlogs() {
    let metrics = median("ready-scan --few 10 --many 10100 --claims 40").await;
    assert_eq!(metrics["claim_many_other_count"], 40.0);
    assert!(metrics["claim_p50_ratio_matching"] > 0.0);
}

#[tokio::test]
async fn subscribers_of_a_good_server_miss_nothing() {
    let metrics = median("stream --subscribers 5 --offered 50").await;
    assert_eq!(metrics["tasks"], 50.0);
    assert_eq!(metrics["events_listed"], 150.0);
    assert_eq!(
        (metrics["events_missed"], metrics["events_doubled"]),
        (0.0, 0.0)
    );
}

#[tokio::test]
async fn gaps_and_doubles_of_a_bad_server_are_found() {
    let faults = Faults {
        hide_event: Some(70),
        double_event: Some(90),
        forget_every: None,
    };
    let report = bench(faults, "stream --subscribers 5 --offered 50")
        .await
        .unwrap();
    let outcome = &report.results[0];
    assert_eq!(outcome.median["events_missed"], 5.0);
    assert_eq!(outcome.median["events_doubled"], 5.0);
    assert!(!report.all_met());
}

#[tokio::test]
async fn a_server_that_forgets_work_gets_no_number() {
    let faults = Faults {
        forget_every: Some(7),
        ..Faults::default()
    };
    let error = bench(faults, "dispatch --agents 8 --creators 4 --in-flight 16").await;
    let text = format!("{:#}", error.unwrap_err());
    assert!(text.contains("is running"), "{text}");
}
