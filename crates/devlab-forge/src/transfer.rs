//! Fetching from and pushing to another git server over HTTP.

use std::fmt;
use std::fs::File;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use crate::error::{Error, Result, tail};
use crate::git::{Cmd, LONG_TIMEOUT, WHOLE_TIMEOUT};
use crate::name::{Oid, RefName};
use crate::repo::BareRepo;

/// Most refs that one fetch may name.
const FETCH_REFS_MAX: usize = 1_000;
/// How long a server that is copied from may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// What proves to a git server who we are. It is not shown by `Debug`.
#[derive(Clone)]
pub struct Credential {
    header: String,
}

impl Credential {
    /// Name and password (or token), as git clients send them.
    #[must_use]
    pub fn basic(user: &str, password: &str) -> Self {
        Self {
            header: format!(
                "Authorization: Basic {}",
                STANDARD.encode(format!("{user}:{password}"))
            ),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// A repository on another server.
#[derive(Debug, Clone)]
pub struct Remote {
    url: Url,
    credential: Option<Credential>,
}

impl Remote {
    /// A repository at an `http` or `https` address.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another scheme, or a name or password inside the address, where
    /// every process of the machine could read it.
    pub fn new(url: &str, credential: Option<Credential>) -> Result<Self> {
        let parsed = Url::parse(url).map_err(|_| Error::invalid("address", url, "not a URL"))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(Error::invalid(
                "address",
                url,
                "must begin with https:// or http://",
            ));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(Error::invalid(
                "address",
                parsed.host_str().unwrap_or_default(),
                "must not contain a name or password",
            ));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(Error::invalid(
                "address",
                url,
                "must not have a query or a fragment",
            ));
        }
        Ok(Self {
            url: parsed,
            credential,
        })
    }

    /// The same, with another credential.
    #[must_use]
    pub fn with(self, credential: Credential) -> Self {
        let credential = Some(credential);
        Self { credential, ..self }
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    fn allow(&self, command: Cmd) -> Cmd {
        let command = command
            .config("protocol.http.allow", "always")
            .config("protocol.https.allow", "always")
            .timeout(LONG_TIMEOUT);
        match &self.credential {
            Some(credential) => command.config("http.extraHeader", &credential.header),
            None => command,
        }
    }
}

/// A ref to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRef {
    /// Its name there.
    pub from: RefName,
    /// Its name here; what is here is replaced.
    pub to: RefName,
}

impl BareRepo {
    /// Fetches refs with all their history. About four processes here and three there.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unreachable`], [`Error::Missing`] if the server does not have
    /// (or does not show us) one of the refs.
    pub async fn fetch_from(&self, remote: &Remote, refs: &[FetchRef]) -> Result<()> {
        self.fetched(self.fetch_command(remote, refs)?).await
    }

    /// The same, by a git that has `held` open to its end, whatever becomes of this process. It
    /// then ends by itself when the server falls silent.
    pub(crate) async fn fetch_holding(
        &self,
        remote: &Remote,
        refs: &[FetchRef],
        held: File,
    ) -> Result<()> {
        let command = self
            .fetch_command(remote, refs)?
            .config("http.lowSpeedLimit", "1")
            .config("http.lowSpeedTime", LONG_TIMEOUT.as_secs().to_string());
        self.fetched(command.hold(held)).await
    }

    fn fetch_command(&self, remote: &Remote, refs: &[FetchRef]) -> Result<Cmd> {
        if refs.is_empty() || refs.len() > FETCH_REFS_MAX {
            return Err(Error::invalid(
                "fetch",
                remote.url.as_str(),
                "must name between 1 and 1000 refs",
            ));
        }
        let specs = refs
            .iter()
            .map(|FetchRef { from, to }| format!("+{from}:{to}"));
        let command = self.fetch(remote, &[]).args(specs);
        Ok(remote.allow(command))
    }

    /// A fetch that takes nothing but what is named, and tells nobody.
    fn fetch(&self, remote: &Remote, flags: &[&str]) -> Cmd {
        self.cmd("fetch")
            .args([
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--no-show-forced-updates",
            ])
            .args(flags)
            .args(["--refmap=", "--", remote.url.as_str()])
    }

    /// Runs a fetch that may bring everything: as long as the server says something, it goes on.
    async fn fetch_whole(&self, remote: &Remote, command: Cmd) -> Result<()> {
        let command = command
            .config("http.lowSpeedLimit", "1")
            .config("http.lowSpeedTime", SILENCE_MAX.as_secs().to_string());
        self.fetched(remote.allow(command).timeout(WHOLE_TIMEOUT))
            .await
    }

    /// Makes this repository's refs those of another server's, with all their history. About four
    /// processes here and three there.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unreachable`], such as for a server that falls silent.
    pub async fn mirror(&self, remote: &Remote) -> Result<()> {
        let command = self.fetch(remote, &["--prune"]).arg("+refs/*:refs/*");
        self.fetch_whole(remote, command).await
    }

    /// Fetches commits by their ids, with all their history; no ref names them here. Nothing to
    /// fetch is no process, otherwise about four here and three there.
    ///
    /// # Errors
    /// As [`BareRepo::fetch_from`]; [`Error::Missing`] if the server lacks one of them.
    pub async fn fetch_commits(&self, remote: &Remote, commits: &[Oid]) -> Result<()> {
        if commits.is_empty() {
            return Ok(());
        }
        let named: String = commits.iter().map(|oid| format!("{oid}\n")).collect();
        let command = self.fetch(remote, &["--stdin"]).stdin(named);
        self.fetch_whole(remote, command).await
    }

    async fn fetched(&self, command: Cmd) -> Result<()> {
        let done = command.run().await?;
        match done.code {
            Some(0) => Ok(()),
            code => Err(remote_failure("fetch", code, &done.stderr)),
        }
    }

    /// Pushes one commit to one ref, never by force. About four processes here and five there.
    ///
    /// # Errors
    /// [`Error::PushRejected`] with the server's reason, [`Error::Denied`],
    /// [`Error::Unreachable`].
    pub async fn push_to(&self, remote: &Remote, oid: &Oid, name: &RefName) -> Result<()> {
        let command = self
            .cmd("push")
            .args([
                "--porcelain",
                "--no-verify",
                "--no-signed",
                "--recurse-submodules=no",
                "--",
            ])
            .arg(remote.url.as_str())
            .arg(format!("{oid}:{name}"));
        let done = remote.allow(command).run().await?;
        if done.code == Some(0) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stdout);
        if let Some(line) = said.lines().find(|line| line.starts_with('!')) {
            let reason = line.rsplit('\t').next().unwrap_or(line).to_owned();
            return Err(Error::PushRejected {
                name: name.clone(),
                reason,
            });
        }
        Err(remote_failure("push", done.code, &done.stderr))
    }
}

/// git tells these apart only in words; `LC_ALL=C` keeps them in English.
pub(crate) fn remote_failure(command: &'static str, code: Option<i32>, stderr: &[u8]) -> Error {
    let detail = tail(stderr);
    let has = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    if has(&[
        "HTTP 401",
        "HTTP 403",
        "error: 401",
        "error: 403",
        "Authentication failed",
        "could not read Username",
        "terminal prompts disabled",
    ]) {
        return Error::Denied { detail };
    }
    if has(&[
        "couldn't find remote ref",
        "not our ref",
        "HTTP 404",
        "error: 404",
        " not found",
    ]) {
        return Error::Missing {
            what: format!("what was asked of the git server ({detail})"),
        };
    }
    let network = [
        "Could not resolve",
        "Failed to connect",
        "Couldn't connect",
        "timed out",
        "Empty reply",
        "Connection reset",
        "error: 50",
        "HTTP 50",
        "HTTP 429",
        "error: 429",
        "hung up",
        "early EOF",
        "RPC failed",
        "Recv failure",
        "SSL",
        "unexpected disconnect",
        "transfer closed",
        "Low speed",
    ];
    if has(&network) {
        return Error::Unreachable { detail };
    }
    Error::failed(command, code, stderr)
}
