//! A server that starts while its database is away waits for it: both may be starting, or the
//! database is being replaced.

use std::time::Duration;

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;

use crate::context::Context;

/// How long a start waits for a database that is away: as long as a write of a running server does.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Does something once the database is there; again and again while it is away.
///
/// # Errors
/// Any other trouble, at once; and that it is away, after half a minute.
pub(super) async fn patiently<T>(
    context: &Context,
    step: impl AsyncFn() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let end = context.clock.monotonic() + WAIT_MAX;
    let mut is_told = false;
    loop {
        let error = match step().await {
            Err(error) if is_away(&error) && context.clock.monotonic() < end => error,
            ended => return ended,
        };
        if !is_told {
            let secs = WAIT_MAX.as_secs();
            tracing::warn!("waiting for the database, up to {secs} s: {error:#}");
            is_told = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_away(error: &anyhow::Error) -> bool {
    use devlab_core::Error as Core;
    use devlab_orchestrator::Error as Lab;
    error.chain().any(|cause| {
        let own = cause.downcast_ref::<StorageError>();
        let of_core = cause.downcast_ref().and_then(|error| match error {
            Core::Storage(error) => Some(error),
            Core::Refused(_) => None,
        });
        let of_lab = cause.downcast_ref().and_then(|error| match error {
            Lab::Storage(error) => Some(error),
            _ => None,
        });
        let found = own.or(of_core).or(of_lab);
        found.is_some_and(|error| error.kind == StorageErrorKind::Away)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_from_one_that_is_damaged() {
        let of = |kind| StorageError::new(kind, "x");
        let (away, damaged) = (StorageErrorKind::Away, StorageErrorKind::Corrupt);
        let opened = |kind| Err::<(), _>(of(kind)).context("cannot open").unwrap_err();
        assert!(is_away(&opened(away)) && !is_away(&opened(damaged)));
        assert!(is_away(&devlab_core::Error::Storage(of(away)).into()));
        assert!(is_away(
            &devlab_orchestrator::Error::Storage(of(away)).into()
        ));
        assert!(!is_away(&anyhow::anyhow!("the address is taken")));
    }
}
