//! Filling a project from an https address, without becoming anyone's way into the network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use url::{Host, Url};

use crate::error::{Error, Result};
use crate::git::Git;
use crate::refs::RefUpdate;
use crate::repo::{BareRepo, finish, remove_dir, sibling};
use crate::transfer::remote_failure;

/// How often the size of an import is looked at while it runs.
const WATCH_PERIOD: Duration = Duration::from_millis(250);
/// Most entries of a folder of packs that are counted.
const WATCH_ENTRIES_MAX: usize = 100_000;
/// Time limit of a name look-up.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Branches under this name are ours, and are not taken from outside.
const OURS: &str = "refs/heads/devlab";

/// Bounds of an import.
#[derive(Debug, Clone, Copy)]
pub struct ImportLimits {
    /// Largest size on disk, in bytes.
    pub bytes_max: u64,
    /// Longest duration.
    pub timeout: Duration,
}

impl Default for ImportLimits {
    fn default() -> Self {
        Self {
            bytes_max: 2 << 30,
            timeout: Duration::from_secs(900),
        }
    }
}

/// Which addresses may be imported from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFrom {
    /// Public addresses over https: the only choice for a request.
    PublicHttps,
    /// `http` and loopback too, so that a test can stand in for a host. Never set by a request.
    LoopbackForTests,
}

/// Clones branches and tags of `url` into a new bare repository at `dest`.
///
/// The host is resolved once, by us; every address must be public, and git is pinned to them, so
/// that a second answer of the name server cannot lead elsewhere. No redirect is followed, no
/// submodule is fetched, every object is checked. `dest` appears complete or not at all.
/// About six processes.
///
/// # Errors
/// [`Error::ImportRefused`] with the rule that the address breaks; [`Error::TooLarge`] and
/// [`Error::Timeout`] at the limits; [`Error::Unreachable`], [`Error::Denied`].
pub async fn import_https(
    git: &Git,
    url: &str,
    dest: &Path,
    limits: ImportLimits,
    from: ImportFrom,
) -> Result<BareRepo> {
    let target = Target::parse(url, from)?;
    let addresses = target.resolve(from).await?;
    if BareRepo::open(git, dest).await.is_ok() {
        return Err(Error::NotEmpty {
            path: dest.to_owned(),
        });
    }
    let fresh = sibling(dest, "import");
    remove_dir(&fresh).await?;
    if let Some(parent) = dest.parent() {
        tokio::fs::create_dir_all(parent)
            .await
            .map_err(Error::io("create", parent))?;
    }
    let imported = fill(git, &target, &addresses, &fresh, limits, from).await;
    if let Err(error) = imported {
        remove_dir(&fresh).await?;
        return Err(error);
    }
    finish(&fresh, dest).await?;
    BareRepo::open(git, dest).await
}

async fn fill(
    git: &Git,
    target: &Target,
    addresses: &[IpAddr],
    fresh: &Path,
    limits: ImportLimits,
    from: ImportFrom,
) -> Result<()> {
    let pinned: Vec<String> = addresses
        .iter()
        .map(|ip| {
            if ip.is_ipv6() {
                format!("[{ip}]")
            } else {
                ip.to_string()
            }
        })
        .collect();
    let mut command = git
        .cmd("clone")
        .args([
            "clone",
            "--quiet",
            "--bare",
            "--template=",
            "--no-local",
            "--no-recurse-submodules",
            "--",
        ])
        .arg(target.url.as_str())
        .arg(fresh)
        .config("protocol.https.allow", "always")
        .config("http.lowSpeedLimit", "1000")
        .config("http.lowSpeedTime", "60")
        .timeout(limits.timeout);
    if target.is_name {
        command = command.config(
            "http.curloptResolve",
            format!("{}:{}:{}", target.host, target.port, pinned.join(",")),
        );
    }
    if from == ImportFrom::LoopbackForTests {
        command = command.config("protocol.http.allow", "always");
    }
    let done = tokio::select! {
        done = command.run() => done?,
        error = watch(fresh, limits.bytes_max) => return Err(error),
    };
    if done.code != Some(0) {
        return Err(remote_failure("clone", done.code, &done.stderr));
    }
    if folder_bytes(fresh).await > limits.bytes_max {
        return Err(too_large(limits.bytes_max));
    }
    let repo = BareRepo::open(git, fresh).await?;
    let ours = repo.list_refs(OURS).await?;
    let gone: Vec<RefUpdate> = ours
        .into_iter()
        .map(|(name, oid)| RefUpdate {
            name,
            old: Some(oid),
            new: None,
        })
        .collect();
    repo.update_refs(&gone).await?;
    repo.fsck().await
}

/// Ends only when the folder is too large.
async fn watch(fresh: &Path, bytes_max: u64) -> Error {
    let mut ticks = tokio::time::interval(WATCH_PERIOD);
    loop {
        ticks.tick().await;
        if folder_bytes(fresh).await > bytes_max {
            return too_large(bytes_max);
        }
    }
}

fn too_large(bytes_max: u64) -> Error {
    Error::TooLarge {
        what: "the imported repository".into(),
        limit_bytes: bytes_max,
    }
}

/// Size of the packs, finished or not: a clone writes nothing else of weight.
async fn folder_bytes(fresh: &Path) -> u64 {
    let Ok(mut entries) = tokio::fs::read_dir(fresh.join("objects/pack")).await else {
        return 0;
    };
    let mut total = 0;
    let mut seen = 0;
    while let Ok(Some(entry)) = entries.next_entry().await {
        total += entry.metadata().await.map_or(0, |meta| meta.len());
        seen += 1;
        if seen >= WATCH_ENTRIES_MAX {
            break;
        }
    }
    total
}

/// An address that passed the rules that need no look-up.
struct Target {
    url: Url,
    host: String,
    port: u16,
    is_name: bool,
}

fn refused(why: impl Into<String>) -> Error {
    Error::ImportRefused { why: why.into() }
}

impl Target {
    fn parse(text: &str, from: ImportFrom) -> Result<Self> {
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if text.starts_with('-')
            || text.contains("::") && !text.contains("://")
            || text.contains(odd)
        {
            return Err(refused("it must be a plain https:// address"));
        }
        let url = Url::parse(text).map_err(|_| refused("it must be a plain https:// address"))?;
        let scheme_fits = url.scheme() == "https"
            || url.scheme() == "http" && from == ImportFrom::LoopbackForTests;
        if !scheme_fits {
            return Err(refused(format!(
                "only https:// is allowed, not {}:",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it must not contain a name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it must not have a query or a fragment"));
        }
        let (host, is_name) = match url.host() {
            Some(Host::Domain(name)) => (name.to_owned(), true),
            Some(Host::Ipv4(ip)) => (ip.to_string(), false),
            Some(Host::Ipv6(ip)) => (ip.to_string(), false),
            None => return Err(refused("it has no host")),
        };
        let port = url
            .port_or_known_default()
            .ok_or_else(|| refused("it has no port"))?;
        Ok(Self {
            url,
            host,
            port,
            is_name,
        })
    }

    async fn resolve(&self, from: ImportFrom) -> Result<Vec<IpAddr>> {
        let look_up = tokio::net::lookup_host((self.host.as_str(), self.port));
        let unknown = || Error::Unreachable {
            detail: format!("cannot resolve the host {}", self.host),
        };
        let found = tokio::time::timeout(RESOLVE_TIMEOUT, look_up)
            .await
            .map_err(|_| unknown())?
            .map_err(|_| unknown())?;
        let addresses: Vec<IpAddr> = found.map(|address: SocketAddr| address.ip()).collect();
        if addresses.is_empty() {
            return Err(unknown());
        }
        let allowed = |ip: &IpAddr| {
            is_public(*ip) || from == ImportFrom::LoopbackForTests && ip.is_loopback()
        };
        match addresses.iter().find(|ip| !allowed(ip)) {
            None => Ok(addresses),
            Some(ip) => Err(refused(format!(
                "the host {} is at {ip}, which is not a public address",
                self.host
            ))),
        }
    }
}

/// Whether an address is on the public internet, by the IANA special-purpose registries.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || a == 100 && (64..128).contains(&b)
        || a == 192 && b == 0 && c == 0
        || a == 192 && b == 88 && c == 99
        || a == 198 && (18..20).contains(&b);
    !special
}

/// Only global unicast, without the blocks that carry an IPv4 address or lead into a tunnel.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let global = a & 0xe000 == 0x2000;
    // 2001::/23 (Teredo and others), 2001:db8::/32, 2002::/16 (6to4), 3fff::/20.
    let special =
        a == 0x2001 && (b < 0x0200 || b == 0x0db8) || a == 0x2002 || a == 0x3fff && b < 0x1000;
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses() {
        for inside in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fec0::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "140.82.121.4",
            "2606:4700::1111",
            "2a00:1450:4001::1",
        ] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn hostile_addresses_are_refused() {
        for bad in [
            "ext::sh -c id",
            "ext::id",
            "file:///etc",
            "/etc/passwd",
            "../x",
            "ssh://h/x",
            "git@h:x",
            "git://h/x",
            "http://h/x",
            "-uid",
            "--upload-pack=id",
            "https://u:p@h/x",
            "https://u@h/x",
            "https://",
            "https://h/x?y",
            "https://h/#y",
            "https://h/a b",
            "https://h\\@evil/",
            "fd::17",
            "https::x",
            "HTTPS:/\n/h",
        ] {
            assert!(
                Target::parse(bad, ImportFrom::PublicHttps).is_err(),
                "{bad}"
            );
        }
        assert!(Target::parse("https://example.org/a/b.git", ImportFrom::PublicHttps).is_ok());
    }
}
