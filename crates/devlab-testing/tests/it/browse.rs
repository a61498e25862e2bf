//! Looking through a project's repository over HTTP.

use devlab_api::client::ClientError;
use devlab_api::project::Folder;
use devlab_testing::TestServer;
use devlab_testing::raw::{Reply, Request};

fn names(folder: &Folder) -> Vec<(&str, &str, Option<u64>)> {
    let all = folder.entries.iter();
    all.map(|entry| (entry.name.as_str(), entry.kind.as_str(), entry.size))
        .collect()
}

#[track_caller]
fn refused(answer: Result<impl std::fmt::Debug, ClientError>, code: &str) {
    let error = answer.unwrap_err();
    assert_eq!(error.problem().unwrap().code, code, "{error}");
}

#[tokio::test]
async fn folders_and_files_are_those_of_the_commit() {
    let server = TestServer::start().await;
    let files = [
        ("a b.txt", "one\n"),
        ("src/lib.rs", "//! Library.\n"),
        ("src/deep/x", ""),
    ];
    let (project, checkout) = server.project_with("default", &files).await;
    let admin = server.admin();
    let root = admin.project_tree(project.id, None, "").await.unwrap();
    assert_eq!(Some(&root.commit), project.head.as_ref());
    assert!(!root.cut && root.path.is_empty());
    assert_eq!(
        names(&root),
        [("a b.txt", "file", Some(4)), ("src", "folder", None)]
    );
    let src = admin.project_tree(project.id, None, "src").await.unwrap();
    assert_eq!(
        names(&src),
        [("deep", "folder", None), ("lib.rs", "file", Some(13))]
    );
    let text = admin.project_blob(project.id, None, "a b.txt").await;
    assert_eq!(&text.unwrap()[..], b"one\n");
    let empty = admin.project_blob(project.id, None, "src/deep/x").await;
    assert!(empty.unwrap().is_empty());

    // Another commit has other files; the default stays the head.
    let other = checkout.commit(&[("a b.txt", "two\n")], "Two").await;
    let other = Some(other.as_str());
    refused(admin.project_tree(project.id, other, "").await, "not_found");
    server.push(&checkout, &project, "topic").await;
    let there = admin.project_blob(project.id, other, "a b.txt").await;
    assert_eq!(&there.unwrap()[..], b"two\n");
    let here = admin.project_blob(project.id, None, "a b.txt").await;
    assert_eq!(&here.unwrap()[..], b"one\n");

    for path in ["nowhere", "a b.txt", "src/lib.rs"] {
        refused(
            admin.project_tree(project.id, None, path).await,
            "not_found",
        );
    }
    for path in ["nowhere", "src", "src/none"] {
        refused(
            admin.project_blob(project.id, None, path).await,
            "not_found",
        );
    }
    for path in ["..", "/etc", "src/", "src/../a b.txt"] {
        refused(admin.project_tree(project.id, None, path).await, "invalid");
        refused(admin.project_blob(project.id, None, path).await, "invalid");
    }
    let head = Some("HEAD");
    refused(admin.project_tree(project.id, head, "").await, "invalid");
    server.stop().await;
}

async fn blob(server: &TestServer, project: &str, path: &str) -> Reply {
    let target = format!("/v1/projects/{project}/blob?path={path}&inline=true");
    let request = Request::get(target).token(server.admin_secret());
    request.send(server.addr()).await
}

#[tokio::test]
async fn what_is_in_a_repository_is_not_run_by_a_browser_and_has_a_bound() {
    let server = TestServer::start().await;
    let large = "x".repeat(4 * 1024 * 1024 + 1);
    let files = [
        ("page.html", "<script>steal()</script>"),
        ("notes.md", "# Notes\n"),
        ("large", &large),
    ];
    let (project, _checkout) = server.project_with("default", &files).await;
    let id = project.id.to_string();
    let page = blob(&server, &id, "page.html").await;
    let said = page.header("content-disposition").unwrap();
    assert!(said.starts_with("attachment"), "{said}");
    let notes = blob(&server, &id, "notes.md").await;
    let said = notes.header("content-disposition").unwrap();
    assert!(said.starts_with("inline"), "{said}");
    for reply in [&page, &notes] {
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("sandbox"), "{policy}");
    }
    let large = blob(&server, &id, "large").await;
    assert_eq!(large.problem().code, "too_large");

    // A folder of many entries is listed as far as the bound goes.
    let many: Vec<_> = (0..5_001).map(|n| (format!("many/{n:05}"), "")).collect();
    let many: Vec<_> = many
        .iter()
        .map(|(path, text)| (path.as_str(), *text))
        .collect();
    let (project, _checkout) = server.project_with("default", &many).await;
    let folder = server.admin().project_tree(project.id, None, "many").await;
    let folder = folder.unwrap();
    assert!(folder.cut);
    assert_eq!(folder.entries.len(), 5_000);
    assert_eq!(folder.entries[4_999].name, "04999");
    server.stop().await;
}

#[tokio::test]
async fn an_empty_repository_has_nothing_to_look_at() {
    let server = TestServer::start().await;
    let project = devlab_api::project::CreateProject {
        name: "empty".to_owned(),
        org: Some("default".to_owned()),
        ..Default::default()
    };
    let project = server.admin().create_project(&project).await.unwrap();
    let tree = server.admin().project_tree(project.id, None, "").await;
    refused(tree, "not_found");
    server.stop().await;
}
