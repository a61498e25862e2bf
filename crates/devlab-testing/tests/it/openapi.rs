//! The document: what it says is what the server does, and it changes only on purpose.

use std::collections::BTreeSet;

use devlab_testing::TestServer;
use devlab_testing::raw::Request;
use serde_json::Value;

/// Every operation of the document: method, path, and what it says.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods
            .filter(|(method, _)| *method != "parameters")
            .map(|(method, operation)| (method.to_ascii_uppercase(), path.clone(), operation))
    });
    all.collect()
}

/// Every `$ref` of a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                found.insert(target.clone());
            }
            members
                .values()
                .for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_document_changes_only_on_purpose() {
    let server = TestServer::start().await;
    let served = server.send(&Request::get("/openapi.json")).await.json();
    assert_eq!(&served, server.document());
    insta::assert_json_snapshot!("openapi", served, { ".info.version" => "[version]" });
    server.stop().await;
}

#[tokio::test]
async fn every_operation_says_what_a_client_needs() {
    let server = TestServer::start().await;
    let document = server.document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(document) {
        let name = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(
            !id.is_empty() && ids.insert(id),
            "{name}: operationId {id:?}"
        );
        assert_eq!(
            operation["tags"].as_array().map(Vec::len),
            Some(1),
            "{name}"
        );
        assert!(operation["summary"].is_string(), "{name}");
        // Either it is for some roles, or it says in so many words that it needs no token.
        let security = operation["security"].as_array();
        let roles = operation["x-devlab-roles"].as_array();
        match roles {
            Some(roles) => assert!(!roles.is_empty() && security.unwrap().len() == 1, "{name}"),
            None => assert_eq!(security.map(Vec::len), Some(0), "{name}"),
        }
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.contains_key("default"), "{name}");
        assert!(
            answers.keys().any(|status| status.starts_with('2')),
            "{name}"
        );
        // Each `{name}` of a path is described, and nothing else is.
        let written: BTreeSet<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|part| part.trim_start_matches('*'))
            .collect();
        let parameters = operation["parameters"].as_array();
        let described: BTreeSet<&str> = parameters
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(written, described, "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let server = TestServer::start().await;
    let document = server.document();
    let mut found = BTreeSet::new();
    references(document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for target in &found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_with_the_document_is_told_that_it_has_it() {
    let server = TestServer::start().await;
    let first = server.send(&Request::get("/openapi.json")).await;
    let etag = first.header("etag").unwrap();
    let again = Request::get("/openapi.json").header("if-none-match", etag);
    let again = server.send(&again).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let page = server.send(&Request::get("/docs")).await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src")
    );
    server.stop().await;
}
