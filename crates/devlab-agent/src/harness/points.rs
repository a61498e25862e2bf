//! The named points of the harness: where its death, or an error, must lose nothing.

/// The claim was answered; nothing is on disk yet.
pub const AFTER_CLAIM: &str = "agent.after_claim";
/// The tree and the context are there, and the journal says so.
pub const AFTER_PREPARE: &str = "agent.after_prepare";
/// The driver's supervisor is in the journal; the driver runs.
pub const DURING_DRIVE: &str = "agent.during_drive";
/// The driver is over, and the journal says so.
pub const AFTER_DRIVE: &str = "agent.after_drive";
/// A file that the task wants kept is on the server, and the journal says so.
pub const DURING_ARTIFACTS: &str = "agent.during_artifacts";
/// The driver's work is a commit, and the journal says so.
pub const AFTER_COMMIT: &str = "agent.after_commit";
/// The commit is on the server, and the journal says so.
pub const AFTER_PUSH: &str = "agent.after_push";
/// A check's supervisor is in the journal; the check runs.
pub const DURING_CHECKS: &str = "agent.during_checks";
/// Every check has its receipt, and the journal says so.
pub const AFTER_RECEIPTS: &str = "agent.after_receipts";
/// What to tell the server is in the journal; nothing was told.
pub const BEFORE_COMPLETE: &str = "agent.before_complete";
/// The server has answered the completion.
pub const AFTER_COMPLETE: &str = "agent.after_complete";
/// The answer is about to be written down.
pub const BEFORE_ACK: &str = "agent.before_ack";

/// All of them, in the order in which an attempt reaches them.
pub const ALL: [&str; 12] = [
    AFTER_CLAIM,
    AFTER_PREPARE,
    DURING_DRIVE,
    AFTER_DRIVE,
    DURING_ARTIFACTS,
    AFTER_COMMIT,
    AFTER_PUSH,
    DURING_CHECKS,
    AFTER_RECEIPTS,
    BEFORE_COMPLETE,
    AFTER_COMPLETE,
    BEFORE_ACK,
];
