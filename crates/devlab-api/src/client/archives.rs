//! Archives: of a lab, and of one org.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;

use super::query::Params;
use super::{Client, ClientError, transport};
use crate::archive::LabReport;
use crate::project::Org;

/// How long a server may be silent while it takes an archive: it may read its whole database, or
/// pack a large repository, before the next byte.
const SILENCE_MAX: Duration = Duration::from_secs(6 * 3600);

/// The bytes of an archive.
pub type ArchiveBytes = BoxStream<'static, Result<Bytes, ClientError>>;

impl Client {
    /// `POST /backup`: everything, as a tar. For global admins.
    pub async fn backup(&self) -> Result<ArchiveBytes, ClientError> {
        let response = self.post(&["backup"]).endless().send().await?;
        Ok(self.bytes_of(response))
    }

    /// `POST /orgs/{org}/export`: one org, as a tar.
    pub async fn export_org(&self, org: &str) -> Result<ArchiveBytes, ClientError> {
        let path = ["orgs", org, "export"];
        let response = self.post(&path).endless().send().await?;
        Ok(self.bytes_of(response))
    }

    /// `POST /orgs/import`: takes the org of an archive in, under its own name or another. For
    /// global admins.
    pub async fn import_org(
        &self,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        name: Option<&str>,
    ) -> Result<Org, ClientError> {
        let params = Params::default().maybe("name", name);
        let call = self.post(&["orgs", "import"]).query(&params).endless();
        call.stream(bytes).fetch().await
    }

    /// `GET /verify`: whether records and repositories agree. For global admins.
    pub async fn verify(&self) -> Result<LabReport, ClientError> {
        self.get(&["verify"]).endless().fetch().await
    }

    fn bytes_of(&self, response: reqwest::Response) -> ArchiveBytes {
        let state = (response, self.base.to_string());
        Box::pin(futures::stream::try_unfold(
            state,
            |(mut response, server)| async move {
                let silent = || ClientError::Transport {
                    server: server.clone(),
                    what: "no answer in time",
                    source: None,
                };
                let next = tokio::time::timeout(SILENCE_MAX, response.chunk()).await;
                let next = next.map_err(|_| silent())?;
                let next = next.map_err(|error| transport::transport(&server, error))?;
                Ok(next.map(|bytes| (bytes, (response, server))))
            },
        ))
    }
}
