//! Policies are prepared before they are set: their limits reach the tasks that there are.

use devlab_core::rules::policy::{self, Setting};
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;

impl Lab {
    /// Lets the tasks that a policy is for count under its limits, some in each transaction.
    /// Afterwards [`policy::set`] can set it.
    ///
    /// # Errors
    /// Those of [`policy::prepare`]; storage.
    pub async fn prepare_policy(&self, setting: &Setting) -> Result<()> {
        let mut after = None;
        loop {
            let setting = setting.clone();
            let step = self
                .store()
                .write(move |tx| policy::prepare(tx, &setting, after));
            after = step.await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
