//! `devlab doctor`: what is missing on this machine, and how to get it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use devlab_core::state::StateName;
use devlab_store::blobs::{BlobError, BlobPlace, BlobStore};
use devlab_store::sqlite::{SqliteOptions, SqliteStore};
use serde::Serialize;

use crate::args::Output;
use crate::client::all;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::{Home, ServerFile};
use crate::lab::serve;
use crate::show;

/// Free space below which work is likely to fail.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// Free space below which a big repository may fail.
const FREE_BYTES_GOOD: u64 = 5 << 30;
/// Difference of two clocks that confuses people who read times.
const CLOCK_SKEW_MAX_MS: i64 = 5_000;

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Good,
    Warning,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    health: Health,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    fix: String,
}

fn good(what: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        what,
        health: Health::Good,
        found: found.into(),
        fix: String::new(),
    }
}

fn not_good(
    what: &'static str,
    health: Health,
    found: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        what,
        health,
        found: found.into(),
        fix: fix.into(),
    }
}

/// `devlab doctor`.
pub(crate) async fn run(context: &Context) -> anyhow::Result<()> {
    let home = context.home()?;
    let server = home.server();
    let mut findings = git(context).await;
    findings.push(folder(&home));
    findings.push(space(home.path()));
    findings.push(store(context, &home, server.as_ref()).await);
    findings.push(blobs(context, &home).await);
    findings.push(port(context, server.as_ref()).await);
    findings.extend(lab(context).await);
    print(context, &findings)?;
    let bad = findings
        .iter()
        .filter(|finding| finding.health == Health::Bad)
        .count();
    if bad > 0 {
        return Err(Failure::new(
            Exit::Failed,
            match bad {
                1 => "one thing has to be put right".to_owned(),
                bad => format!("{bad} things have to be put right"),
            },
        ));
    }
    Ok(())
}

fn print(context: &Context, findings: &[Finding]) -> anyhow::Result<()> {
    if context.output == Output::Json {
        return show::json(&findings);
    }
    for finding in findings {
        let (style, sign) = match finding.health {
            Health::Good => (show::GREEN, "✓"),
            Health::Warning => (show::YELLOW, "!"),
            Health::Bad => (show::RED, "✗"),
        };
        show::line(&format!(
            "{style}{sign}{style:#} {:12} {}",
            finding.what, finding.found
        ))?;
        if !finding.fix.is_empty() {
            show::line(&format!("  {:12} → {}", "", finding.fix))?;
        }
    }
    Ok(())
}

async fn git(context: &Context) -> Vec<Finding> {
    let git = serve::git(context);
    // The errors of both say what to install.
    let version = match git.version().await {
        Ok(version) => good("git", version),
        Err(error) => not_good(
            "git",
            Health::Bad,
            error.to_string(),
            "on Debian: apt-get install git",
        ),
    };
    let backend = match git.http_backend().await {
        Ok(path) => good("http-backend", path.display().to_string()),
        Err(error) => not_good(
            "http-backend",
            Health::Bad,
            error.to_string(),
            "it is part of git; on Debian: apt-get install git",
        ),
    };
    vec![version, backend]
}

fn folder(home: &Home) -> Finding {
    let path = home.path();
    let shown = path.display();
    let Ok(data) = std::fs::metadata(path) else {
        return match writable_parent(path) {
            true => good("folder", format!("{shown} (made by the first `devlab up`)")),
            false => not_good(
                "folder",
                Health::Bad,
                format!("{shown} is not there and cannot be made"),
                "set DEVLAB_HOME to a folder of yours",
            ),
        };
    };
    if data.permissions().mode() & 0o077 != 0 {
        return not_good(
            "folder",
            Health::Warning,
            format!("others of this machine can look into {shown}"),
            format!("chmod 700 {shown}"),
        );
    }
    match tempfile::tempfile_in(path) {
        Ok(_) => good("folder", shown.to_string()),
        Err(error) => not_good(
            "folder",
            Health::Bad,
            format!("{shown} cannot be written: {error}"),
            "mend its permissions, or set DEVLAB_HOME to another folder",
        ),
    }
}

/// Whether the nearest folder that exists takes files.
fn writable_parent(path: &Path) -> bool {
    let nearest = path.ancestors().find(|folder| folder.is_dir());
    nearest.is_some_and(|folder| tempfile::tempfile_in(folder).is_ok())
}

fn space(path: &Path) -> Finding {
    let nearest = path
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"));
    let Ok(stat) = rustix::fs::statvfs(nearest) else {
        return not_good(
            "disk",
            Health::Warning,
            "cannot be measured",
            "look with df",
        );
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let found = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
    let fix = "make room, or set DEVLAB_HOME to a folder on another disk";
    match free {
        ..FREE_BYTES_MIN => not_good("disk", Health::Bad, found, fix),
        FREE_BYTES_MIN..FREE_BYTES_GOOD => not_good("disk", Health::Warning, found, fix),
        _ => good("disk", found),
    }
}

/// A store that nobody has open is opened, which also recovers and migrates it.
async fn store(context: &Context, home: &Home, server: Option<&ServerFile>) -> Finding {
    if let Some(server) = server {
        return good("store", format!("open in process {}", server.process.pid));
    }
    let folder = home.database();
    if !folder.is_dir() {
        return good("store", "none yet (made by the first `devlab up`)");
    }
    let clock = std::sync::Arc::clone(&context.clock);
    let options = SqliteOptions::new(&folder, clock, std::sync::Arc::new(|_| ()));
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await;
    match opened {
        Ok(Ok(store)) => {
            use devlab_store::Store as _;
            store.close().await.ok();
            good("store", format!("{} opens", folder.display()))
        }
        Ok(Err(error)) => not_good(
            "store",
            Health::Bad,
            error.to_string(),
            "the text says what to do",
        ),
        Err(error) => not_good(
            "store",
            Health::Bad,
            error.to_string(),
            "this is a defect of devlab",
        ),
    }
}

/// Writes, reads and removes something where logs and artifacts go, and looks whose place it is.
async fn blobs(context: &Context, home: &Home) -> Finding {
    let bad = |found: String, fix: &str| not_good("blobs", Health::Bad, found, fix);
    let place = match context.settings.blobs() {
        Ok(place) => place,
        Err(error) => return bad(error.to_string(), "see `devlab config`"),
    };
    if let BlobPlace::Folder(dir) = &place
        && !dir.exists()
    {
        let found = format!("{} (made by the first start)", dir.display());
        return match writable_parent(dir) {
            true => good("blobs", found),
            false => bad(
                format!("{} is not there and cannot be made", dir.display()),
                "set DEVLAB_BLOBS to a folder or a bucket of yours",
            ),
        };
    }
    let tried = async {
        let blobs = BlobStore::open(&place)?;
        blobs.probe().await?;
        let owner = blobs.owner().await?;
        Ok::<_, BlobError>(match owner.zip(home.lab_id()) {
            Some((owner, own)) if owner != own => Some(blobs.owner_name()),
            Some(_) | None => None,
        })
    };
    let named = place.describe();
    match tried.await {
        Ok(None) => good("blobs", format!("{named} takes and gives bytes")),
        Ok(Some(mark)) => bad(
            format!("{named} is another lab's, by the object {mark}"),
            "set DEVLAB_BLOBS to a prefix, a bucket or a folder of this lab's own",
        ),
        Err(error) => bad(error.to_string(), "the text says what to do"),
    }
}

async fn port(context: &Context, server: Option<&ServerFile>) -> Finding {
    let Ok(bind) = context.settings.bind() else {
        return not_good(
            "address",
            Health::Bad,
            "DEVLAB_BIND is wrong",
            "see `devlab config`",
        );
    };
    if let Some(server) = server {
        return good("address", format!("{} (the lab)", server.url));
    }
    match tokio::net::TcpListener::bind(bind).await {
        Ok(_) => good("address", format!("{bind} is free")),
        Err(error) => not_good(
            "address",
            Health::Bad,
            format!("{bind} cannot be listened on: {error}"),
            "stop what uses it (`ss -ltnp` shows it), or set DEVLAB_BIND",
        ),
    }
}

/// What the lab says of itself, if one answers.
async fn lab(context: &Context) -> Vec<Finding> {
    let lab = match context.lab() {
        Ok(lab) => lab,
        Err(error) => {
            let found = error.to_string();
            return vec![not_good("lab", Health::Bad, found, "see `devlab config`")];
        }
    };
    if let Err(error) = lab.client.ready().await {
        let found = format!("{} does not answer: {error}", lab.url);
        return vec![not_good(
            "lab",
            Health::Warning,
            found,
            "`devlab up` starts one here",
        )];
    }
    let mut findings = vec![good("lab", format!("{} answers", lab.url))];
    let me = match lab.client.whoami().await {
        Ok(me) => me,
        Err(error) => {
            let fix = "give a token with DEVLAB_TOKEN or --token";
            findings.push(not_good("token", Health::Bad, error.to_string(), fix));
            return findings;
        }
    };
    findings.push(good("token", format!("{} ({})", me.role, me.token)));
    if let Ok(agents) = all(None, async |page| lab.client.agents(None, &page).await).await {
        let online: Vec<_> = agents.iter().filter(|agent| agent.online).collect();
        findings.push(match online.len() {
            0 => not_good(
                "agents",
                Health::Warning,
                "none is online: nothing will be worked on",
                "`devlab up` starts local ones, `devlab agent` one more",
            ),
            count => good("agents", format!("{count} online")),
        });
        // An agent that waits for work calls at least every half minute: its time is the lab's.
        let ahead = agents.iter().map(|agent| agent.seen_at.as_millis()).max();
        let ahead = ahead.map_or(0, |seen| seen - context.now().as_millis());
        findings.push(match ahead > CLOCK_SKEW_MAX_MS {
            true => not_good(
                "clock",
                Health::Warning,
                format!(
                    "the lab's clock is {} s ahead of this machine's",
                    ahead / 1000
                ),
                "let both follow a time server; leases are not affected",
            ),
            false => good("clock", "agrees with the lab's"),
        });
    }
    if let Ok(stuck) = waiting(&lab.client).await
        && stuck > 0
    {
        findings.push(not_good(
            "tasks",
            Health::Warning,
            match stuck {
                1 => "1 waits for a person".to_owned(),
                stuck => format!("{stuck} wait for a person"),
            },
            "`devlab task list --state waiting` shows them",
        ));
    }
    findings
}

async fn waiting(client: &devlab_api::client::Client) -> anyhow::Result<usize> {
    let query = devlab_api::client::TaskQuery {
        state: Some(StateName::Waiting.as_str().to_owned()),
        ..Default::default()
    };
    Ok(client.tasks(&query).await?.items.len())
}
