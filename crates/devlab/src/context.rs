//! What every command needs: settings, the clock, how to print, and a client when it asks for one.

use std::sync::Arc;

use devlab_api::client::{Client, Timeouts};
use devlab_core::{Clock, Timestamp};
use secrecy::SecretString;

use crate::args::Output;
use crate::environment::Environment;
use crate::home::Home;
use crate::settings::Settings;

/// Where a lab is when nothing says otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:18080";

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

    /// The server that commands talk to: the one that was named, else the one that runs on this
    /// data folder, else the one that its credentials name.
    pub(crate) fn lab(&self) -> anyhow::Result<Lab> {
        let home = self.home()?;
        let credentials = home.credentials();
        let url = match self.settings.url() {
            Some(url) => url.to_owned(),
            None => home
                .server()
                .map(|server| server.url)
                .or_else(|| credentials.as_ref().map(|own| own.url.clone()))
                .unwrap_or_else(|| URL_DEFAULT.to_owned()),
        };
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
