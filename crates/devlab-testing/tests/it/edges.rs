//! The crate graph is a decision, not an accident: these tests read what cargo
//! itself says of the workspace and refuse an edge that the table does not
//! allow, or a quarantined dependency outside its owner.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// One row of the table of crates: what a crate may use, and why no more.
struct Row {
    /// The crate.
    name: &'static str,
    /// Crates of ours that it may use in normal and build dependencies.
    may_use: &'static [&'static str],
    /// Why the row is what it is; printed with a refusal.
    because: &'static str,
}

/// The table of the architecture. Rows of crates that do not exist yet stand
/// here already, so that their first manifest is checked.
const TABLE: &[Row] = &[
    Row {
        name: "devlab-core",
        may_use: &[],
        because: "the rules are pure; nothing of ours lies below them",
    },
    Row {
        name: "devlab-api",
        may_use: &["devlab-core"],
        because: "the wire borrows ids and enums, never behaviour",
    },
    Row {
        name: "devlab-store",
        may_use: &["devlab-core"],
        because: "rows never meet the wire",
    },
    Row {
        name: "devlab-forge",
        may_use: &["devlab-core"],
        because: "git plumbing knows neither state nor HTTP",
    },
    Row {
        name: "devlab-sandbox",
        may_use: &["devlab-core"],
        because: "isolation serves any process, not only agents",
    },
    Row {
        name: "devlab-runtime",
        may_use: &["devlab-core"],
        because: "a runtime starts agents and knows no tasks",
    },
    Row {
        name: "devlab-llm",
        may_use: &["devlab-core"],
        because: "model providers know no tasks",
    },
    Row {
        name: "devlab-mcp",
        may_use: &["devlab-api", "devlab-core"],
        because: "tools are the API in another form",
    },
    Row {
        name: "devlab-orchestrator",
        may_use: &[
            "devlab-core",
            "devlab-forge",
            "devlab-llm",
            "devlab-mcp",
            "devlab-runtime",
            "devlab-store",
        ],
        because: "use cases join the parts, and do not know the wire",
    },
    Row {
        name: "devlab-agent",
        may_use: &[
            "devlab-api",
            "devlab-core",
            "devlab-forge",
            "devlab-sandbox",
        ],
        because: "an agent reaches state over HTTP only",
    },
    Row {
        name: "devlab-server",
        may_use: &["devlab-api", "devlab-core", "devlab-orchestrator"],
        because: "handlers call use cases; they open no store and run no git",
    },
    Row {
        name: "devlab-bench",
        may_use: &["devlab-api", "devlab-store"],
        because: "load comes from outside, as from any client; it starts the PostgreSQL of tests",
    },
    Row {
        name: "devlab-testing",
        may_use: &[
            "devlab-agent",
            "devlab-api",
            "devlab-core",
            "devlab-forge",
            "devlab-llm",
            "devlab-mcp",
            "devlab-orchestrator",
            "devlab-runtime",
            "devlab-sandbox",
            "devlab-server",
            "devlab-store",
        ],
        because: "fixtures assemble everything but the binary, which its own tests start as a process",
    },
    Row {
        name: "devlab",
        may_use: &[
            "devlab-agent",
            "devlab-api",
            "devlab-core",
            "devlab-forge",
            "devlab-llm",
            "devlab-mcp",
            "devlab-orchestrator",
            "devlab-runtime",
            "devlab-sandbox",
            "devlab-server",
            "devlab-store",
        ],
        because: "the binary wires everything, but no fixture may be shipped in it",
    },
];

/// A heavy dependency and the crates of ours that may name it.
struct Quarantine {
    /// The dependency.
    name: &'static str,
    /// Crates that may use it in any way.
    owners: &'static [&'static str],
    /// Crates whose tests may use it besides.
    in_tests_of: &'static [&'static str],
}

/// Must agree with the wrappers in `deny.toml`, which also sees indirect users.
const QUARANTINES: &[Quarantine] = &[
    Quarantine {
        name: "rusqlite",
        owners: &["devlab-store"],
        in_tests_of: &[],
    },
    Quarantine {
        name: "refinery",
        owners: &["devlab-store"],
        in_tests_of: &[],
    },
    Quarantine {
        name: "tokio-postgres",
        owners: &["devlab-store"],
        in_tests_of: &[],
    },
    Quarantine {
        name: "object_store",
        owners: &["devlab-store"],
        in_tests_of: &[],
    },
    Quarantine {
        name: "axum",
        owners: &["devlab-server", "devlab-testing"],
        in_tests_of: &["devlab-forge"],
    },
    Quarantine {
        name: "clap",
        owners: &["devlab", "devlab-bench"],
        in_tests_of: &[],
    },
    Quarantine {
        name: "reqwest",
        owners: &[
            "devlab-api",
            "devlab-bench",
            "devlab-server",
            "devlab-store",
            "devlab-testing",
        ],
        in_tests_of: &[],
    },
    Quarantine {
        name: "bollard",
        owners: &["devlab-runtime"],
        in_tests_of: &[],
    },
    Quarantine {
        name: "kube",
        owners: &["devlab-runtime"],
        in_tests_of: &[],
    },
    Quarantine {
        name: "rmcp",
        owners: &["devlab-mcp"],
        in_tests_of: &[],
    },
    Quarantine {
        name: "agent-client-protocol",
        owners: &["devlab-agent"],
        in_tests_of: &[],
    },
];

/// One line of a manifest's dependencies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    dev: bool,
}

/// The workspace's crates and all their direct dependencies, as cargo reads them.
fn workspace() -> (BTreeSet<String>, Vec<Edge>) {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    edges_of(&metadata)
}

/// Reads crates and edges out of the answer of `cargo metadata --no-deps`.
fn edges_of(metadata: &Value) -> (BTreeSet<String>, Vec<Edge>) {
    let mut names = BTreeSet::new();
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let from = package["name"].as_str().unwrap().to_owned();
        for dependency in package["dependencies"].as_array().unwrap() {
            edges.push(Edge {
                from: from.clone(),
                to: dependency["name"].as_str().unwrap().to_owned(),
                dev: dependency["kind"].as_str() == Some("dev"),
            });
        }
        names.insert(from);
    }
    (names, edges)
}

/// Every crate without a row, and every edge between our crates that no row allows.
fn refused_edges(names: &BTreeSet<String>, edges: &[Edge]) -> Vec<String> {
    let rows: BTreeMap<&str, &Row> = TABLE.iter().map(|row| (row.name, row)).collect();
    let mut refused: Vec<String> = names
        .iter()
        .filter(|name| !rows.contains_key(name.as_str()))
        .map(|name| format!("{name} has no row in the table of crates"))
        .collect();
    for edge in edges
        .iter()
        .filter(|edge| !edge.dev && names.contains(&edge.to))
    {
        if let Some(row) = rows.get(edge.from.as_str())
            && !row.may_use.contains(&edge.to.as_str())
        {
            refused.push(format!(
                "{} may not use {}: {}",
                edge.from, edge.to, row.because
            ));
        }
    }
    refused
}

/// Every direct use of a quarantined dependency outside its owners.
fn escaped_quarantines(edges: &[Edge]) -> Vec<String> {
    let mut escaped = Vec::new();
    for quarantine in QUARANTINES {
        for edge in edges.iter().filter(|edge| edge.to == quarantine.name) {
            let from = edge.from.as_str();
            let allowed = quarantine.owners.contains(&from)
                || (edge.dev && quarantine.in_tests_of.contains(&from));
            if !allowed {
                escaped.push(format!(
                    "{from} uses {}, which belongs to {:?}",
                    edge.to, quarantine.owners
                ));
            }
        }
    }
    escaped
}

#[test]
fn no_crate_uses_what_the_table_does_not_allow() {
    let (names, edges) = workspace();
    assert!(
        names.contains("devlab-core") && names.len() > 5,
        "this is not the workspace: {names:?}"
    );
    let refused = refused_edges(&names, &edges);
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}

#[test]
fn quarantined_dependencies_stay_with_their_owners() {
    let (names, edges) = workspace();
    let escaped = escaped_quarantines(&edges);
    assert!(escaped.is_empty(), "\n{}", escaped.join("\n"));

    // A misspelt name would guard nothing: the ones that this workspace is known to need are there.
    for used in ["rusqlite", "axum", "clap"] {
        assert!(
            edges.iter().any(|edge| edge.to == used),
            "nothing uses {used} in {names:?}"
        );
    }
}

#[test]
fn the_table_has_one_row_per_crate_and_no_cycle() {
    let names: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), TABLE.len(), "a crate has two rows");

    // Kahn's order: a row is settled when everything it may use is.
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    while let Some(row) = TABLE.iter().find(|row| {
        !settled.contains(row.name) && row.may_use.iter().all(|used| settled.contains(used))
    }) {
        settled.insert(row.name);
    }
    assert_eq!(
        settled, names,
        "the rows that are missing on the left use each other in a circle"
    );
}

#[test]
fn a_forbidden_edge_is_found() {
    let package = |name: &str, dependencies: Value| serde_json::json!({ "name": name, "dependencies": dependencies });
    let metadata = serde_json::json!({ "packages": [
        package("devlab-core", serde_json::json!([{ "name": "devlab-testing", "kind": "dev" }])),
        package("devlab-store", serde_json::json!([{ "name": "devlab-api", "kind": "build" }])),
        package("devlab-api", serde_json::json!([{ "name": "rusqlite", "kind": "dev" }])),
        package("devlab-forge", serde_json::json!([{ "name": "axum", "kind": "dev" }])),
        package("devlab-runtime", serde_json::json!([{ "name": "axum", "kind": null }])),
        package("devlab-server", serde_json::json!([{ "name": "devlab-testing", "kind": null }])),
        package("devlab-testing", serde_json::json!([])),
        package("devlab-utils", serde_json::json!([])),
    ] });
    let (names, edges) = edges_of(&metadata);
    let refused = refused_edges(&names, &edges);
    let escaped = escaped_quarantines(&edges);
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert_eq!(refused[0], "devlab-utils has no row in the table of crates");
    assert!(
        refused[1].starts_with("devlab-store may not use devlab-api"),
        "{refused:?}"
    );
    assert!(
        refused[2].starts_with("devlab-server may not use devlab-testing"),
        "{refused:?}"
    );
    assert_eq!(escaped.len(), 2, "{escaped:?}");
    assert!(
        escaped[0].starts_with("devlab-api uses rusqlite"),
        "{escaped:?}"
    );
    assert!(
        escaped[1].starts_with("devlab-runtime uses axum"),
        "{escaped:?}"
    );
}
