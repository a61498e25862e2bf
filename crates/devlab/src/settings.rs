//! Settings: defaults, then `devlab.toml`, then the environment, then flags; each with its source.

mod blobs;
mod table;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use devlab_core::bytes::Retention;
use devlab_core::limits;
use devlab_core::server::{ServerRole, ServerRoles};
use devlab_orchestrator::BytesConfig;
use secrecy::SecretString;

use crate::environment::Environment;
use crate::failure::Failure;
pub(crate) use table::Key;
use table::TABLE;

/// Most local agents that `devlab up` starts by itself.
const AGENTS_DEFAULT_MAX: usize = 4;
/// Fewest local agents that `devlab up` starts by itself.
const AGENTS_DEFAULT_MIN: usize = 2;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File(PathBuf),
    Variable(&'static str),
    Flag,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Orgs that share local agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AgentOrgs {
    /// Every one that there is, and that comes.
    All,
    /// Those with these names.
    These(Vec<String>),
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What is in force.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    values: BTreeMap<Key, (String, Source)>,
}

/// A row of `devlab config`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) value: Option<String>,
    pub(crate) source: String,
    pub(crate) about: &'static str,
}

impl Settings {
    /// Brings the layers together.
    ///
    /// # Errors
    /// `devlab.toml` cannot be read or has a key that nobody knows, or a value is not of its kind.
    pub(crate) fn load(
        environment: &Environment,
        flags: BTreeMap<Key, String>,
        cores: usize,
    ) -> anyhow::Result<Self> {
        let mut values = defaults(environment, cores);
        if let Some(home) = environment.text("DEVLAB_HOME") {
            values.insert(
                Key::Home,
                (home.to_owned(), Source::Variable("DEVLAB_HOME")),
            );
        }
        let mut settings = Self { values };
        settings.read_file()?;
        for row in TABLE {
            if let Some(value) = environment.text(row.env) {
                let value = (value.to_owned(), Source::Variable(row.env));
                settings.values.insert(row.key, value);
            }
        }
        let flags = flags
            .into_iter()
            .map(|(key, value)| (key, (value, Source::Flag)));
        settings.values.extend(flags);
        settings.check()?;
        Ok(settings)
    }

    fn read_file(&mut self) -> anyhow::Result<()> {
        let Ok(home) = self.home() else {
            return Ok(());
        };
        let path = home.join("devlab.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let wrong = |why: String| Failure::usage(format!("{}: {why}", path.display()));
        let table: toml::Table = text.parse().map_err(|error| wrong(format!("{error}")))?;
        for (name, value) in table {
            let row = TABLE.iter().find(|row| row.toml == Some(name.as_str()));
            let row = row.ok_or_else(|| {
                let known: Vec<&str> = TABLE.iter().filter_map(|row| row.toml).collect();
                wrong(format!(
                    "\"{name}\" is no setting; known are {}",
                    known.join(", ")
                ))
            })?;
            let value = plain(&value)
                .ok_or_else(|| wrong(format!("{name} is a text, a number or a list of texts")))?;
            self.values
                .insert(row.key, (value, Source::File(path.clone())));
        }
        Ok(())
    }

    /// Every value is of its kind, so that a wrong one is found by any command.
    fn check(&self) -> anyhow::Result<()> {
        self.bind()?;
        self.dashboard_bind()?;
        self.database()?;
        if self.home().is_ok() {
            self.blobs()?;
        }
        self.roles()?;
        self.advertise()?;
        self.lease()?;
        self.bytes()?;
        self.agents()?;
        self.log_format()?;
        Ok(())
    }

    fn get(&self, key: Key) -> Option<&str> {
        self.values.get(&key).map(|(value, _)| value.as_str())
    }

    fn parse<T: std::str::FromStr>(&self, key: Key, wanted: &str) -> anyhow::Result<T> {
        let text = self.get(key).unwrap_or_default();
        text.parse().map_err(|_| self.wrong(key, wanted))
    }

    fn wrong(&self, key: Key, wanted: &str) -> anyhow::Error {
        let Some((value, source)) = self.values.get(&key) else {
            return Failure::usage(format!("{} is not set", env_name(key)));
        };
        Failure::usage(format!(
            "{} is \"{value}\" (from {source}), but should be {wanted}",
            env_name(key)
        ))
    }

    /// Data folder.
    pub(crate) fn home(&self) -> anyhow::Result<PathBuf> {
        let home = self.get(Key::Home).ok_or_else(|| {
            Failure::usage("no data folder: set DEVLAB_HOME to a folder of yours")
        })?;
        std::path::absolute(home).with_context(|| format!("{home} is no path"))
    }

    /// Address the server listens on.
    pub(crate) fn bind(&self) -> anyhow::Result<SocketAddr> {
        self.parse(Key::Bind, "an address and a port, such as 127.0.0.1:18080")
    }

    /// Address the dashboard listens on, if the server has it; `None` if it is switched off.
    pub(crate) fn dashboard_bind(&self) -> anyhow::Result<Option<SocketAddr>> {
        if self.get(Key::DashboardBind) == Some("off") {
            return Ok(None);
        }
        let wanted = "an address and a port, such as 127.0.0.1:8090, or off";
        self.parse(Key::DashboardBind, wanted).map(Some)
    }

    /// Whether somebody has set that address.
    pub(crate) fn dashboard_bind_is_set(&self) -> bool {
        let source = self.values.get(&Key::DashboardBind);
        source.is_some_and(|(_, source)| *source != Source::Default)
    }

    /// Whether somebody has set that address.
    pub(crate) fn bind_is_set(&self) -> bool {
        let source = self.values.get(&Key::Bind).map(|(_, source)| source);
        source.is_some_and(|source| *source != Source::Default)
    }

    /// Further names the server answers to.
    pub(crate) fn allowed_hosts(&self) -> Vec<String> {
        let text = self.get(Key::AllowedHosts).unwrap_or_default();
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }

    /// The PostgreSQL database that the server keeps its state in, if one was named.
    pub(crate) fn database(&self) -> anyhow::Result<Option<&str>> {
        let url = self.get(Key::Database).filter(|url| !url.is_empty());
        let is_postgres =
            |url: &&str| url.starts_with("postgres://") || url.starts_with("postgresql://");
        if url.is_some_and(|url| !is_postgres(&url)) {
            return Err(Failure::usage(
                "DATABASE_URL should begin with postgres://; without it the embedded database is \
                 used",
            ));
        }
        Ok(url)
    }

    /// What the server does.
    pub(crate) fn roles(&self) -> anyhow::Result<ServerRoles> {
        let roles = match self.get(Key::Roles).filter(|roles| !roles.is_empty()) {
            None => ServerRoles::all(),
            Some(text) => text.parse().map_err(|_| {
                let wanted = "some of api, loops, git, dashboard, with commas between";
                self.wrong(Key::Roles, wanted)
            })?,
        };
        if !roles.are_a_lab() && self.database()?.is_none() {
            return Err(Failure::usage(
                "roles are shared out between servers on one PostgreSQL database: set DATABASE_URL, \
                 or leave DEVLAB_ROLES out; only the dashboard may be left out without one",
            ));
        }
        let is_dashboard_alone = roles.iter().eq([ServerRole::Dashboard]);
        if is_dashboard_alone && self.dashboard_bind()?.is_none() {
            return Err(Failure::usage(
                "a server with the role dashboard alone, and DEVLAB_DASHBOARD_BIND=off, would do \
                 nothing",
            ));
        }
        Ok(roles)
    }

    /// Where the other servers of the lab reach this one, if that was said.
    pub(crate) fn advertise(&self) -> anyhow::Result<Option<&str>> {
        let Some(url) = self.get(Key::Advertise).filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        let parsed = url::Url::parse(url).ok();
        let parsed =
            parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match parsed {
            Some(_) => Ok(Some(url)),
            None => Err(self.wrong(
                Key::Advertise,
                "an address such as http://lab-2.internal:18080",
            )),
        }
    }

    /// Server that commands talk to, if one was named.
    pub(crate) fn url(&self) -> Option<&str> {
        self.get(Key::Url)
    }

    /// Token that commands use, if one was given.
    pub(crate) fn token(&self) -> Option<SecretString> {
        self.get(Key::Token).map(SecretString::from)
    }

    /// Secret of the operator's token that the server seeds.
    pub(crate) fn orchestrator_token(&self) -> Option<&str> {
        self.get(Key::OrchestratorToken)
    }

    /// Length of a lease.
    pub(crate) fn lease(&self) -> anyhow::Result<Duration> {
        let (min, max) = limits::LEASE_TERM_RANGE;
        let wanted = format!("seconds from {} to {}", min.as_secs_f64(), max.as_secs());
        let secs: f64 = self.parse(Key::LeaseSecs, &wanted)?;
        let lease = Duration::try_from_secs_f64(secs).ok();
        let lease = lease.filter(|lease| (min..=max).contains(lease));
        lease.ok_or_else(|| self.wrong(Key::LeaseSecs, &wanted))
    }

    /// Local agents of `devlab up`.
    pub(crate) fn agents(&self) -> anyhow::Result<usize> {
        let max = devlab_runtime::local::AGENTS_MAX;
        let wanted = format!("a number up to {max}");
        let count: usize = self.parse(Key::Agents, &wanted)?;
        if count > max {
            return Err(self.wrong(Key::Agents, &wanted));
        }
        Ok(count)
    }

    /// Orgs that share the local agents of `devlab up`; without any the default org has them all.
    pub(crate) fn agent_orgs(&self) -> Option<AgentOrgs> {
        let text = self.get(Key::AgentOrgs)?;
        let names = text.split(',').map(str::trim);
        let names: Vec<String> = names.filter(|n| !n.is_empty()).map(str::to_owned).collect();
        match names.as_slice() {
            [] => None,
            [all] if all == "all" => Some(AgentOrgs::All),
            _ => Some(AgentOrgs::These(names)),
        }
    }

    /// What is logged.
    pub(crate) fn log(&self) -> &str {
        self.get(Key::Log).unwrap_or("info")
    }

    /// How the log is written.
    pub(crate) fn log_format(&self) -> anyhow::Result<LogFormat> {
        match self.get(Key::LogFormat) {
            Some("json") => Ok(LogFormat::Json),
            Some("text") | None => Ok(LogFormat::Text),
            Some(_) => Err(self.wrong(Key::LogFormat, "text or json")),
        }
    }

    /// Faults to inject.
    pub(crate) fn faults(&self) -> Option<&str> {
        self.get(Key::Faults)
    }

    /// Where the fault points that were reached are written to.
    pub(crate) fn faults_record(&self) -> Option<&Path> {
        self.get(Key::FaultsRecord).map(Path::new)
    }

    /// File that moves the clock.
    pub(crate) fn test_clock_file(&self) -> Option<&Path> {
        self.get(Key::TestClockFile).map(Path::new)
    }

    /// What an agent keeps from its drivers: `log` or `conflict`.
    pub(crate) fn withhold(&self) -> Option<&str> {
        self.get(Key::Withhold)
    }

    /// Everything, for people; secrets masked, hooks of tests only if they are set.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let rows = TABLE.iter();
        let rows = rows.filter(|row| !row.hook || self.values.contains_key(&row.key));
        let shown = rows.map(|row| {
            let found = self.values.get(&row.key);
            Shown {
                name: row.env,
                value: found.map(|(value, _)| {
                    if row.secret {
                        mask(value)
                    } else {
                        value.clone()
                    }
                }),
                source: found
                    .map_or_else(|| "not set".to_owned(), |(_, source)| source.to_string()),
                about: row.about,
            }
        });
        shown.collect()
    }
}

fn env_name(key: Key) -> &'static str {
    TABLE
        .iter()
        .find(|row| row.key == key)
        .map_or("", |row| row.env)
}

/// Says that there is a secret, and no more.
fn mask(_secret: &str) -> String {
    "********".to_owned()
}

fn defaults(environment: &Environment, cores: usize) -> BTreeMap<Key, (String, Source)> {
    let agents = cores.clamp(AGENTS_DEFAULT_MIN, AGENTS_DEFAULT_MAX);
    let mut values = BTreeMap::from([
        (Key::Bind, "127.0.0.1:18080".to_owned()),
        (Key::DashboardBind, "127.0.0.1:8090".to_owned()),
        (
            Key::LeaseSecs,
            limits::LEASE_TERM_DEFAULT.as_secs().to_string(),
        ),
        (
            Key::SealAfterSecs,
            BytesConfig::default().seal_after.as_secs().to_string(),
        ),
        (Key::Retention, Retention::default().to_string()),
        (Key::Agents, agents.to_string()),
        (Key::Log, "info".to_owned()),
        (Key::LogFormat, "text".to_owned()),
    ]);
    let data = environment.text("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| {
        let home = PathBuf::from(environment.text("HOME")?);
        let below = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".local/share"
        };
        Some(home.join(below))
    });
    if let Some(data) = data {
        values.insert(Key::Home, data.join("devlab").display().to_string());
    }
    let values = values
        .into_iter()
        .map(|(key, value)| (key, (value, Source::Default)));
    values.collect()
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(items?.join(","))
        }
        toml::Value::Boolean(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(env: &[(&str, &str)], flags: &[(Key, &str)]) -> anyhow::Result<Settings> {
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned()));
        Settings::load(&Environment::of(env), flags.collect(), 16)
    }

    #[test]
    fn later_layers_win_and_say_so() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap();
        std::fs::write(
            dir.path().join("devlab.toml"),
            "bind = \"127.0.0.1:1\"\nlease_secs = 1.5\nagents = 3\nallowed_hosts = [\"a\", \"b\"]\n",
        )
        .unwrap();
        let settings = load(
            &[
                ("DEVLAB_HOME", home),
                ("DEVLAB_BIND", "127.0.0.1:2"),
                ("DEVLAB_AGENTS", "5"),
            ],
            &[(Key::Agents, "7")],
        )
        .unwrap();
        assert_eq!(settings.bind().unwrap().port(), 2);
        assert_eq!(settings.lease().unwrap(), Duration::from_millis(1500));
        assert_eq!(settings.agents().unwrap(), 7);
        assert_eq!(settings.allowed_hosts(), ["a", "b"]);
        let source = |name| {
            let shown = settings.shown();
            shown
                .into_iter()
                .find(|row| row.name == name)
                .unwrap()
                .source
        };
        assert_eq!(source("DEVLAB_BIND"), "variable DEVLAB_BIND");
        assert!(source("DEVLAB_LEASE_SECS").ends_with("devlab.toml"));
        assert_eq!(source("DEVLAB_AGENTS"), "flag");
        assert_eq!(source("DEVLAB_LOG"), "default");
        assert_eq!(source("DEVLAB_TOKEN"), "not set");
    }

    #[test]
    fn a_secret_is_masked() {
        let settings = load(&[("HOME", "/h"), ("DEVLAB_TOKEN", "dl_x")], &[]).unwrap();
        let shown = serde_json::to_string(&settings.shown()).unwrap();
        assert!(!shown.contains("dl_x") && shown.contains("****"), "{shown}");
    }

    #[test]
    fn a_wrong_value_names_itself_and_its_source() {
        for (env, part) in [
            (
                ("DEVLAB_BIND", "nowhere"),
                "DEVLAB_BIND is \"nowhere\" (from variable DEVLAB_BIND)",
            ),
            (("DEVLAB_LEASE_SECS", "-1"), "seconds from 0.5 to 3600"),
            (("DEVLAB_AGENTS", "1000"), "a number up to 64"),
            (("DEVLAB_LOG_FORMAT", "xml"), "text or json"),
        ] {
            let error = load(&[("HOME", "/h"), env], &[]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn roles_are_shared_out_on_postgresql_only() {
        let roles = |roles: &str, more: &[(&str, &str)]| {
            let env = [&[("HOME", "/h"), ("DEVLAB_ROLES", roles)], more].concat();
            let settings = load(&env, &[]).map_err(|error| error.to_string())?;
            Ok::<_, String>(settings.roles().unwrap().to_string())
        };
        let postgres = ("DATABASE_URL", "postgres://h/d");
        assert_eq!(roles("", &[]).unwrap(), "api,loops,git,dashboard");
        assert_eq!(roles("git,loops,api", &[]).unwrap(), "api,loops,git");
        assert!(roles("api,git", &[]).unwrap_err().contains("DATABASE_URL"));
        assert_eq!(roles("dashboard", &[postgres]).unwrap(), "dashboard");
        let off = ("DEVLAB_DASHBOARD_BIND", "off");
        assert!(
            roles("dashboard", &[postgres, off])
                .unwrap_err()
                .contains("nothing")
        );
        assert_eq!(
            roles("api,dashboard", &[postgres, off]).unwrap(),
            "api,dashboard"
        );
        let wrong = roles("api,web", &[postgres]).unwrap_err();
        assert!(wrong.contains("git, dashboard"), "{wrong}");
    }

    #[test]
    fn a_setting_that_nobody_knows_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("devlab.toml"), "bnid = \"x\"\n").unwrap();
        let home = dir.path().to_str().unwrap();
        let error = load(&[("DEVLAB_HOME", home)], &[]).unwrap_err().to_string();
        assert!(error.contains("\"bnid\" is no setting"), "{error}");
    }

    #[test]
    fn hooks_of_tests_are_shown_only_if_they_are_set() {
        let names = |env: &[(&str, &str)]| {
            let settings = load(env, &[]).unwrap();
            let names: Vec<_> = settings.shown().iter().map(|row| row.name).collect();
            names
        };
        let hook = "DEVLAB_TEST_CLOCK_FILE";
        assert!(!names(&[("HOME", "/h")]).contains(&hook));
        assert!(names(&[("HOME", "/h"), (hook, "/c")]).contains(&hook));
    }

    #[test]
    fn the_example_of_an_environment_has_every_setting() {
        let text = include_str!("../../../.env.example");
        let given = text.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix('#')?.split_once('=')?;
            let plain = |c: char| c.is_ascii_uppercase() || c == '_';
            name.chars().all(plain).then_some(name)
        });
        let given: std::collections::BTreeSet<_> = given.collect();
        let known = TABLE.iter().filter(|row| !row.hook).map(|row| row.env);
        assert_eq!(given, known.collect());
    }
}
