//! The store of many machines: a Redis server that a team or a CI fleet shares.

mod fault;
pub(crate) mod link;
mod server;

pub use fault::Fault;
pub use server::{Address, AddressError, Namespace, Password, Server};
