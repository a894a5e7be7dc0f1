//! `hookgate store`: where reservations and the ledger are kept, and how such a place is made.

use std::io::Write;

use super::doctor::{List, ledger};
use crate::cli::StoreAction;
use crate::config::{Environment, UserConfig};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::meter::store::Made;

pub(super) fn execute(
    action: Option<StoreAction>,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let user = UserConfig::load(environment)?;
    if let Some(StoreAction::Init { accept_loss }) = action {
        let place = user.store();
        let Some(server) = &place.redis else {
            let path = place.directory.display();
            writeln!(
                out,
                "hookgate: the ledger is kept in {path}, which needs no making: [store] names no server"
            )?;
            return Ok(ExitStatus::Allowed);
        };
        let (address, namespace) = (&server.address, &server.namespace);
        match place.init(accept_loss).map_err(|error| Error::Refused(error.to_string()))? {
            Made::New => {
                writeln!(out, "hookgate: made the store {namespace} at {address}; nothing is used yet")?
            }
            Made::Kept => {
                writeln!(out, "hookgate: the store {namespace} at {address} is there, and stays as it is")?
            }
            Made::Accepted => writeln!(
                out,
                "hookgate: the store {namespace} at {address} goes on with what is there; what was lost is not counted"
            )?,
        }
    }
    let mut list = List::new(out);
    ledger(&user, &mut list)?;
    Ok(list.status())
}
