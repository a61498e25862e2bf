//! Which lab a store is.

use crate::error::{Refusal, Result};
use crate::tx::{Read, Tx};

/// Setting that holds the id. No archive has it: what is restored is a lab of its own.
pub const LAB_ID: &str = "lab_id";

/// The id of the lab: 32 hexadecimal digits, made the first time that it is asked for.
///
/// # Errors
/// Storage only.
pub fn lab_id(tx: &mut dyn Tx) -> Result<String> {
    if let Some(known) = tx.setting(LAB_ID)? {
        return Ok(known);
    }
    let id = format!("{:032x}", tx.random());
    tx.put_setting(LAB_ID, &id)?;
    Ok(id)
}

/// Makes sure that the lab in a store is still the one with this id. A server that was cut off while
/// its lab was replaced would go on with what it knows of the old one, and on its repositories.
///
/// # Errors
/// [`Refusal::Conflict`] if it is not.
pub fn is_still<R: Read + ?Sized>(view: &mut R, lab: &str) -> Result<()> {
    if view.setting(LAB_ID)?.as_deref() == Some(lab) {
        return Ok(());
    }
    let text = "another lab is in the database now: it was restored, or replaced";
    Err(Refusal::Conflict(text.to_owned()).into())
}
