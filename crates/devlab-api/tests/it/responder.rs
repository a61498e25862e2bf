//! A server that gives prepared answers, one for each request, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use devlab_api::client::{Client, Timeouts};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request, as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// First line and headers, names in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Counts the connections.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    close: bool,
}

impl Answer {
    pub(crate) fn json(status: &str, body: &str) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self {
            bytes: [head.as_bytes(), body.as_bytes()].concat(),
            close: false,
        }
    }

    /// Raw bytes, after which the connection is cut.
    pub(crate) fn cut(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            close: true,
        }
    }

    /// A piece of an event stream, after which the connection is cut.
    pub(crate) fn stream(frames: &str) -> Self {
        Self::cut(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\r\n\
             {frames}"
        ))
    }
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    requests: Vec<Request>,
}

/// The server. It ends when this is dropped.
pub(crate) struct Responder {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    _server: JoinSet<()>,
}

impl Responder {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script {
            answers: answers.into_iter().collect(),
            requests: Vec::new(),
        }));
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&script)));
        Self {
            url,
            script,
            _server: server,
        }
    }

    pub(crate) fn client(&self) -> Client {
        let token = SecretString::from("dl_secret".to_owned());
        Client::new(&self.url, Some(token), Timeouts::default()).unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.script.lock().unwrap().requests.clone()
    }
}

async fn accept(listener: TcpListener, script: Arc<Mutex<Script>>) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        count += 1;
        connections.spawn(serve(socket, count, Arc::clone(&script)));
    }
}

/// Answers until the script is at its end or says to cut; then closes.
async fn serve(mut socket: TcpStream, connection: usize, script: Arc<Mutex<Script>>) {
    while let Some(request) = read_request(&mut socket, connection).await {
        let answer = {
            let mut script = script.lock().unwrap();
            script.requests.push(request);
            script.answers.pop_front()
        };
        let Some(answer) = answer else { return };
        if socket.write_all(&answer.bytes).await.is_err() || answer.close {
            return;
        }
    }
}

async fn read_request(socket: &mut TcpStream, connection: usize) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut request = Request {
        head: String::from_utf8(bytes[..end].to_vec()).unwrap(),
        body: bytes[end + 4..].to_vec(),
        connection,
    };
    let length = request
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    while request.body.len() < length {
        if socket.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}
