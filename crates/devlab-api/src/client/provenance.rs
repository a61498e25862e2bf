//! The keys of provenance.

use super::{Client, ClientError};
use crate::provenance::OrgKeys;

impl Client {
    /// `GET /orgs/{org}/keys`: the public keys of an org, by id or name.
    pub async fn org_keys(&self, org: &str) -> Result<OrgKeys, ClientError> {
        self.get(&["orgs", org, "keys"]).fetch().await
    }

    /// `POST /orgs/{org}/keys`: gives the org a new key, which the old one signs.
    pub async fn rotate_org_key(&self, org: &str) -> Result<OrgKeys, ClientError> {
        self.post(&["orgs", org, "keys"]).fetch().await
    }
}
