//! A git hook manager that treats model calls as a metered utility.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on has failed"))]

pub mod text;
pub mod tokens;
pub mod exit;
pub mod git;
pub mod cli;
pub mod change;
pub mod meter;
pub mod check;
pub mod hook;
pub mod payload;
pub mod report;
pub mod model;
pub mod pipeline;
