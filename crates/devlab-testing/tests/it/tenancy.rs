//! Every operation of the document, called by everybody: the table in `tenancy.txt` says who may,
//! and what another org has is answered like what nobody has.

mod foreign;
mod own;
mod world;

use std::collections::BTreeMap;

use devlab_core::auth::Role;
use devlab_testing::raw::{Reply, Request};

use crate::openapi::operations;
use world::{Ids, World};

/// Who is in the table, besides `anyone`.
const CALLERS: [&str; 6] = ["viewer", "operator", "admin", "agent", "global", "metrics"];

/// Who may call each operation.
fn table() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut table = BTreeMap::new();
    let lines = include_str!("tenancy.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let operation = words.next().unwrap();
        let callers: Vec<_> = words.collect();
        let known = |caller: &&str| *caller == "anyone" || CALLERS.contains(caller);
        assert!(!callers.is_empty() && callers.iter().all(known), "{line}");
        assert!(table.insert(operation, callers).is_none(), "{line}");
    }
    table
}

/// An operation of the document.
struct Operation {
    id: String,
    method: String,
    path: String,
}

fn walk(world: &World) -> Vec<Operation> {
    let document = world.server.document();
    let all = operations(document).into_iter();
    all.map(|(method, path, operation)| Operation {
        id: operation["operationId"].as_str().unwrap().to_owned(),
        method,
        path,
    })
    .collect()
}

async fn send(
    world: &World,
    operation: &Operation,
    request: Request,
    secret: Option<&str>,
) -> Reply {
    let request = match secret {
        Some(secret) => request.token(secret),
        None => request,
    };
    if operation.id.ends_with("stream") {
        return request.send_for_head(world.server.addr()).await;
    }
    world.server.send(&request).await
}

#[tokio::test]
async fn the_table_names_every_operation_and_the_document_agrees() {
    let world = World::new().await;
    let table = table();
    let document = world.server.document();
    let mut known = Vec::new();
    for (_, _, operation) in operations(document) {
        let id = operation["operationId"].as_str().unwrap();
        let callers = table
            .get(id)
            .unwrap_or_else(|| panic!("{id} is not in tenancy.txt"));
        known.push(id);
        let roles = operation["x-devlab-roles"].as_array();
        let roles: Vec<&str> = roles
            .into_iter()
            .flatten()
            .map(|role| role.as_str().unwrap())
            .collect();
        assert_eq!(roles.is_empty(), callers == &["anyone"], "{id}");
        for role in Role::ALL.map(Role::as_str) {
            let listed =
                callers.contains(&role) || (role == "admin" && callers.contains(&"global"));
            assert_eq!(roles.contains(&role), listed, "{id}: {role}");
        }
    }
    for id in table.keys() {
        assert!(known.contains(id), "{id} is in tenancy.txt only");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn nobody_is_let_in_without_a_token_that_is_good() {
    let world = World::new().await;
    let table = table();
    let revoked = world.server.new_token(Role::Admin, &world.a.org_name).await;
    world.admin().revoke_token(revoked.token.id).await.unwrap();
    for operation in walk(&world) {
        let open = table[operation.id.as_str()] == ["anyone"];
        let garbage = [None, Some("dl_garbage"), Some(revoked.secret.as_str())];
        for secret in garbage {
            let request =
                own::request(&world, &operation.id, &operation.method, &operation.path, 0);
            let reply = send(&world, &operation, request.await, secret).await;
            let name = format!("{} with {secret:?}", operation.id);
            assert_eq!(reply.status != 401, open, "{name}: {}", reply.text());
            if !open {
                assert_eq!(reply.problem().code, "unauthorized", "{name}");
                assert!(reply.header("www-authenticate").is_some(), "{name}");
            }
        }
    }
    world.server.stop().await;
}

#[tokio::test]
async fn everybody_may_do_what_the_table_says_and_no_more() {
    let world = World::new().await;
    let table = table();
    let mut n = 0;
    for operation in walk(&world) {
        let callers = &table[operation.id.as_str()];
        for caller in CALLERS {
            n += 1;
            let Operation { id, method, path } = &operation;
            let request = own::request(&world, id, method, path, n).await;
            let secret = &world.secrets[caller];
            let reply = send(&world, &operation, request, Some(secret)).await;
            let name = format!("{id} by {caller}: {} {}", reply.status, reply.text());
            if callers.contains(&"anyone") {
                assert!(![401, 403].contains(&reply.status), "{name}");
            } else if callers.contains(&caller) {
                assert!((200..300).contains(&reply.status), "{name}");
            } else {
                assert_eq!(reply.status, 403, "{name}");
                assert_eq!(reply.problem().code, "forbidden", "{name}");
            }
        }
    }
    world.server.stop().await;
}

/// Everything that org `a` has, as its admin sees it.
async fn everything(world: &World) -> String {
    let secret = &world.secrets["admin"];
    let a = &world.a;
    let mut all = String::new();
    for path in [
        "/tasks?limit=500&archived=true".to_owned(),
        "/projects?limit=500".to_owned(),
        "/agents?limit=500".to_owned(),
        "/tokens?limit=500".to_owned(),
        "/audit?limit=500".to_owned(),
        "/events?limit=500".to_owned(),
        format!("/patches/{}", a.patch),
        format!("/tasks/{}", a.task),
        format!("/tasks/{}/plans", a.planned),
        format!("/tasks/{}/attempts", a.task),
        format!("/tasks/{}/logs", a.task),
        format!("/tasks/{}/artifacts", a.task),
    ] {
        let reply = world.server.send(&Request::get(path).token(secret)).await;
        assert_eq!(reply.status, 200);
        all.push_str(&reply.text());
    }
    all
}

/// What a foreigner may ask and has to be answered as if it were not there.
struct Foreigner<'a> {
    world: &'a World,
    secret: &'a str,
}

impl Foreigner<'_> {
    /// Compares what is there with what is nowhere. Gives the number of requests.
    async fn ask(&self, operation: &Operation) -> usize {
        let Operation { id, method, path } = operation;
        let nothing = Ids::of_nothing();
        let (there, own) = (&self.world.a, &self.world.b);
        let asked = foreign::requests(id, method, path, there, own);
        let twins = foreign::requests(id, method, path, &nothing, own);
        assert_eq!(asked.len(), twins.len());
        let count = asked.len();
        for (request, twin) in asked.into_iter().zip(twins) {
            let said = format!("{request:?}");
            let got = send(self.world, operation, request, Some(self.secret)).await;
            let expected = send(self.world, operation, twin, Some(self.secret)).await;
            let text = format!("{}{:?}", got.text(), got.headers);
            for secret in there.texts() {
                let repeated = said.contains(&secret);
                assert!(repeated || !text.contains(&secret), "{id}: {said}\n{text}");
            }
            let answers = [(&got, there), (&expected, &nothing)];
            let [got, expected] =
                answers.map(|(reply, ids)| settle(&ids.hide(&reply.comparable())));
            assert_eq!(got, expected, "{id}: {said}");
        }
        count
    }
}

/// Leaves out what differs between two answers that both succeeded: what was made by them, and when
/// they were given.
fn settle(answer: &str) -> String {
    if answer.starts_with("20") && !answer.starts_with("200") {
        return answer.lines().next().unwrap_or_default().to_owned();
    }
    match answer.split_once("{\"at\":\"") {
        Some((head, rest)) => head.to_owned() + rest.split_once('"').unwrap().1,
        None => answer.to_owned(),
    }
}

#[tokio::test]
async fn what_another_org_has_is_answered_like_what_nobody_has() {
    let world = World::new().await;
    let table = table();
    let before = everything(&world).await;
    let mut count = 0;
    for operation in walk(&world) {
        let callers = &table[operation.id.as_str()];
        for role in ["viewer", "operator", "admin", "agent"] {
            if callers.contains(&role) {
                let secret = &world.secrets[&format!("foreign {role}")];
                let world = &world;
                count += Foreigner { world, secret }.ask(&operation).await;
            }
        }
    }
    assert!(count > 150, "{count}");
    assert_eq!(
        everything(&world).await,
        before,
        "a foreigner changed something"
    );
    world.server.stop().await;
}
