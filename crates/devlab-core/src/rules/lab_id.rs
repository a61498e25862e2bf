//! Which lab a store is.

use crate::error::Result;
use crate::tx::Tx;

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
