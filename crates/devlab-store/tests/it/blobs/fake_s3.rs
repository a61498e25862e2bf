//! A server that speaks as much S3 as blobs need, in memory, and fails when told. What a real one
//! does is tested by `make interop-s3`.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Answer = Response<BoxBody<Bytes, std::io::Error>>;

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is answered with this status.
    Status(u16),
    /// It is not answered.
    Hang,
    /// The answer's body ends too early.
    CutBody,
    /// The connection ends without an answer.
    Close,
    /// The answer to the end of an upload in parts is lost.
    LoseEnd,
    /// To write only what is not there is nothing that the server can do.
    NoConditions,
}

#[derive(Default)]
struct State {
    objects: Mutex<BTreeMap<String, Bytes>>,
    uploads: Mutex<HashMap<String, BTreeMap<u32, Bytes>>>,
    trouble: Mutex<Option<Trouble>>,
    left: AtomicUsize,
    sent: AtomicU64,
    requests: AtomicU64,
}

/// A running server; it ends when dropped.
pub(crate) struct FakeS3 {
    state: Arc<State>,
    url: String,
    serving: JoinHandle<()>,
}

impl Drop for FakeS3 {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl FakeS3 {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let tracker = tokio_util::task::TaskTracker::new();
        let serving = tracker.spawn(serve(listener, Arc::clone(&state), tracker.clone()));
        Self {
            state,
            url,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Lets the next `count` requests fail.
    pub(crate) fn fail(&self, trouble: Trouble, count: usize) {
        *lock(&self.state.trouble) = Some(trouble);
        self.state.left.store(count, Ordering::SeqCst);
    }

    /// Names of all objects.
    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.state.objects).keys().cloned().collect()
    }

    /// Uploads in parts that were neither completed nor taken back.
    pub(crate) fn open_uploads(&self) -> usize {
        lock(&self.state.uploads).len()
    }

    /// Bytes of objects that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// Requests that came.
    pub(crate) fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, state: Arc<State>, tracker: tokio_util::task::TaskTracker) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let state = Arc::clone(&state);
        tracker.spawn(async move {
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { state.answer(request).await }
            });
            // A client that goes away is nothing to be told of.
            drop(
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

fn full(bytes: impl Into<Bytes>) -> BoxBody<Bytes, std::io::Error> {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed()
}

fn status(code: u16) -> Answer {
    let mut answer = Response::new(full(format!("<Error><Code>Told{code}</Code></Error>")));
    *answer.status_mut() = hyper::StatusCode::from_u16(code).unwrap();
    answer
}

impl State {
    /// The trouble that this request has, if any.
    fn trouble(&self, request: &Request<Incoming>) -> Option<Trouble> {
        let query = request.uri().query().unwrap_or_default();
        let is_end = request.method() == Method::POST && query.contains("uploadId");
        let is_meant = match *lock(&self.trouble) {
            Some(Trouble::LoseEnd) => is_end,
            Some(Trouble::NoConditions) => request.headers().contains_key("if-none-match"),
            Some(_) | None => true,
        };
        if !is_meant {
            return None;
        }
        let took = self
            .left
            .try_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        took.ok().and_then(|_| *lock(&self.trouble))
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Closed> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let trouble = self.trouble(&request);
        match trouble {
            Some(Trouble::NoConditions) => return Ok(status(501)),
            Some(Trouble::Status(code)) => return Ok(status(code)),
            Some(Trouble::Hang) => return std::future::pending().await,
            Some(Trouble::Close) => return Err(Closed),
            Some(Trouble::CutBody | Trouble::LoseEnd) | None => {}
        }
        let (head, body) = request.into_parts();
        assert!(
            head.headers
                .get("authorization")
                .is_some_and(|value| value.to_str().unwrap().contains("Credential=key/")),
            "a request without a signature"
        );
        let Ok(body) = body.collect().await else {
            return Err(Closed);
        };
        let key = head.uri.path().trim_start_matches('/').to_owned();
        let query: HashMap<String, String> = head
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (name.to_owned(), value.replace("%2F", "/"))
            })
            .collect();
        let range = head
            .headers
            .get("range")
            .map(|range| range.to_str().unwrap());
        let is_new_only = head.headers.contains_key("if-none-match");
        if is_new_only && lock(&self.objects).contains_key(&key) {
            return Ok(status(412));
        }
        let answer = self.act(&head.method, &key, &query, range, body.to_bytes());
        if let Some(Trouble::CutBody | Trouble::LoseEnd) = trouble {
            return if head.method == Method::GET {
                cut(answer).await
            } else {
                // What was written stays; the client does not hear of it.
                Err(Closed)
            };
        }
        Ok(answer)
    }

    fn act(
        &self,
        method: &Method,
        key: &str,
        query: &HashMap<String, String>,
        range: Option<&str>,
        body: Bytes,
    ) -> Answer {
        let upload = query.get("uploadId");
        match (method.as_str(), upload) {
            ("POST", None) => {
                let id = format!("upload-{}", self.requests.load(Ordering::SeqCst));
                lock(&self.uploads).insert(id.clone(), BTreeMap::new());
                xml(format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>"
                ))
            }
            ("PUT", Some(id)) => match lock(&self.uploads).get_mut(id) {
                Some(parts) => {
                    parts.insert(query["partNumber"].parse().unwrap(), body);
                    tagged(Response::new(full("")))
                }
                None => status(404),
            },
            ("POST", Some(id)) => match lock(&self.uploads).remove(id) {
                Some(parts) => {
                    let parts: Vec<Bytes> = parts.into_values().collect();
                    let whole = parts.concat();
                    lock(&self.objects).insert(key.to_owned(), whole.into());
                    xml("<CompleteMultipartUploadResult><ETag>\"x\"</ETag>\
                         </CompleteMultipartUploadResult>"
                        .to_owned())
                }
                None => status(404),
            },
            ("DELETE", Some(id)) => {
                lock(&self.uploads).remove(id);
                status(204)
            }
            ("PUT", None) => {
                lock(&self.objects).insert(key.to_owned(), body);
                tagged(Response::new(full("")))
            }
            ("DELETE", None) => {
                lock(&self.objects).remove(key);
                status(204)
            }
            ("GET", None) if query.contains_key("list-type") => self.list(key, &query["prefix"]),
            ("GET", None) => self.get(key, range),
            (other, _) => panic!("no such call: {other} {key} {query:?}"),
        }
    }

    fn list(&self, bucket: &str, prefix: &str) -> Answer {
        let prefix = format!("{}/{prefix}", bucket.trim_end_matches('/'));
        let contents: String = lock(&self.objects)
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, bytes)| {
                let key = name.split_once('/').unwrap().1;
                format!(
                    "<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"x\"</ETag>\
                     <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>",
                    bytes.len()
                )
            })
            .collect();
        xml(format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        ))
    }

    fn get(&self, key: &str, range: Option<&str>) -> Answer {
        let Some(object) = lock(&self.objects).get(key).cloned() else {
            return status(404);
        };
        let len = object.len();
        let asked = range.map(|range| range.trim_start_matches("bytes=").split_once('-').unwrap());
        let (from, to) = match asked {
            None => (0, len),
            Some(("", suffix)) => (len.saturating_sub(suffix.parse().unwrap()), len),
            Some((from, "")) => (from.parse().unwrap(), len),
            Some((from, last)) => {
                let last: usize = last.parse().unwrap();
                (from.parse().unwrap(), len.min(last + 1))
            }
        };
        let piece = object.slice(from..to);
        self.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
        let mut answer = tagged(Response::new(full(piece)));
        if asked.is_some() {
            *answer.status_mut() = hyper::StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {from}-{}/{len}", to - 1);
            answer
                .headers_mut()
                .insert("content-range", range.parse().unwrap());
        }
        answer
    }
}

fn xml(text: String) -> Answer {
    tagged(Response::new(full(text)))
}

fn tagged(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert("etag", "\"x\"".parse().unwrap());
    let at = "Thu, 01 Jan 2026 00:00:00 GMT";
    headers.insert("last-modified", at.parse().unwrap());
    answer
}

/// The same answer, whose body ends half-way.
async fn cut(answer: Answer) -> Result<Answer, Closed> {
    let (mut head, body) = answer.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(Closed);
    };
    let bytes = body.to_bytes();
    head.headers
        .insert("content-length", bytes.len().to_string().parse().unwrap());
    let half = bytes.slice(..bytes.len() / 2);
    let frames = stream::iter([
        Ok(Frame::data(half)),
        Err(std::io::Error::other("cut on purpose")),
    ]);
    let body: Pin<Box<_>> = Box::pin(frames);
    Ok(Response::from_parts(head, StreamBody::new(body).boxed()))
}
