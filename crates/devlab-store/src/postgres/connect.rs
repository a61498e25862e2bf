//! Where the database is, and how it is spoken to.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime,
};
use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::{answered, storage_error};
use super::hosts::first_of;
use super::options::TURN_IDLE_MAX;

/// How long one address may take to answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long data may stay unacknowledged before a connection counts as cut, at both of its ends.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// How long a read waits for a connection that is free.
const POOL_WAIT: Duration = Duration::from_secs(20);
/// How long one statement may run. Nothing of ours takes long; what does would hold its turn.
const STATEMENT_MAX: Duration = Duration::from_secs(30);
/// How long a whole connection may take, with TLS and log-in.
const LOG_IN_MAX: Duration = Duration::from_secs(10);
/// How often, and how far apart, an idle connection is looked after before it counts as cut.
const KEEPALIVES: (u32, Duration) = (3, Duration::from_secs(5));
/// How long taking records in or giving them out may stand still: whoever is at the other end may
/// have to wait for a disk.
const LOAD_IDLE_MAX: Duration = Duration::from_secs(60);
/// How long a statement of such work may take to answer. Nothing ends it sooner: it may go through
/// all that a large lab has before its first row.
pub(super) const LOAD_ANSWER_MAX: Duration = Duration::from_secs(30 * 60);
/// How long a writer waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(20);

/// A connection, and the task that drives it.
type Driven = (tokio_postgres::Client, tokio::task::JoinHandle<()>);

/// What every connection is made from.
#[derive(Clone)]
pub(super) struct Target {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// How long an answer is waited for.
    pub(super) answer_max: Duration,
}

impl Target {
    /// Reads an address, of a database whose answers are waited for so long.
    ///
    /// # Errors
    /// What is wrong with it, without its password.
    pub(super) fn parse(url: &str, answer_max: Duration) -> Result<Self, StorageError> {
        let (url, root) = take_root(url);
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            wrong(format!(
                "the address of the database cannot be read: {error}{}",
                cause.map_or_else(String::new, |cause| format!(": {cause}"))
            ))
        })?;
        config.connect_timeout(CONNECT_MAX);
        config.tcp_user_timeout(UNACKNOWLEDGED_MAX);
        config.keepalives_idle(UNACKNOWLEDGED_MAX);
        config.keepalives_retries(KEEPALIVES.0);
        config.keepalives_interval(KEEPALIVES.1);
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(tls_config(root.as_deref())?)),
        };
        Ok(Self {
            config,
            tls,
            answer_max,
        })
    }

    /// A host and a database, for people.
    pub(super) fn describe(&self) -> String {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        let database = self.config.get_dbname().unwrap_or_default();
        format!("{}/{database}", hosts.join(","))
    }

    /// The same with what tells two servers of one machine apart, and two databases without a name.
    pub(super) fn place(&self) -> String {
        let ports = self.config.get_ports().iter().map(u16::to_string);
        let ports = ports.collect::<Vec<_>>().join(",");
        let user = match self.config.get_dbname() {
            Some(_) => "",
            None => self.config.get_user().unwrap_or_default(),
        };
        format!("{}{user} at {ports}", self.describe())
    }

    /// The configuration for connections of one kind, named as `pg_stat_activity` shows them. The
    /// database finds out soon that the machine at the other end is gone, which may have the turn.
    fn named(&self, purpose: &str, gone_after: Duration, settings: &str) -> Config {
        let mut config = self.config.clone();
        config.application_name(format!("devlab {purpose}"));
        let given = self.config.get_options().unwrap_or_default();
        let every = KEEPALIVES.1.as_secs();
        config.options(
            format!(
                "{given} -c lock_timeout={} -c tcp_keepalives_idle={every} \
                 -c tcp_keepalives_interval={every} -c tcp_keepalives_count={} \
                 -c tcp_user_timeout={} {settings}",
                TURN_WAIT.as_millis(),
                KEEPALIVES.0,
                gone_after.as_millis(),
            )
            .trim()
            .to_owned(),
        );
        config
    }

    /// A connection for writing. Its settings let PostgreSQL end a turn that stands still, and plan
    /// each statement once: all of them find rows by keys, however many there are, so they are
    /// never better off with another plan. A bitmap of what an index has would never tell it which
    /// of its entries are dead: what an agent holds would take longer with each attempt that it
    /// ever had, until the next vacuum.
    pub(super) async fn writer(&self) -> Result<ClientWrapper, StorageError> {
        let settings = format!(
            "-c idle_in_transaction_session_timeout={} -c statement_timeout={} -c jit=off \
             -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off \
             -c enable_mergejoin=off -c enable_bitmapscan=off",
            TURN_IDLE_MAX.as_millis(),
            STATEMENT_MAX.as_millis()
        );
        self.connect(&self.named("writer", UNACKNOWLEDGED_MAX, &settings))
            .await
    }

    /// A connection that takes records in, for as long as that takes: it has the turn all the while,
    /// and loses it if it stands still.
    pub(super) async fn loader(&self) -> Result<ClientWrapper, StorageError> {
        let settings = format!(
            "-c idle_in_transaction_session_timeout={}",
            LOAD_IDLE_MAX.as_millis()
        );
        self.connect(&self.named("restore", LOAD_IDLE_MAX, &settings))
            .await
    }

    /// A connection for anything else, without limits of its own.
    pub(super) async fn plain(&self, purpose: &str) -> Result<ClientWrapper, StorageError> {
        self.connect(&self.named(purpose, LOAD_IDLE_MAX, "")).await
    }

    async fn connect(&self, config: &Config) -> Result<ClientWrapper, StorageError> {
        let (client, driver) = answered(self.log_in_max(), self.client(config)).await?;
        Ok(ClientWrapper::new(client, driver))
    }

    fn log_in_max(&self) -> Duration {
        LOG_IN_MAX.min(self.answer_max)
    }

    async fn client(&self, config: &Config) -> Result<Driven, tokio_postgres::Error> {
        let connect = |config: Config| async move {
            match &self.tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    Ok((client, drive(connection)))
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    Ok((client, drive(connection)))
                }
            }
        };
        first_of(config, self.log_in_max(), connect).await
    }

    /// A connection that gives its messages to `tell`, for LISTEN. The task ends with the
    /// connection. What it sends with NOTIFY is not waited for: PostgreSQL gives each NOTIFY a
    /// transaction, lets one at a time commit, and would sync its log for it, though nothing that
    /// is sent outlives a crash.
    pub(super) async fn listener(
        &self,
        tell: tokio::sync::mpsc::UnboundedSender<tokio_postgres::Notification>,
    ) -> Result<Driven, StorageError> {
        let config = self.named("listener", UNACKNOWLEDGED_MAX, "-c synchronous_commit=off");
        let connect = |config: Config| {
            let tell = tell.clone();
            async move {
                match &self.tls {
                    Some(tls) => {
                        let (client, connection) = config.connect(tls.clone()).await?;
                        Ok((client, super::wake::drive(connection, tell)))
                    }
                    None => {
                        let (client, connection) = config.connect(NoTls).await?;
                        Ok((client, super::wake::drive(connection, tell)))
                    }
                }
            }
        };
        let within = self.log_in_max();
        answered(within, first_of(&config, within, connect)).await
    }

    /// Connections that read.
    pub(super) fn pool(&self, size: usize) -> Result<Pool, StorageError> {
        // Each transaction says that it only reads. A session that did would be taken for one with a
        // standby, if `target_session_attrs` asks for a server that can be written to.
        let settings = format!(
            "-c statement_timeout={} -c jit=off \
             -c idle_in_transaction_session_timeout={}",
            STATEMENT_MAX.as_millis(),
            STATEMENT_MAX.as_millis()
        );
        let config = self.named("reader", UNACKNOWLEDGED_MAX, &settings);
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(config, self.clone(), manager);
        Pool::builder(manager)
            .max_size(size.max(1))
            .wait_timeout(Some(POOL_WAIT.min(self.answer_max)))
            .create_timeout(Some(self.log_in_max()))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| wrong(error.to_string()))
    }
}

impl Connect for Target {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Driven, tokio_postgres::Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move { self.client(&config).await })
    }
}

fn drive<S, T>(connection: tokio_postgres::Connection<S, T>) -> tokio::task::JoinHandle<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::runtime::Handle::current().spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(error = %storage_error(&error), "a connection to the database ended");
        }
    })
}

/// Takes `sslrootcert=FILE` out of an address: the client library does not know it.
fn take_root(url: &str) -> (String, Option<String>) {
    let Some((before, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let (mut kept, mut root) = (Vec::new(), None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslrootcert", file)) => root = Some(file.replace("%2F", "/")),
            Some(_) | None => kept.push(pair),
        }
    }
    let url = if kept.is_empty() {
        before.to_owned()
    } else {
        format!("{before}?{}", kept.join("&"))
    };
    (url, root)
}

fn tls_config(root: Option<&str>) -> Result<rustls::ClientConfig, StorageError> {
    let mut roots = rustls::RootCertStore::empty();
    match root {
        Some(file) => {
            let found = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| wrong(format!("sslrootcert {file} cannot be read: {error}")))?;
            for certificate in found {
                roots
                    .add(certificate)
                    .map_err(|error| wrong(format!("sslrootcert {file}: {error}")))?;
            }
        }
        // What the system trusts; a certificate in it that cannot be read is as good as absent.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn wrong(what: String) -> StorageError {
    StorageError::new(StorageErrorKind::Other, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_certificate_is_taken_out_of_the_address() {
        let (url, root) = take_root("postgres://h/d?sslmode=require&sslrootcert=%2Fetc%2Fca.pem");
        assert_eq!(url, "postgres://h/d?sslmode=require");
        assert_eq!(root.as_deref(), Some("/etc/ca.pem"));
        assert_eq!(
            take_root("postgres://h/d?sslrootcert=a").0,
            "postgres://h/d"
        );
    }

    #[test]
    fn a_place_has_no_password() {
        let place = |url| {
            Target::parse(url, CONNECT_MAX)
                .ok()
                .map(|target| target.place())
        };
        let one = place("postgres://me:secret@host/d?sslmode=disable").unwrap();
        assert_eq!(one, "host/d at 5432");
        assert_eq!(
            place("postgres://host:5433?user=me&sslmode=disable").unwrap(),
            "host/me at 5433"
        );
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_password() {
        let address = "postgres://me:secret@host:notaport/db";
        let Err(error) = Target::parse(address, CONNECT_MAX) else {
            panic!("it was taken");
        };
        assert!(!error.detail.contains("secret"), "{error}");
    }
}
