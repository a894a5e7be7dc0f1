//! Models that count as free and report a cost, as a gateway does that nobody has named as one. The
//! windows of money are no longer than a month, and so is the memory of it.

use super::calendar::window_ids;
use super::store::{Store, StoreError};

/// Whether `provider/model` has reported a cost this month.
pub(super) fn is_billed(store: &dyn Store, model: &str) -> Result<bool, StoreError> {
    let mut found = false;
    store.update(&cell(model), &mut |now, month| {
        found = month == Some(window_ids(now).1.as_str());
        None
    })?;
    Ok(found)
}

/// Remembers that `provider/model` has reported a cost.
pub(super) fn mark(store: &dyn Store, model: &str) -> Result<(), StoreError> {
    store.update(&cell(model), &mut |now, _| Some(window_ids(now).1))
}

/// The cell that holds the month of the last one.
fn cell(model: &str) -> String {
    format!("billed:{model}")
}
