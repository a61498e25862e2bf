//! Whose place it is. Two labs in one place would each remove what only the other one names.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutPayload};

use super::error::{BlobError, BlobErrorKind};
use super::{BlobStore, Result};

/// The object, beside the folder of blobs, that has the id of the lab whose place it is.
const OWNER: &str = "lab";

impl BlobStore {
    /// Id of the lab whose place this is; `None` if no lab has said that it is its own.
    ///
    /// # Errors
    /// What the place says.
    pub async fn owner(&self) -> Result<Option<String>> {
        let outcome = self.read_owner().await;
        self.note(outcome.map_err(|error| error.about(self.place())))
    }

    /// Name of the object that says whose place this is, in the bucket or the folder.
    #[must_use]
    pub fn owner_name(&self) -> String {
        self.owner_path().to_string()
    }

    /// Says that this is the place of a lab, unless another one has said so. Returns whose it is.
    ///
    /// # Errors
    /// What the place says.
    pub async fn claim(&self, lab: &str) -> Result<String> {
        let outcome = self.try_claim(lab).await;
        self.note(outcome.map_err(|error| error.about(self.place())))
    }

    /// Says that this is the place of a lab, whoever had it: that lab must not go on.
    ///
    /// # Errors
    /// What the place says.
    pub async fn take_over(&self, lab: &str) -> Result<()> {
        let outcome = self.write_owner(lab, PutMode::Overwrite).await;
        self.note(outcome.map_err(|error| error.about(self.place())))
    }

    /// Whether no blob is here.
    ///
    /// # Errors
    /// What the place says.
    pub async fn is_empty(&self) -> Result<bool> {
        let first = self.list().try_next().await;
        let outcome = first.map(|first| first.is_none());
        self.note(outcome.map_err(|error| error.about(self.place())))
    }

    async fn try_claim(&self, lab: &str) -> Result<String> {
        if let Some(known) = self.read_owner().await? {
            return Ok(known);
        }
        match self.write_owner(lab, PutMode::Create).await {
            Ok(()) => {}
            // Some servers and file systems cannot do that. Whoever writes last has it then, and the
            // others see that they do not when they look the next time.
            Err(error) if knows_no_condition(&error) => {
                self.write_owner(lab, PutMode::Overwrite).await?;
            }
            Err(error) => return Err(error),
        }
        let now = self.read_owner().await?;
        now.ok_or_else(|| BlobError::damaged("it does not give back what it got"))
    }

    /// What is there already is left, if the mode says so.
    async fn write_owner(&self, lab: &str, mode: PutMode) -> Result<()> {
        let bytes = PutPayload::from(format!("{lab}\n").into_bytes());
        let path = self.owner_path();
        match self.objects.put_opts(&path, bytes, mode.into()).await {
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(()),
            // What is missing when something is put is the bucket.
            Err(error @ Error::NotFound { .. }) => {
                Err(BlobError::new(BlobErrorKind::Config, error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn read_owner(&self) -> Result<Option<String>> {
        let found = async { self.objects.get(&self.owner_path()).await?.bytes().await };
        match found.await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn owner_path(&self) -> Path {
        self.prefix.clone().join(OWNER)
    }
}

/// Whether a place refuses to write only what is not there.
fn knows_no_condition(error: &BlobError) -> bool {
    error.kind == BlobErrorKind::Other || error.detail.contains("status code: 501")
}
