//! Imports from a stand-in for a host on loopback.

use std::time::Duration;

use devlab_forge::Error;
use devlab_forge::http::{FetchPolicy, ReceivePolicy};
use devlab_forge::import::{ImportFrom, ImportLimits, import_https};

use crate::support::{Lab, Server, git, main_ref, name};

#[tokio::test(flavor = "multi_thread")]
async fn loopback_is_refused_for_requests() {
    let lab = Lab::new().await;
    for url in [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://0x7f.1/x",
        "https://2130706433/x",
        "https://169.254.169.254/x",
        "ext::sh -c id",
        "file:///etc",
        "http://1.1.1.1/x",
    ] {
        let refused = import_https(
            &git(),
            url,
            &lab.path("i.git"),
            ImportLimits::default(),
            ImportFrom::PublicHttps,
        )
        .await;
        assert!(
            matches!(refused, Err(Error::ImportRefused { .. })),
            "{url}: {refused:?}"
        );
        assert!(!lab.path("i.git").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_and_tags_arrive_and_ours_do_not() {
    let (lab, head) = Lab::with(&[("a", "1\n")]).await;
    for ours in [
        "refs/tags/v1",
        "refs/heads/devlab/task_x",
        "refs/heads/dev",
        "refs/devlab/keep/x",
    ] {
        lab.set(ours, None, Some(&head)).await;
    }
    lab.repo.set_head(&name("refs/heads/dev")).await.unwrap();
    let server = Server::start(&lab.repo).await;
    server.open(FetchPolicy::All, ReceivePolicy::Refused);
    let dest = lab.path("i.git");
    let get = async |url: &str, limits| {
        import_https(&git(), url, &dest, limits, ImportFrom::LoopbackForTests).await
    };
    let small = ImportLimits {
        bytes_max: 10,
        timeout: Duration::from_secs(60),
    };
    let large = get(&server.bare_url(), small).await;
    assert!(matches!(large, Err(Error::TooLarge { .. })), "{large:?}");
    assert!(!dest.exists());
    let named = server.bare_url().replace("127.0.0.1", "localhost");
    let repo = get(&named, ImportLimits::default()).await.unwrap();
    assert_eq!(repo.head_branch().await.unwrap(), name("refs/heads/dev"));
    let refs: Vec<String> = repo
        .list_refs("refs")
        .await
        .unwrap()
        .iter()
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(refs, ["refs/heads/dev", "refs/heads/main", "refs/tags/v1"]);
    assert_eq!(repo.resolve(&main_ref()).await.unwrap(), Some(head));
    let config = std::fs::read_to_string(dest.join("config")).unwrap();
    assert!(!config.contains("remote"), "{config}");
    let again = get(&named, ImportLimits::default()).await;
    assert!(matches!(again, Err(Error::NotEmpty { .. })), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let (lab, _) = Lab::with(&[("a", "1\n")]).await;
    let server = Server::start(&lab.repo).await;
    server.open(FetchPolicy::All, ReceivePolicy::Refused);
    let url = format!("http://{}/redirect.git", server.address);
    let outcome = import_https(
        &git(),
        &url,
        &lab.path("i.git"),
        ImportLimits::default(),
        ImportFrom::LoopbackForTests,
    )
    .await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert!(!lab.path("i.git").exists());
    assert!(!lab.path(".i.git.import").exists());
}
