//! A lean HTTP/1.1 client: one connection, one request at a time, buffers that are used again.
//!
//! The typed client is for everything else. Here the cost of a request counts, because the load
//! and the server share two cores.

use std::io::Write;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Size that the buffers start with: a head and a small body.
const BUFFER_BYTES: usize = 8 * 1024;
/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Largest body of an answer.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where a server is.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// `host:port`, for connections and the `Host` header.
    pub(crate) authority: String,
}

impl Address {
    /// Reads `http://host:port`.
    pub(crate) fn parse(url: &str) -> anyhow::Result<Self> {
        let authority = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|rest| !rest.is_empty() && !rest.contains('/'))
            .with_context(|| format!("the load needs a plain http://host:port, not {url}"))?;
        let authority = if authority
            .rsplit(':')
            .next()
            .is_some_and(|port| port.parse::<u16>().is_ok())
        {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        };
        Ok(Self { authority })
    }
}

/// A request without its body, ready to be sent again and again.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    head: Vec<u8>,
}

impl Route {
    /// `line` is method and target, such as `POST /v1/tasks`.
    pub(crate) fn new(address: &Address, token: &str, line: &str) -> Self {
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n",
            address.authority
        );
        Self {
            head: head.into_bytes(),
        }
    }

    /// Method and target, for errors.
    fn line(&self) -> String {
        let line = self.head.split(|byte| *byte == b'\r').next();
        String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.head
            .extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        self
    }
}

/// A head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Bytes up to the body.
    len: usize,
    body: BodyLength,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyLength {
    Known(usize),
    Chunked,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    stream: TcpStream,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Conn {
    pub(crate) async fn open(address: &Address) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(&address.authority)
            .await
            .with_context(|| format!("cannot connect to {}", address.authority))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            out: Vec::with_capacity(BUFFER_BYTES),
            buffer: Vec::with_capacity(BUFFER_BYTES),
        })
    }

    /// Sends a JSON body and reads the answer. Any status is an answer.
    pub(crate) async fn send(
        &mut self,
        route: &Route,
        body: &[u8],
    ) -> anyhow::Result<(u16, &[u8])> {
        self.write(route, body).await?;
        let head = self.read_head().await?;
        let BodyLength::Known(length) = head.body else {
            bail!("an answer without a content-length");
        };
        ensure!(length <= BODY_BYTES_MAX, "an answer of {length} bytes");
        let end = head.len + length;
        while self.buffer.len() < end {
            self.fill().await?;
        }
        Ok((head.status, &self.buffer[head.len..end]))
    }

    /// Like [`Self::send`], but an answer that is no success is an error that quotes it.
    pub(crate) async fn call(
        &mut self,
        route: &Route,
        body: &[u8],
    ) -> anyhow::Result<(u16, &[u8])> {
        let (status, answer) = self.send(route, body).await.with_context(|| route.line())?;
        if (200..300).contains(&status) {
            return Ok((status, answer));
        }
        bail!(
            "{}: {status} {}",
            route.line(),
            String::from_utf8_lossy(answer)
        )
    }

    async fn write(&mut self, route: &Route, body: &[u8]) -> anyhow::Result<()> {
        self.buffer.clear();
        self.out.clear();
        self.out.extend_from_slice(&route.head);
        if body.is_empty() {
            self.out.extend_from_slice(b"content-length: 0\r\n\r\n");
        } else {
            write!(
                self.out,
                "content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            )?;
            self.out.extend_from_slice(body);
        }
        self.stream.write_all(&self.out).await?;
        Ok(())
    }

    async fn read_head(&mut self) -> anyhow::Result<Head> {
        loop {
            if let Some(head) = parse_head(&self.buffer)? {
                return Ok(head);
            }
            ensure!(self.buffer.len() < HEAD_BYTES_MAX, "a head without an end");
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }

    /// Sends a request whose answer is an event stream, and leaves the connection to it.
    pub(crate) async fn subscribe(mut self, route: &Route) -> anyhow::Result<Events> {
        self.write(route, b"").await?;
        let head = self.read_head().await?;
        ensure!(
            head.status == 200,
            "the event stream answered {}",
            head.status
        );
        ensure!(
            head.body == BodyLength::Chunked,
            "the event stream has a length, so it would end"
        );
        self.buffer.drain(..head.len);
        Ok(Events {
            conn: self,
            text: Vec::with_capacity(BUFFER_BYTES),
        })
    }
}

/// Reads a head, if all of it is there.
fn parse_head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let status = bytes
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .context("an answer that is not HTTP/1.1")?;
    let mut body = BodyLength::Known(0);
    for line in bytes[..end].split(|byte| *byte == b'\n').skip(1) {
        if let Some(value) = header(line, b"content-length:") {
            body = BodyLength::Known(
                value
                    .parse()
                    .context("a content-length that is no number")?,
            );
        } else if header(line, b"transfer-encoding:").is_some() {
            body = BodyLength::Chunked;
        }
    }
    Ok(Some(Head {
        status,
        len: end + 4,
        body,
    }))
}

fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let start = line.get(..name.len())?;
    let rest = line.get(name.len()..)?;
    start
        .eq_ignore_ascii_case(name)
        .then(|| std::str::from_utf8(rest).map_or("", str::trim))
}

/// An event stream. Only the ids are read.
#[derive(Debug)]
pub(crate) struct Events {
    conn: Conn,
    /// Decoded text that is not a whole line yet.
    text: Vec<u8>,
}

impl Events {
    /// Waits for bytes and adds the ids of the events that came.
    pub(crate) async fn next_ids(&mut self, ids: &mut Vec<u64>) -> anyhow::Result<()> {
        self.conn.fill().await?;
        let used = take_chunks(&self.conn.buffer, &mut self.text)?;
        self.conn.buffer.drain(..used);
        let whole = self
            .text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        for line in self.text[..whole].split(|byte| *byte == b'\n') {
            if let Some(id) = header(line, b"id:") {
                ids.push(id.parse().context("an event id that is no number")?);
            }
        }
        self.text.drain(..whole);
        Ok(())
    }
}

/// Moves the contents of all whole chunks (RFC 9112 §7.1) to `text`; returns the bytes used.
fn take_chunks(bytes: &[u8], text: &mut Vec<u8>) -> anyhow::Result<usize> {
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        let Some(line) = rest.windows(2).position(|two| two == b"\r\n") else {
            return Ok(used);
        };
        let size = std::str::from_utf8(&rest[..line])
            .ok()
            .and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok())
            .context("a chunk without a size")?;
        ensure!(size > 0, "the server ended the event stream");
        let end = line + 2 + size;
        if rest.len() < end + 2 {
            return Ok(used);
        }
        text.extend_from_slice(&rest[line + 2..end]);
        used += end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_once_they_are_whole() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nx: y\r\n\r\nbody";
        for cut in 0..text.len() - 4 {
            assert_eq!(parse_head(&text[..cut]).unwrap(), None);
        }
        let head = parse_head(text).unwrap().unwrap();
        assert_eq!((head.status, head.body), (201, BodyLength::Known(12)));
        assert_eq!(&text[head.len..], b"body");
        let empty = parse_head(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!((empty.status, empty.body), (204, BodyLength::Known(0)));
        assert!(parse_head(b"SSH-2.0\r\n\r\n").is_err());
    }

    #[test]
    fn chunks_may_be_cut_anywhere() {
        let wire = b"5\r\nid: 1\r\n7\r\n\nid: 22\r\n1\r\n\n\r\n";
        for cut in 0..=wire.len() {
            let mut text = Vec::new();
            let used = take_chunks(&wire[..cut], &mut text).unwrap();
            let more = take_chunks(&wire[used..], &mut text).unwrap();
            assert_eq!(used + more, wire.len());
            assert_eq!(text, b"id: 1\nid: 22\n");
        }
        assert!(take_chunks(b"0\r\n\r\n", &mut Vec::new()).is_err());
    }

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(Address::parse("http://h/").unwrap().authority, "h:80");
        assert_eq!(
            Address::parse("http://127.0.0.1:5/").unwrap().authority,
            "127.0.0.1:5"
        );
        for url in ["https://h", "http://", "http://h/path"] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
