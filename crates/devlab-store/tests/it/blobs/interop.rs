//! Blobs at a real S3 server: Versity's gateway on a folder. `make interop-s3` builds it and says
//! where it is.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use devlab_store::blobs::{BlobErrorKind, BlobPlace, BlobStore, S3Keys, S3Options};
use rustix::process::{Pid, Signal, kill_process};

use super::s3::options;
use super::{digest, noise, pieces, suite, text};

/// Where the gateway's program is.
const PROGRAM: &str = "DEVLAB_VERSITYGW";

/// A gateway; its objects stay when it ends.
struct Gateway {
    program: PathBuf,
    dir: tempfile::TempDir,
    addr: SocketAddr,
    process: Option<Child>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Gateway {
    async fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "make says where the program is")]
        let program = std::env::var_os(PROGRAM)
            .unwrap_or_else(|| panic!("{PROGRAM} names no program: run `make interop-s3`"));
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("objects/lab")).unwrap();
        std::fs::create_dir_all(dir.path().join("meta")).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let mut gateway = Self {
            program: program.into(),
            dir,
            addr,
            process: None,
        };
        gateway.run().await;
        gateway
    }

    /// Starts the process and waits until it answers.
    async fn run(&mut self) {
        let path = |name: &str| self.dir.path().join(name);
        let log = std::fs::File::create(path("log")).unwrap();
        let process = Command::new(&self.program)
            .args(["--access", "key", "--secret", "hush", "--quiet", "--port"])
            .arg(self.addr.to_string())
            .args(["posix", "--sidecar"])
            .arg(path("meta"))
            .arg(path("objects"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let blobs = self.open();
        for _ in 0..100 {
            if blobs.probe().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(path("log")).unwrap_or_default();
        panic!(
            "the gateway does not answer: {:?}\n{log}",
            blobs.probe().await
        );
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    fn open(&self) -> Arc<BlobStore> {
        open(options(self.url()))
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.as_ref().unwrap().id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn open(options: S3Options) -> Arc<BlobStore> {
    BlobStore::open(&BlobPlace::S3(Box::new(options))).unwrap()
}

fn objects(dir: &Path) -> usize {
    let folder = dir.join("objects/lab/some/prefix/sha256");
    let below = |dir: &Path| {
        std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    below(&folder).map(|folder| below(&folder).count()).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_a_real_server_does_what_every_place_does() {
    let gateway = Gateway::start().await;
    suite::run(&gateway.open()).await;
    assert!(objects(gateway.dir.path()) > 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_a_restart_loses_nothing() {
    let mut gateway = Gateway::start().await;
    let blobs = gateway.open();
    let content = text(700_000);
    let name = digest(&content);
    let put = blobs.put(&name, pieces(&content)).await.unwrap();
    gateway.kill();
    // It is away for longer than a call waits.
    let away = blobs.verify(&name).await.unwrap_err();
    assert_eq!(away.kind, BlobErrorKind::Unreachable, "{away}");
    gateway.run().await;
    assert_eq!(blobs.verify(&name).await.unwrap(), put);
    assert_eq!(blobs.health().trouble, None);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_an_upload_that_is_killed_half_way_is_whole_or_absent() {
    let mut gateway = Gateway::start().await;
    let content = noise(40 * 1024 * 1024);
    let name = digest(&content);
    for after_ms in [5, 40, 120, 300] {
        let blobs = gateway.open();
        let (uploader, content) = (Arc::clone(&blobs), content.clone());
        let wanted = name.clone();
        let upload = async move { uploader.put(&wanted, pieces(&content)).await };
        let tracker = tokio_util::task::TaskTracker::new();
        let upload = tracker.spawn(upload);
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        gateway.kill();
        gateway.run().await;
        let outcome = upload.await.unwrap();
        match blobs.stat(&name).await.unwrap() {
            Some(_) => drop(blobs.verify(&name).await.unwrap()),
            None => assert!(outcome.is_err(), "{after_ms}: said to be there"),
        }
        blobs
            .put(&name, pieces(&noise(40 * 1024 * 1024)))
            .await
            .unwrap();
        blobs.verify(&name).await.unwrap();
        blobs.delete(&name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_a_server_that_pauses_is_waited_for_within_a_bound() {
    let gateway = Gateway::start().await;
    let blobs = gateway.open();
    let put = blobs
        .put_bytes(Bytes::from_static(b"content"))
        .await
        .unwrap();
    gateway.signal(Signal::STOP);
    let (read, ()) = tokio::join!(blobs.verify(&put.digest), async {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        gateway.signal(Signal::CONT);
    });
    assert_eq!(read.unwrap(), put);
    gateway.signal(Signal::STOP);
    let stuck = tokio::time::timeout(Duration::from_secs(40), blobs.verify(&put.digest)).await;
    gateway.signal(Signal::CONT);
    let error = stuck.expect("it ends").unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Unreachable, "{error}");
    assert_eq!(blobs.verify(&put.digest).await.unwrap(), put);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a gateway: make interop-s3"]
async fn interop_a_wrong_key_and_a_wrong_bucket_are_said() {
    let gateway = Gateway::start().await;
    let wrong = S3Options {
        keys: Some(S3Keys {
            access_key: "key".to_owned(),
            secret_key: "wrong".to_owned(),
            session_token: None,
        }),
        ..options(gateway.url())
    };
    let error = open(wrong).probe().await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Denied, "{error}");
    assert!(!error.to_string().contains("wrong"), "{error}");
    let elsewhere = S3Options {
        bucket: "no-such-bucket".to_owned(),
        ..options(gateway.url())
    };
    let error = open(elsewhere).probe().await.unwrap_err();
    assert_eq!(error.kind, BlobErrorKind::Config, "{error}");
    assert!(error.to_string().contains("NoSuchBucket"), "{error}");
}
