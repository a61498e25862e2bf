//! `devlab provenance verify`: without a lab.

use std::path::Path;

use anyhow::Context as _;
use devlab_core::Oid;
use devlab_core::provenance::{
    Broken, NOTE_BYTES_MAX, NOTES_REF, Note, PublicKey, Verified, verify,
};
use serde::Deserialize;
use serde_json::json;

use super::ROOT_KEY;
use super::objects::Objects;
use crate::args::Output;
use crate::checkout::git::Checkout;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::show;

/// Longest file with a key.
const KEY_BYTES_MAX: u64 = 1 << 20;

/// `devlab provenance verify`.
pub(super) async fn run(
    context: &Context,
    clone: &Checkout,
    name: &str,
    key: Option<&str>,
) -> anyhow::Result<()> {
    let root = match key {
        Some(given) => key_of(given)?,
        None => stored(clone).await?,
    };
    let commit = clone.resolve(name).await?;
    let commit = commit.ok_or_else(|| {
        Failure::not_found(format!(
            "{} has no commit {}",
            clone.top().display(),
            show::printable(name)
        ))
    })?;
    match check(clone, &commit.parse()?, root).await? {
        Ok(verified) => print(context, &verified),
        Err(broken) => {
            let place = json!({ "ok": false, "commit": commit, "broken": broken });
            show::done(context.output, &place)?;
            Err(Failure::new(
                Exit::Failed,
                format!(
                    "the provenance of {} does not hold\n  {}",
                    show::commit(&commit),
                    show::printable(&broken.to_string())
                ),
            ))
        }
    }
}

/// Verifies the note that a clone has of a commit.
///
/// # Errors
/// It has none, or cannot be read. What does not hold is no error here.
pub(crate) async fn check(
    clone: &Checkout,
    commit: &Oid,
    root: PublicKey,
) -> anyhow::Result<Result<Verified, Broken>> {
    let list = ["notes", "--ref", NOTES_REF, "list", commit.as_str()];
    if !clone.holds(&list).await? {
        return Err(Failure::not_found(format!(
            "{} has no provenance of {commit}: the merges of goals into the default branch have \
             one\n  → `devlab provenance fetch` brings them in",
            clone.top().display()
        )));
    }
    let note: Oid = clone.run(&list).await?.parse()?;
    let (dir, commit) = (clone.top().to_owned(), commit.clone());
    let work = move || read_and_verify(&dir, &note, &commit, &root);
    tokio::task::spawn_blocking(work).await?
}

fn read_and_verify(
    dir: &Path,
    note: &Oid,
    commit: &Oid,
    root: &PublicKey,
) -> anyhow::Result<Result<Verified, Broken>> {
    let mut objects = Objects::of(dir).map_err(anyhow::Error::msg)?;
    let broken = |why| Ok(Err(Broken::at("the note", why)));
    let text = match objects.read(note, "blob", NOTE_BYTES_MAX as u64) {
        Ok(text) => text.context("the note has gone")?,
        Err(why) => return broken(why),
    };
    match Note::from_text(&text) {
        Ok(note) => Ok(verify(&note, commit, root, &mut objects)),
        Err(why) => broken(format!("it {why}")),
    }
}

/// The key that the clone remembers.
async fn stored(clone: &Checkout) -> anyhow::Result<PublicKey> {
    let text = clone.config(ROOT_KEY).await?;
    let text = text.ok_or_else(|| {
        Failure::usage(
            "give the root key of the org with --key\n  → `devlab provenance key` prints it; \
             `devlab provenance fetch` stores it in this clone",
        )
    })?;
    Ok(text.trim().parse()?)
}

/// A key as digits, or a file with it: what `devlab provenance key` prints.
fn key_of(given: &str) -> anyhow::Result<PublicKey> {
    #[derive(Deserialize)]
    struct Keys {
        root: PublicKey,
    }
    if let Ok(key) = given.parse() {
        return Ok(key);
    }
    let about = || Failure::usage(format!("{given} is no key, and no file with one"));
    let meta = std::fs::metadata(given).map_err(|_| about())?;
    if meta.len() > KEY_BYTES_MAX {
        return Err(about());
    }
    let text = std::fs::read_to_string(given).map_err(|_| about())?;
    if let Ok(keys) = serde_json::from_str::<Keys>(&text) {
        return Ok(keys.root);
    }
    text.trim().parse().map_err(|_| about())
}

fn print(context: &Context, verified: &Verified) -> anyhow::Result<()> {
    if context.output == Output::Json {
        let mut whole = serde_json::to_value(verified)?;
        whole["ok"] = json!(true);
        return show::json(&whole);
    }
    for link in &verified.links {
        let says = show::printable(&link.says).replace('\n', " ");
        show::line(&format!(
            "{0}✓{0:#} {1:>4}  {2:8}  {says}",
            show::GREEN,
            link.number,
            link.kind
        ))?;
    }
    let stands = match verified.proven {
        true => "every task is proven by checks",
        false => "not every task is proven by checks",
    };
    show::line(&format!(
        "{} is what became of \"{}\" ({}): {} hold, signed by the key of {}{}; {stands}",
        show::commit(verified.commit.as_str()),
        show::printable(&verified.title),
        verified.goal,
        show::count(verified.links.len() as u64, "link"),
        verified.org,
        match verified.rotations {
            0 => String::new(),
            n => format!(" after {}", show::count(n, "rotation")),
        },
    ))
}
