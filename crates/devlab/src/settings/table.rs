//! All settings: their names, and what they are for.

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Home,
    Bind,
    DashboardBind,
    AllowedHosts,
    Roles,
    Advertise,
    Database,
    Blobs,
    BlobsEndpoint,
    BlobsRegion,
    BlobsAccess,
    BlobsSecret,
    BlobsSessionToken,
    BlobsAllowHttp,
    Url,
    Token,
    OrchestratorToken,
    LeaseSecs,
    SealAfterSecs,
    Retention,
    Agents,
    AgentOrgs,
    Log,
    LogFormat,
    Faults,
    FaultsRecord,
    TestClockFile,
    Withhold,
    SealFrom,
}

/// One row of the table of settings.
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) env: &'static str,
    /// Name in `devlab.toml`; settings of tests have none.
    pub(super) toml: Option<&'static str>,
    pub(super) secret: bool,
    /// A hook of tests: people are not told of it unless it is set.
    pub(super) hook: bool,
    pub(super) about: &'static str,
}

const fn row(key: Key, env: &'static str, toml: &'static str, about: &'static str) -> Row {
    Row {
        key,
        env,
        toml: Some(toml),
        secret: false,
        hook: false,
        about,
    }
}

const fn secret(key: Key, env: &'static str, toml: &'static str, about: &'static str) -> Row {
    Row {
        secret: true,
        ..row(key, env, toml, about)
    }
}

const fn for_tests(key: Key, env: &'static str, about: &'static str) -> Row {
    Row {
        key,
        env,
        toml: None,
        secret: false,
        hook: true,
        about,
    }
}

#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    Row { key: Key::Home, env: "DEVLAB_HOME", toml: None, secret: false, hook: false, about: "data folder" },
    row(Key::Bind, "DEVLAB_BIND", "bind", "address the server listens on"),
    row(Key::DashboardBind, "DEVLAB_DASHBOARD_BIND", "dashboard_bind", "address the dashboard listens on; off switches it off"),
    row(Key::AllowedHosts, "DEVLAB_ALLOWED_HOSTS", "allowed_hosts", "further names the server answers to, by commas"),
    row(Key::Roles, "DEVLAB_ROLES", "roles", "what the server does: api, loops, git, dashboard, by commas"),
    row(Key::Advertise, "DEVLAB_ADVERTISE", "advertise", "where the other servers of the lab reach this one"),
    secret(Key::Database, "DATABASE_URL", "database_url", "PostgreSQL in place of the embedded database, postgres://user:password@host/name"),
    row(Key::Blobs, "DEVLAB_BLOBS", "blobs", "where logs and artifacts go: s3://bucket/prefix or a folder"),
    row(Key::BlobsEndpoint, "AWS_ENDPOINT_URL", "blobs_endpoint", "S3-compatible server of that bucket"),
    row(Key::BlobsRegion, "AWS_REGION", "blobs_region", "region of that bucket"),
    secret(Key::BlobsAccess, "AWS_ACCESS_KEY_ID", "blobs_access_key", "key for that bucket"),
    secret(Key::BlobsSecret, "AWS_SECRET_ACCESS_KEY", "blobs_secret_key", "its secret"),
    secret(Key::BlobsSessionToken, "AWS_SESSION_TOKEN", "blobs_session_token", "its session, if it has one"),
    row(Key::BlobsAllowHttp, "DEVLAB_BLOBS_ALLOW_HTTP", "blobs_allow_http", "true allows a server on another machine without TLS"),
    row(Key::Url, "DEVLAB_URL", "url", "server that commands talk to"),
    secret(Key::Token, "DEVLAB_TOKEN", "token", "token that commands use"),
    secret(Key::OrchestratorToken, "ORCHESTRATOR_TOKEN", "orchestrator_token", "seeds an operator's token of the default org"),
    row(Key::LeaseSecs, "DEVLAB_LEASE_SECS", "lease_secs", "length of a lease, fractions allowed"),
    row(Key::SealAfterSecs, "DEVLAB_SEAL_AFTER_SECS", "seal_after_secs", "how long the log of a finished attempt stays in the database"),
    row(Key::Retention, "DEVLAB_RETENTION", "retention", "how long logs, artifacts and refs of attempts stay after their goal: days, such as 30d, or forever"),
    row(Key::Agents, "DEVLAB_AGENTS", "agents", "local agents of `devlab up`"),
    row(Key::AgentOrgs, "DEVLAB_AGENT_ORGS", "agent_orgs", "orgs that share the local agents of `devlab up`, by commas, or all"),
    row(Key::Log, "DEVLAB_LOG", "log", "what is logged, such as info,devlab_server=debug"),
    row(Key::LogFormat, "DEVLAB_LOG_FORMAT", "log_format", "text or json"),
    for_tests(Key::Faults, "DEVLAB_FAULTS", "for tests: faults to inject, point=action[@nth]"),
    for_tests(Key::FaultsRecord, "DEVLAB_FAULTS_RECORD", "for tests: file that each fault point reached is written to"),
    for_tests(Key::TestClockFile, "DEVLAB_TEST_CLOCK_FILE", "for tests: file with milliseconds that the clock is moved by"),
    for_tests(Key::Withhold, "DEVLAB_TEST_WITHHOLD", "for tests: log or conflict, kept from drivers"),
    for_tests(Key::SealFrom, "DEVLAB_TEST_SEAL_FROM", "for tests: bytes from which a log is sealed"),
];
