//! Real repositories, the real binary, and a provider that does what it is told.

pub(crate) mod faults;
pub(crate) mod provider;
pub(crate) mod redis;
pub(crate) mod repo;
