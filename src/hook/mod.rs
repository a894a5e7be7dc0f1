//! Being a hook: written into a repository, and taken out again.

pub mod install;
