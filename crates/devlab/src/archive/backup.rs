//! `devlab backup`.

use devlab_orchestrator::archive::take;
use devlab_store::dump::Scope;

use super::{Lab, fetched, say, written};
use crate::args::Backup;
use crate::context::Context;

pub(crate) async fn run(context: &Context, backup: &Backup) -> anyhow::Result<()> {
    let manifest = match Lab::find(context).await? {
        Lab::Running(client) => fetched(context, client.backup().await?, &backup.to).await?,
        Lab::Stopped(lab) => {
            let (pieces, work) = take(lab.estate.clone(), Scope::Lab, context.now());
            let (taken, manifest) = tokio::join!(work, written(context, pieces, &backup.to));
            // What could not be written is why it could not be taken.
            let manifest = match taken {
                Ok(_) => manifest?,
                Err(error) => return Err(manifest.err().unwrap_or(error.into())),
            };
            lab.close().await?;
            manifest
        }
    };
    say(context, &manifest, &backup.to)
}
