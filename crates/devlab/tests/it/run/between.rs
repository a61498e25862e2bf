//! Something between `devlab` and its lab that changes one kind of answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::bench::Bench;

/// What a lab answers to a sync that no agent of its can merge.
const PROBLEM: &str = r#"{"type":"/docs#problem-conflict","status":409,"code":"conflict",
"title":"Conflict","detail":"it conflicts in README","help":"-","request_id":"req_1"}"#;
/// Why a task is not taken.
const STUCK: &str = r#"{"stuck":"no agent can take it","#;

/// Which answer it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    /// Every sync is refused.
    RefusedSync,
    /// Every task that is ready says why nobody takes it, if the lab does not say so itself.
    NobodyTakes,
}

/// A way to the real lab; everything else goes through.
pub(super) struct Between {
    url: String,
    token: String,
}

impl Between {
    /// A way to the lab that runs on this bench. It ends with the test.
    pub(super) fn new(bench: &Bench, twist: Twist) -> Self {
        let bytes = std::fs::read(bench.home().join("credentials.json")).unwrap();
        let credentials: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let field = |name: &str| credentials[name].as_str().unwrap().to_owned();
        let lab = field("url").strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let lab = lab.clone();
                // One that goes away early has no answer to wait for.
                std::thread::spawn(move || serve(stream, &lab, twist).ok());
            }
        });
        let token = field("token");
        Self { url, token }
    }

    /// `devlab` by this way.
    pub(super) fn devlab(&self, bench: &Bench, folder: &Path, args: &[&str]) -> Command {
        let mut command = bench.devlab(args);
        command
            .current_dir(folder)
            .env("DEVLAB_URL", &self.url)
            .env("DEVLAB_TOKEN", &self.token);
        command
    }
}

/// The lines before a body, without that of the connection, and the length of the body.
fn head(reader: &mut impl BufRead) -> std::io::Result<(Vec<String>, usize)> {
    let mut lines = Vec::new();
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            return Ok((lines, body_bytes));
        }
        let small = line.to_ascii_lowercase();
        if let Some(length) = small.strip_prefix("content-length:") {
            body_bytes = length.trim().parse().unwrap();
        }
        if !small.starts_with("connection:") {
            lines.push(line);
        }
    }
}

/// Serves one request: the lab is asked to close the connection after it.
fn serve(mut stream: TcpStream, lab: &str, twist: Twist) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (request, body_bytes) = head(&mut reader)?;
    let first = request.first().map_or("", String::as_str);
    if twist == Twist::RefusedSync && first.contains("/sync ") {
        reader.read_exact(&mut vec![0; body_bytes])?;
        return answer(&mut stream, "409 Conflict", PROBLEM);
    }
    let is_task = first.starts_with("GET ") && first.contains("/tasks/task_");
    let mut up = TcpStream::connect(lab)?;
    write!(up, "{}connection: close\r\n\r\n", request.concat())?;
    let mut down = up.try_clone()?;
    if twist == Twist::NobodyTakes && is_task {
        let mut down = BufReader::new(down);
        let (_, body_bytes) = head(&mut down)?;
        let mut body = vec![0; body_bytes];
        down.read_exact(&mut body)?;
        let mut body = String::from_utf8(body).unwrap();
        if body.contains(r#""state":"ready""#) && !body.contains(r#""stuck":"#) {
            body = body.replacen('{', STUCK, 1);
        }
        return answer(&mut stream, "200 OK", &body);
    }
    std::thread::spawn(move || std::io::copy(&mut reader, &mut up).ok());
    std::io::copy(&mut down, &mut stream)?;
    stream.shutdown(Shutdown::Both)
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}
