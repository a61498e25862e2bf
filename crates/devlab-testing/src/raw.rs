//! HTTP as bytes: for requests that no proper client sends, and answers that are compared byte for
//! byte.

use std::net::SocketAddr;

use devlab_api::problem::{PROBLEM_JSON, Problem};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::PATIENCE;

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request for a target, such as `/v1/tasks?limit=1`.
    #[must_use]
    pub fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// `GET`.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// `POST` with JSON.
    #[must_use]
    pub fn post(target: impl Into<String>, body: &Value) -> Self {
        Self::new("POST", target).json(body)
    }

    /// With a header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a token.
    #[must_use]
    pub fn token(self, secret: &str) -> Self {
        self.header("authorization", format!("Bearer {secret}"))
    }

    /// With a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// With a body of bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes on the wire. The server is asked to close afterwards.
    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            head.push_str("host: localhost\r\n");
        }
        head.push_str("connection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PATCH" | "PUT") {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own == name)
    }

    /// Sends it, and reads the whole answer.
    pub async fn send(&self, to: SocketAddr) -> Reply {
        Reply::parse(&exchange(to, &self.bytes()).await)
    }

    /// Sends it, and reads no more than the head of the answer: for streams, which do not end.
    pub async fn send_for_head(&self, to: SocketAddr) -> Reply {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(&self.bytes()).await.unwrap();
        let mut got = Vec::new();
        let read = async {
            while !got.windows(4).any(|four| four == b"\r\n\r\n") {
                if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            // A problem document is short and ends; it belongs to the answer.
            if Reply::parse(&got).status >= 400 {
                let _rest = stream.read_to_end(&mut got).await.unwrap_or(0);
            }
        };
        timeout(PATIENCE, read).await.unwrap();
        Reply::parse(&got)
    }
}

/// Sends bytes and reads until the server closes. A server that answers before it has read
/// everything is heard too.
pub async fn exchange(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let write = async {
        // The answer says why a body was not read to its end.
        let _refused = writer.write_all(bytes).await.is_err();
        writer
    };
    let read = async {
        let mut answer = Vec::new();
        let _cut = reader.read_to_end(&mut answer).await.is_err();
        answer
    };
    let both = async { tokio::join!(write, read) };
    timeout(PATIENCE, both).await.unwrap().1
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status; 0 if nothing that looks like HTTP came.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing of chunks.
    pub body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = match end {
            Some(at) => (&bytes[..at], &bytes[at + 4..]),
            None => (bytes, &[][..]),
        };
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Self {
            status: status.and_then(|text| text.parse().ok()).unwrap_or(0),
            headers,
            body: body.to_vec(),
        };
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = unchunked(&reply.body);
        }
        reply
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(own, _)| own == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {} {}", self.status, self.text()),
        }
    }

    /// The problem that it is, after checking that it is a whole one.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let kind = self.header("content-type");
        assert_eq!(kind, Some(PROBLEM_JSON), "{} {}", self.status, self.text());
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(
            self.header("x-request-id"),
            Some(problem.request_id.as_str())
        );
        let words = [&problem.title, &problem.detail, &problem.help];
        assert!(words.iter().all(|text| !text.is_empty()), "{problem:?}");
        problem
    }

    /// Status, headers and body without what differs between two requests: the request's id and
    /// the date.
    #[must_use]
    pub fn comparable(&self) -> String {
        let mut text = format!("{}\n", self.status);
        let id = self.header("x-request-id").unwrap_or_default();
        for (name, value) in &self.headers {
            if !matches!(name.as_str(), "date" | "x-request-id" | "content-length") {
                text.push_str(&format!("{name}: {value}\n"));
            }
        }
        let body = self.text();
        text.push_str(&match id {
            "" => body,
            id => body.replace(&format!("\"{id}\""), "\"…\""),
        });
        text
    }
}

/// The data of chunks, as far as they are whole.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap_or("0");
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let rest = &bytes[end + 2..];
        if size == 0 || rest.len() < size {
            break;
        }
        data.extend_from_slice(&rest[..size]);
        bytes = rest.get(size + 2..).unwrap_or_default();
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        let reply = Reply::parse(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        );
        assert_eq!((reply.status, reply.text().as_str()), (200, "abcde"));
    }

    #[test]
    fn two_answers_differ_in_more_than_their_ids() {
        let reply = |id: &str, detail: &str| {
            let body = format!("{{\"request_id\":\"{id}\",\"detail\":\"{detail}\"}}");
            let head = format!("HTTP/1.1 404 Not Found\r\nx-request-id: {id}\r\n\r\n{body}");
            Reply::parse(head.as_bytes()).comparable()
        };
        assert_eq!(reply("a-1", "no"), reply("a-2", "no"));
        assert_ne!(reply("a-1", "no"), reply("a-1", "yes"));
    }
}
