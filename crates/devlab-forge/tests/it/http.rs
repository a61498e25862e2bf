//! Clone, fetch and push by real git through the server.

mod slots;

use std::io::Write as _;

use bytes::Bytes;
use devlab_forge::http::{
    FetchPolicy, GitHttp, GitHttpRequest, GitHttpResponse, HttpLimits, ReceivePolicy,
};
use devlab_forge::transfer::{Credential, FetchRef, Remote};
use devlab_forge::worktree::Cache;
use devlab_forge::{BareRepo, Error, Oid};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::support::{Lab, Server, git, main_ref, name, person, person_ok, says, write};

const OWN: &str = "refs/devlab/attempts/task_1/1";

fn branches() -> ReceivePolicy {
    ReceivePolicy::Branches {
        protected: vec![name("refs/heads/release")],
    }
}

fn own(haves: &[&Oid]) -> ReceivePolicy {
    ReceivePolicy::Only {
        name: name(OWN),
        haves: haves.iter().map(|&have| have.clone()).collect(),
    }
}

/// A lab with a main branch, a secret branch and a server.
async fn served() -> (Lab, Server, Oid, Oid) {
    let (lab, head) = Lab::with(&[("a", "1\n")]).await;
    let secret = lab.commit(&[&head], &[("secret", "s\n")]).await;
    lab.set("refs/heads/secret", None, Some(&secret)).await;
    let server = Server::start(&lab.repo).await;
    server.grant("all", FetchPolicy::All, branches());
    server.grant("main", FetchPolicy::Only(vec![main_ref()]), own(&[&head]));
    (lab, server, head, secret)
}

fn clone(lab: &Lab, url: &str, dir: &str, extra: &[&str]) -> std::process::Output {
    person(
        lab.temp.path(),
        &[extra, &["clone", "-q", url, dir]].concat(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_clones_and_pushes() {
    let (lab, server, head, _) = served().await;
    let cloned = clone(&lab, &server.url("all"), "c", &[]);
    assert!(cloned.status.success(), "{}", says(&cloned));
    let dir = lab.path("c");
    assert_eq!(person_ok(&dir, &["rev-parse", "HEAD"]), head.as_str());
    write(&dir, "a", "2\n");
    person_ok(&dir, &["commit", "-qam", "two"]);
    person_ok(
        &dir,
        &["push", "-q", "origin", "HEAD:main", "HEAD:refs/tags/v1"],
    );
    let two: Oid = person_ok(&dir, &["rev-parse", "HEAD"]).parse().unwrap();
    assert_eq!(
        lab.repo.resolve(&main_ref()).await.unwrap(),
        Some(two.clone())
    );
    let pushed = std::mem::take(&mut *server.pushed.lock().unwrap());
    assert_eq!(pushed.len(), 2);
    assert!(
        pushed
            .iter()
            .all(|p| p.applied && p.new.as_ref() == Some(&two)),
        "{pushed:?}"
    );
    assert_eq!(pushed[0].old, Some(head));
    // More than git sends in one piece: chunked, after a probe.
    let noise: String = (0..300_000_u64)
        .map(|i| format!("{:x} ", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    write(&dir, "big", &noise);
    person_ok(&dir, &["add", "big"]);
    person_ok(&dir, &["commit", "-qm", "big"]);
    person_ok(&dir, &["push", "-q", "origin", "HEAD:main"]);
    lab.repo.fsck().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_may_not_push_is_explained_and_not_stored() {
    let (lab, server, head, secret) = served().await;
    assert!(clone(&lab, &server.url("all"), "c", &[]).status.success());
    let dir = lab.path("c");
    person_ok(&dir, &["tag", "v1"]);
    person_ok(&dir, &["push", "-q", "origin", "v1"]);
    write(&dir, "b", "new\n");
    person_ok(&dir, &["add", "b"]);
    person_ok(&dir, &["commit", "-q", "--amend", "-m", "other root"]);
    let new: Oid = person_ok(&dir, &["rev-parse", "HEAD"]).parse().unwrap();
    let before = lab.repo.list_refs("refs").await.unwrap();
    for (spec, reason) in [
        ("HEAD:refs/heads/devlab/x", "belong to the lab"),
        ("HEAD:refs/heads/release", "moved by devlab only"),
        ("HEAD:refs/devlab/keep/x", "only branches and tags"),
        ("HEAD:refs/notes/x", "only branches and tags"),
        ("+HEAD:refs/tags/v1", "a tag cannot be moved"),
        (":refs/heads/secret", "not deleted by a push"),
    ] {
        let output = person(&dir, &["push", "origin", spec]);
        assert!(
            !output.status.success() && says(&output).contains(reason),
            "{spec}: {}",
            says(&output)
        );
        assert_eq!(lab.repo.list_refs("refs").await.unwrap(), before, "{spec}");
    }
    let with_good = person(
        &dir,
        &["push", "origin", "v1:refs/tags/v2", "HEAD:refs/devlab/x/y"],
    );
    assert!(
        says(&with_good).contains("another ref of this push was refused"),
        "{}",
        says(&with_good)
    );
    assert_eq!(lab.repo.list_refs("refs").await.unwrap(), before);
    let stored = lab
        .repo
        .missing_objects(&[new.clone(), head, secret])
        .await
        .unwrap();
    assert_eq!(
        stored,
        [new],
        "only the commit that was never accepted is absent"
    );
    // This one only git can judge.
    let back = person(&dir, &["push", "origin", "+HEAD:refs/heads/main"]);
    assert!(says(&back).contains("non-fast-forward"), "{}", says(&back));
    assert_eq!(lab.repo.list_refs("refs").await.unwrap(), before);
    assert!(
        server
            .pushed
            .lock()
            .unwrap()
            .iter()
            .skip(1)
            .all(|p| !p.applied)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_sees_only_its_refs() {
    let (lab, server, head, secret) = served().await;
    let listed = person_ok(lab.temp.path(), &["ls-remote", &server.url("main")]);
    assert_eq!(listed, format!("{head}\trefs/heads/main"));
    for version in ["0", "1", "2"] {
        let option = format!("protocol.version={version}");
        let dir = format!("c{version}");
        let cloned = clone(&lab, &server.url("main"), &dir, &["-c", &option]);
        assert!(cloned.status.success(), "{}", says(&cloned));
        let dir = lab.path(&dir);
        person_ok(&dir, &["rev-parse", "origin/main"]);
        assert!(
            !person(&dir, &["cat-file", "-e", secret.as_str()])
                .status
                .success()
        );
        for wanted in [secret.as_str(), "refs/heads/secret"] {
            let stolen = person(&dir, &["-c", &option, "fetch", "-q", "origin", wanted]);
            assert!(!stolen.status.success(), "protocol {version}, {wanted}");
        }
        assert!(
            !person(&dir, &["cat-file", "-e", secret.as_str()])
                .status
                .success()
        );
    }
    // A client that asks without being offered: what git's own client would not send.
    let want = |oid: &Oid| format!("0032want {oid}\n00000009done\n");
    let refused = call(&lab, "main-only", &want(&secret), Some("version=2")).await;
    assert!(
        !String::from_utf8_lossy(&refused).contains("PACK"),
        "{}",
        String::from_utf8_lossy(&refused)
    );
    let given = call(&lab, "main-only", &want(&head), None).await;
    assert!(given.windows(4).any(|window| window == b"PACK"));
}

fn request(lab: &Lab, method: &str, path: &str, query: &str) -> GitHttpRequest {
    GitHttpRequest {
        repo: lab.repo.dir().to_owned(),
        path_info: path.into(),
        query: query.into(),
        method: method.into(),
        content_type: None,
        content_encoding: None,
        git_protocol: None,
        body: stream::empty().boxed(),
        remote_user: "x".into(),
        fetch: FetchPolicy::Only(vec![main_ref()]),
        receive: own(&[]),
    }
}

fn body(bytes: impl Into<Bytes>) -> devlab_forge::http::Body {
    let bytes = bytes.into();
    stream::once(async move { Ok(bytes) }).boxed()
}

async fn serve_with(limits: HttpLimits, request: GitHttpRequest) -> GitHttpResponse {
    let git = git();
    let backend = git.http_backend().await.unwrap();
    GitHttp::new(git, backend, limits)
        .serve(request)
        .await
        .unwrap()
}

async fn serve(request: GitHttpRequest) -> GitHttpResponse {
    serve_with(HttpLimits::default(), request).await
}

async fn all(response: GitHttpResponse) -> Vec<u8> {
    response
        .body
        .try_fold(Vec::new(), async |all, chunk| {
            Ok([&all, &chunk[..]].concat())
        })
        .await
        .unwrap()
}

async fn call(lab: &Lab, user: &str, sent: &str, protocol: Option<&str>) -> Vec<u8> {
    let mut call = request(lab, "POST", "/git-upload-pack", "");
    call.content_type = Some("application/x-git-upload-pack-request".into());
    call.git_protocol = protocol.map(str::to_owned);
    call.remote_user = user.into();
    call.body = body(sent.to_owned());
    all(serve(call).await).await
}

#[tokio::test]
async fn only_the_smart_protocol_is_served() {
    let (lab, _) = Lab::with(&[("a", "1\n")]).await;
    for (method, path, query, status) in [
        ("GET", "/HEAD", "", 404),
        ("GET", "/config", "", 404),
        ("GET", "/objects/info/packs", "", 404),
        ("GET", "/../p.git/HEAD", "", 404),
        ("GET", "/info/refs", "", 403),
        ("GET", "/info/refs", "service=git-upload-archive", 403),
        ("POST", "/info/refs", "service=git-upload-pack", 405),
        ("GET", "/git-upload-pack", "", 405),
        ("POST", "/git-upload-pack", "", 415),
        ("GET", "/info/refs", "service=git-upload-pack", 200),
        ("GET", "/info/refs", "service=git-receive-pack", 200),
    ] {
        let response = serve(request(&lab, method, path, query)).await;
        assert_eq!(response.status, status, "{method} {path}?{query}");
    }
    let nothing = GitHttpRequest {
        fetch: FetchPolicy::Refused,
        receive: ReceivePolicy::Refused,
        ..request(&lab, "GET", "/info/refs", "service=git-receive-pack")
    };
    assert_eq!(serve(nothing).await.status, 403);
    let full = HttpLimits {
        concurrent_max: 0,
        wait: std::time::Duration::ZERO,
        ..HttpLimits::default()
    };
    let busy = serve_with(
        full,
        request(&lab, "GET", "/info/refs", "service=git-upload-pack"),
    )
    .await;
    assert_eq!(busy.status, 503);
    assert!(busy.headers.iter().any(|(name, _)| name == "retry-after"));
}

#[tokio::test]
async fn odd_pushes_are_refused_before_git_sees_them() {
    let (lab, head) = Lab::with(&[("a", "1\n")]).await;
    let zero = "0".repeat(40);
    let line = |text: String| format!("{:04x}{text}", text.len() + 4);
    let foreign = line(format!("{zero} {head} refs/heads/evil\0 report-status")) + "0000";
    let quiet = line(format!("{zero} {head} refs/heads/evil")) + "0000";
    let cut = line(format!("{zero} {head} {OWN}\0 report-status"));
    let path = line(format!("{zero} {head} ../../config\0 report-status")) + "0000";
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(foreign.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let cases: [(Vec<u8>, Option<&str>, u16, &str); 8] = [
        (
            foreign.clone().into(),
            None,
            200,
            "ng refs/heads/evil an attempt may push only its own ref",
        ),
        (
            gzip.clone(),
            Some("gzip"),
            200,
            "ng refs/heads/evil an attempt may push only its own ref",
        ),
        (
            quiet.into(),
            None,
            403,
            "refs/heads/evil: an attempt may push only its own ref",
        ),
        (cut.into(), None, 400, "it ended in its list of refs"),
        (path.into(), None, 400, "not a full ref name"),
        (b"PACK".to_vec(), None, 400, "hexadecimal"),
        (gzip[..20].to_vec(), Some("gzip"), 400, "it ended"),
        (foreign.into(), Some("br"), 415, "only gzip"),
    ];
    for (sent, encoding, status, text) in cases {
        let mut push = request(&lab, "POST", "/git-receive-pack", "");
        push.content_type = Some("application/x-git-receive-pack-request".into());
        push.content_encoding = encoding.map(str::to_owned);
        push.body = body(sent);
        let response = serve(push).await;
        assert_eq!(response.status, status, "{text}");
        let said = String::from_utf8(all(response).await).unwrap();
        assert!(said.contains(text), "{said}");
        assert_eq!(lab.repo.list_refs("refs").await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_pushes_its_own_ref_and_sends_only_what_is_new() {
    let (lab, server, head, secret) = served().await;
    let cache = Cache::ensure(&git(), &lab.path("cache.git")).await.unwrap();
    let refs = [FetchRef {
        from: main_ref(),
        to: name("refs/devlab/cache/main"),
    }];
    cache
        .fetch(&server.remote("main"), &refs, std::slice::from_ref(&head))
        .await
        .unwrap();
    assert_eq!(
        cache
            .repo()
            .missing_objects(std::slice::from_ref(&secret))
            .await
            .unwrap(),
        [secret]
    );
    let maker = Lab {
        repo: cache.repo().clone(),
        temp: tempfile::TempDir::new().unwrap(),
    };
    let work = maker.commit(&[&head], &[("b", "b\n")]).await;
    let remote = server.remote("main");
    cache.push(&remote, &work, &name(OWN)).await.unwrap();
    assert_eq!(
        lab.repo.resolve(&name(OWN)).await.unwrap(),
        Some(work.clone())
    );
    cache.push(&remote, &work, &name(OWN)).await.unwrap();
    let other = cache
        .push(&remote, &work, &name("refs/devlab/attempts/task_1/12"))
        .await
        .unwrap_err();
    assert!(
        matches!(&other, Error::PushRejected { reason, .. } if reason.contains("only its own ref")),
        "{other}"
    );
    let main = cache.push(&remote, &work, &main_ref()).await.unwrap_err();
    assert!(matches!(main, Error::PushRejected { .. }), "{main}");
    assert_eq!(
        lab.repo.resolve(&main_ref()).await.unwrap(),
        Some(head.clone())
    );
    let denied = cache
        .push(&server.remote("wrong"), &work, &name(OWN))
        .await
        .unwrap_err();
    assert!(matches!(denied, Error::Denied { .. }), "{denied}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_does_not_send_its_base_again() {
    let (lab, server, head, _) = served().await;
    let cache = Cache::ensure(&git(), &lab.path("cache.git")).await.unwrap();
    let refs = [FetchRef {
        from: main_ref(),
        to: name("refs/devlab/cache/main"),
    }];
    cache
        .fetch(&server.remote("main"), &refs, std::slice::from_ref(&head))
        .await
        .unwrap();
    let maker = Lab {
        repo: cache.repo().clone(),
        temp: tempfile::TempDir::new().unwrap(),
    };
    let work = maker.commit(&[&head], &[("b", "b\n")]).await;
    cache
        .push(&server.remote("main"), &work, &name(OWN))
        .await
        .unwrap();
    // No branch is shown, because a target may have moved on; the base is named all the same.
    let advertised = serve(GitHttpRequest {
        receive: own(&[&head]),
        ..request(&lab, "GET", "/info/refs", "service=git-receive-pack")
    })
    .await;
    let text = String::from_utf8(all(advertised).await).unwrap();
    assert!(
        text.contains(&format!("{head} .have")) && text.contains(OWN),
        "{text}"
    );
    assert!(!text.contains("refs/heads/"), "{text}");
    let second = "refs/devlab/attempts/task_2/1";
    server.grant(
        "two",
        FetchPolicy::Refused,
        ReceivePolicy::Only {
            name: name(second),
            haves: vec![head],
        },
    );
    let spec = format!("{work}:{second}");
    let args = ["push", "--progress", &server.url("two"), &spec];
    let pushed = person(cache.repo().dir(), &args);
    let said = says(&pushed);
    // A commit, a tree and a file: the history is not sent again.
    assert!(
        pushed.status.success() && said.contains("Total 3 "),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_object_is_not_taken() {
    let (lab, server, head, _) = served().await;
    let evil = lab.raw_tree(&[("100644", ".git")], "evil");
    let text = format!(
        "tree {evil}\nparent {head}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n"
    );
    let file = lab.path("raw-commit");
    std::fs::write(&file, text).unwrap();
    let sender = Lab::new().await;
    person_ok(
        sender.repo.dir(),
        &["fetch", "-q", lab.repo.dir().to_str().unwrap(), "main:main"],
    );
    assert_eq!(sender.raw_tree(&[("100644", ".git")], "evil"), evil);
    let commit = person_ok(
        sender.repo.dir(),
        &[
            "hash-object",
            "-t",
            "commit",
            "-w",
            "--literally",
            file.to_str().unwrap(),
        ],
    );
    let pushed = sender
        .repo
        .push_to(&server.remote("main"), &commit.parse().unwrap(), &name(OWN))
        .await
        .unwrap_err();
    assert!(matches!(pushed, Error::PushRejected { .. }), "{pushed}");
    assert_eq!(lab.repo.resolve(&name(OWN)).await.unwrap(), None);
    assert_eq!(
        server.pushed.lock().unwrap().last().map(|p| p.applied),
        Some(false)
    );
}

#[tokio::test]
async fn a_remote_is_a_plain_address_and_its_credential_stays_hidden() {
    for bad in [
        "file:///x",
        "ext::sh",
        "ssh://h/x",
        "/x",
        "http://u@h/x",
        "http://u:p@h/x",
        "https://h/x?y",
        "-x",
        "",
    ] {
        assert!(
            matches!(Remote::new(bad, None), Err(Error::Invalid { .. })),
            "{bad}"
        );
    }
    let remote = Remote::new(
        "https://h.example/x",
        Some(Credential::basic("u", "hunter2")),
    )
    .unwrap();
    let shown = format!("{remote:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("Basic"),
        "{shown}"
    );
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_client_that_goes_away_ends_git() {
    let (lab, _) = Lab::with(&[("a", "1\n")]).await;
    let git = git();
    let backend = git.http_backend().await.unwrap();
    let limits = HttpLimits {
        concurrent_max: 1,
        wait: std::time::Duration::ZERO,
        ..HttpLimits::default()
    };
    let service = GitHttp::new(git, backend, limits);
    // A body that never ends: git would wait for it for ever.
    let mut endless = request(&lab, "POST", "/git-upload-pack", "");
    endless.content_type = Some("application/x-git-upload-pack-request".into());
    endless.body = body("0032want ").chain(stream::pending()).boxed();
    let held = service.serve(endless).await.unwrap();
    assert_ne!(running_in(lab.repo.dir()), 0);
    let next = || request(&lab, "GET", "/info/refs", "service=git-upload-pack");
    assert_eq!(
        service.serve(next()).await.unwrap().status,
        503,
        "its place is taken"
    );
    drop(held);
    assert_eq!(
        service.serve(next()).await.unwrap().status,
        200,
        "its place is free again"
    );
    let gone = async {
        while running_in(lab.repo.dir()) != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone)
        .await
        .unwrap();
}

/// How many processes have `dir` as their current folder.
#[cfg(target_os = "linux")]
fn running_in(dir: &std::path::Path) -> usize {
    let dir = dir.canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter(|process| {
            std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == dir)
        })
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_gets_what_no_ref_holds_by_its_id() {
    let (lab, server, head, _) = served().await;
    let loose = lab.commit(&[&head], &[("loose", "l\n")]).await;
    let remote = server.remote("all");
    let copy = BareRepo::init(&git(), &lab.path("copy.git"), &main_ref())
        .await
        .unwrap();
    copy.mirror(&remote).await.unwrap();
    let refs = lab.repo.all_refs().await.unwrap();
    assert_eq!(copy.all_refs().await.unwrap(), refs);
    let wanted = [head, loose.clone()];
    let missing = copy.missing_objects(&wanted).await.unwrap();
    assert_eq!(missing, [loose]);
    copy.fetch_commits(&remote, &missing).await.unwrap();
    assert_eq!(copy.missing_objects(&wanted).await.unwrap(), []);
    assert_eq!(copy.all_refs().await.unwrap(), refs);
    let gone: Oid = "1".repeat(40).parse().unwrap();
    let lacking = copy.fetch_commits(&remote, &[gone]).await;
    assert!(matches!(lacking, Err(Error::Missing { .. })), "{lacking:?}");
}
