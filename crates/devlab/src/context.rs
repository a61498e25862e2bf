//! What every command needs: settings, the clock, how to print, and a client when it asks for one.

use std::sync::Arc;

use devlab_api::client::{Client, Timeouts};
use devlab_core::{Clock, Timestamp};
use secrecy::SecretString;

use crate::args::Output;
use crate::environment::Environment;
use crate::home::Home;
use crate::lab::serve::local_url;
use crate::settings::Settings;

/// What every command needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) settings: Settings,
    pub(crate) output: Output,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A server, and the token for it.
pub(crate) struct Lab {
    pub(crate) url: String,
    pub(crate) token: Option<SecretString>,
    pub(crate) client: Client,
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The data folder as it is.
    pub(crate) fn home(&self) -> anyhow::Result<Home> {
        Ok(Home::at(self.settings.home()?))
    }

    /// The server that commands talk to: the one that was named; else the one that runs on this
    /// data folder; else the one that would listen where the settings say, if somebody has set
    /// that; else the one that the folder's credentials name; else the default address.
    pub(crate) fn lab(&self) -> anyhow::Result<Lab> {
        let home = self.home()?;
        let running = || home.server().map(|server| server.url);
        let url = self.settings.url().map(str::to_owned).or_else(running);
        match url {
            Some(url) => self.lab_at(url),
            None => self.lab_at(self.expected_url(&home)?),
        }
    }

    /// Where a lab of this folder is to be expected while none runs.
    fn expected_url(&self, home: &Home) -> anyhow::Result<String> {
        let bind = self.settings.bind()?;
        // With port 0 the system chooses: only the last start knows what it chose.
        let known = bind.port() != 0;
        if known && self.settings.bind_is_set() {
            return Ok(local_url(bind));
        }
        let credentials = home.credentials().map(|own| own.url);
        Ok(credentials.unwrap_or_else(|| local_url(bind)))
    }

    /// A server at this address, with the token that is meant for it.
    pub(crate) fn lab_at(&self, url: String) -> anyhow::Result<Lab> {
        let credentials = self.home()?.credentials();
        // The token of one server is not shown to another.
        let token = self.settings.token().or_else(|| {
            let own = credentials.filter(|own| same_server(&own.url, &url))?;
            Some(own.token.into())
        });
        let client = Client::new(&url, token.clone(), Timeouts::default())?;
        Ok(Lab { url, token, client })
    }

    /// A client of [`Self::lab`].
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Ok(self.lab()?.client)
    }
}

fn same_server(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use devlab_core::SystemClock;

    use super::*;
    use crate::home::Credentials;

    fn url(home: &std::path::Path, bind: Option<&str>) -> String {
        let mut pairs = vec![("DEVLAB_HOME", home.to_str().unwrap())];
        pairs.extend(bind.map(|bind| ("DEVLAB_BIND", bind)));
        let environment = Environment::of(&pairs);
        let settings = Settings::load(&environment, BTreeMap::new(), 2).unwrap();
        let context = Context {
            environment,
            settings,
            output: Output::Table,
            clock: Arc::new(SystemClock::new()),
        };
        context.lab().unwrap().url
    }

    #[test]
    fn a_lab_is_looked_for_where_it_would_listen() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        assert_eq!(url(home, None), "http://127.0.0.1:18080");
        assert_eq!(url(home, Some("127.0.0.1:28181")), "http://127.0.0.1:28181");
        assert_eq!(url(home, Some("0.0.0.0:28181")), "http://127.0.0.1:28181");
        let last = "http://127.0.0.1:4711".to_owned();
        let credentials = Credentials {
            url: last.clone(),
            token: "dl_x".to_owned(),
        };
        Home::at(home.to_owned())
            .write_credentials(&credentials)
            .unwrap();
        assert_eq!(url(home, None), last);
        assert_eq!(url(home, Some("127.0.0.1:0")), last);
        assert_eq!(url(home, Some("127.0.0.1:28181")), "http://127.0.0.1:28181");
    }
}
