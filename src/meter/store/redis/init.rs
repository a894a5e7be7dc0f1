//! Making a store on purpose: nobody is to get one by the way that has forgotten what was used.

use std::path::Path;

use super::server::Server;
use super::{Fault, RedisStore, lock, nonce, script};
use crate::meter::store::{Clock, StoreError};

/// What came of `hookgate store init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// There was none, and now there is one.
    New,
    /// It was there, and stays as it is.
    Kept,
    /// It goes on with what is there.
    Accepted,
}

impl RedisStore {
    /// Makes a store on `server`, where there is none. What this machine saw and the server lost is
    /// an error, unless `accept_loss`.
    ///
    /// # Errors
    /// [`StoreError::Redis`] with what to do about it, [`StoreError::Directory`].
    pub(in crate::meter::store) fn init(
        directory: &Path,
        server: &Server,
        accept_loss: bool,
        clock: Option<Clock>,
    ) -> Result<Made, StoreError> {
        let store = Self::unchecked(directory, server, "", clock, None)?;
        store.info()?.check().map_err(|fault| store.failed(fault))?;
        let found = store.call(&script::LOOK, &[store.key("root")], &[]);
        let made = match found {
            Ok(_) => return Ok(Made::Kept),
            Err(StoreError::Redis { fault: Fault::Missing { loss, .. }, .. })
                if accept_loss || loss.is_empty() =>
            {
                Made::New
            }
            Err(StoreError::Redis { fault: Fault::Behind(_), .. }) if accept_loss => Made::Accepted,
            Err(error) => return Err(error),
        };
        let floor = lock(&store.memory).seen().made();
        let force = if made == Made::Accepted { "1" } else { "0" };
        let arguments = [nonce(), force.to_owned(), floor.to_string()];
        let keys = [store.key("root")];
        let reply = store.run(&script::INIT, &keys, &arguments)?;
        match reply.first().map(String::as_str) {
            Some("done") => store.remember(&reply)?,
            // Another machine was faster.
            Some("exists") => return Ok(Made::Kept),
            _ => return Err(store.unexpected(&reply)),
        }
        Ok(made)
    }
}
