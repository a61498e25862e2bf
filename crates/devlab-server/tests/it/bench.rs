//! What the machinery itself costs: `cargo test --release -p devlab-server -- --ignored bench`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fixture::{SOON, WAITING, server};

const CONNECTIONS: usize = 32;
const RUN: Duration = Duration::from_secs(3);

/// The CPU time of this process so far, in seconds: client and server together.
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks = |i: usize| fields[i].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; needs a release build and a quiet machine"]
async fn bench_small_authenticated_posts() {
    let server = server().await;
    let body = r#"{"text":"abc","sizes":[1,2,3]}"#;
    let request = format!(
        "POST /v1/notes HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer operator\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut clients = tokio::task::JoinSet::new();
    let (start, cpu) = (tokio::time::Instant::now(), cpu_secs());
    for _ in 0..CONNECTIONS {
        let (mut stream, request) = (server.connect().await, request.clone());
        clients.spawn(async move {
            stream.set_nodelay(true).unwrap();
            let (mut count, mut buffer) = (0_u64, [0; 2048]);
            while start.elapsed() < RUN {
                stream.write_all(request.as_bytes()).await.unwrap();
                let len = stream.read(&mut buffer).await.unwrap();
                assert!(buffer[..len].starts_with(b"HTTP/1.1 200"));
                count += 1;
            }
            count
        });
    }
    let total: u64 = clients.join_all().await.into_iter().sum();
    let (took, cpu) = (start.elapsed().as_secs_f64(), cpu_secs() - cpu);
    println!(
        "{:.0} requests/s, {:.1} µs of CPU each (client included)",
        total as f64 / took,
        cpu / total as f64 * 1e6
    );
    assert!(total > 0);
}

/// Resident memory of this process, in kB.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; needs a release build and a quiet machine"]
async fn bench_a_thousand_waiting_agents() {
    const AGENTS: u64 = 1_000;
    let server = server().await;
    let body = r#"{"text":"abc"}"#;
    let request = format!(
        "POST /v1/wait HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer agent\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let before = resident_kb();
    let mut streams = Vec::new();
    for _ in 0..AGENTS {
        let mut stream = server.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let all = async {
        while WAITING.load(Ordering::SeqCst) < AGENTS {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, all).await.unwrap();
    let cost = resident_kb() - before;
    println!("{cost} kB for {AGENTS} waiting agents, their clients included");
    assert!(cost < 60_000, "{cost} kB");
}
