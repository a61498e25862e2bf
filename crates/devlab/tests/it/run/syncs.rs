//! `devlab project sync` when what landed and what the person did do not go together.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use super::{checkout, error};
use crate::bench::{Bench, Ended};

/// What a lab answers to a sync that no agent of its can merge.
const PROBLEM: &str = r#"{"type":"/docs#problem-conflict","status":409,"code":"conflict",
"title":"Conflict","detail":"it conflicts in README","help":"-","request_id":"req_1"}"#;

/// A way to the real lab on which every sync is refused, and everything else goes through. Returns
/// its address.
fn refusing(lab: &str) -> String {
    let lab = lab.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lab = lab.clone();
            // One that goes away early has no answer to wait for.
            std::thread::spawn(move || serve(stream, &lab).ok());
        }
    });
    url
}

/// Serves one request: the other side is asked to close the connection after it.
fn serve(mut stream: TcpStream, lab: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = Vec::new();
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        let small = line.to_ascii_lowercase();
        if let Some(length) = small.strip_prefix("content-length:") {
            body_bytes = length.trim().parse().unwrap();
        }
        if !small.starts_with("connection:") {
            head.push(line);
        }
    }
    if head.first().is_some_and(|first| first.contains("/sync ")) {
        reader.read_exact(&mut vec![0; body_bytes])?;
        let length = PROBLEM.len();
        return write!(
            stream,
            "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{PROBLEM}"
        );
    }
    let mut up = TcpStream::connect(lab)?;
    write!(up, "{}connection: close\r\n\r\n", head.concat())?;
    let mut down = up.try_clone()?;
    std::thread::spawn(move || std::io::copy(&mut reader, &mut up).ok());
    std::io::copy(&mut down, &mut stream)?;
    stream.shutdown(std::net::Shutdown::Both)
}

/// `devlab` by that way.
fn by(bench: &Bench, folder: &Path, url: &str, token: &str, args: &[&str]) -> Ended {
    let mut command = bench.devlab(args);
    let command = command.current_dir(folder).env("DEVLAB_URL", url);
    Ended::of_command(command.env("DEVLAB_TOKEN", token))
}

#[test]
fn commits_that_conflict_can_be_merged_by_hand_and_go_in() {
    let bench = Bench::new();
    let folder = checkout(&bench);
    let theirs = "echo hello theirs > README";
    bench
        .run_in(&folder, &["run", "Theirs", "--", "sh", "-c", theirs])
        .ok();
    std::fs::write(folder.join("README"), "hello mine\n").unwrap();
    bench.commit(&folder, "mine");
    let bytes = std::fs::read(bench.home().join("credentials.json")).unwrap();
    let credentials: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let url = refusing(credentials["url"].as_str().unwrap());
    let token = credentials["token"].as_str().unwrap();

    let refused = by(&bench, &folder, &url, token, &["project", "sync"]).fails_with(1);
    let last = error(&refused);
    assert!(last.contains("it conflicts in README"), "{refused:#?}");
    assert!(last.contains("git merge devlab/main"), "{refused:#?}");
    assert!(last.contains("`devlab project sync` again"), "{refused:#?}");
    let landed = bench.git(&folder, &["show", "refs/remotes/devlab/main:README"]);
    assert_eq!(landed, "hello theirs");
    // A run needs the same commits: it says where to begin, and schedules nothing.
    let run = by(&bench, &folder, &url, token, &["run", "More", "--", "true"]).fails_with(1);
    assert!(run.err.contains("it conflicts in README"), "{run:#?}");
    assert!(run.err.contains("`devlab project sync`"), "{run:#?}");

    // As the error says: merge, resolve, commit, sync again.
    bench.git(&folder, &["merge", "--quiet", "-s", "ours", "devlab/main"]);
    bench.run_in(&folder, &["project", "sync"]).ok();
    let head = bench.git(&folder, &["rev-parse", "HEAD"]);
    let there = bench.git(&folder, &["rev-parse", "refs/remotes/devlab/main"]);
    assert_eq!(there, head);
}
