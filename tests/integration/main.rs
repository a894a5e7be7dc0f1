//! The built binary on real repositories, with real git and a provider on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod harness;

mod audit;
mod bad_input;
mod cache;
mod checks;
mod collect;
mod commit;
mod coverage;
mod faults;
mod fix;
mod ledger;
mod limits;
mod models;
mod moves;
mod output;
mod packs;
mod patch;
mod policy;
mod prices;
mod push;
mod review;
mod rules_command;
mod spend;
mod shared_cache;
mod store;
mod suppress;
mod tiers;
