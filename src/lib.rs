//! hookgate is a git hook manager that treats model calls as a metered utility.
//!
//! Its promise: every changed line of a commit is dropped with proof, answered by a rule, answered
//! by an earlier review, sent to a model inside a hard limit, or listed as NOT REVIEWED with the
//! reason. A change walks through nine stages, which [`pipeline::run`] calls in this order:
//!
//! | stage | takes | gives |
//! |---|---|---|
//! | [collect](change::collect) | the index or a pushed range | [`ChangeSet`](change::ChangeSet): blobs by object id |
//! | [parse](change::parse) | a change | [`ParsedChange`](change::ParsedChange): a syntax tree a side, or text with a reason |
//! | [classify](change::classify) | a parsed change | [`ClassifiedChange`](change::ClassifiedChange): class and proof a file and a [`Unit`](change::Unit) |
//! | [check](check::check) | classified changes | [`Finding`](check::finding::Finding)s that the change introduces |
//! | [route](payload::route) | units | a [`Decision`](payload::route::Decision) each |
//! | [compress](payload::pack) | units that a model is to answer | [`Payload`](payload::Payload)s, redacted and cut to fit |
//! | [budget](meter::budget) | what a request may take | a [`Reservation`](meter::budget::Reservation), or a denial |
//! | [model](model::review) | payload and reservation | an [`Answer`](report::Answer) |
//! | [report] | all of it | text, JSON, SARIF, annotations, and the rows of the ledger |
//!
//! Between route and compress, what was [reviewed before](model::recall) is answered from the
//! [cache](meter::cache). An [audit](audit::audit) replays past commits through the same stages.
//!
//! The rooms below stand in the order in which they may know each other: a room imports those above
//! it and none below. `tests/tidy.rs` holds them to it. Two things cannot be written at all: a
//! payload of text that was not redacted, and a request that was not paid for before it was sent.
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
pub mod audit;
pub mod config;
pub mod error;
pub mod command;
