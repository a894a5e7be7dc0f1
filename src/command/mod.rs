//! One thin file a subcommand: open what it needs, call the rooms, say what came of it.

mod init;
mod install;
mod range;
mod run;
mod audit;
mod explain;
mod baseline;
mod doctor;
mod trust;
mod rules;
mod demo;
mod cache;
mod store;
mod models;
mod budget;
mod spend;
mod prices;

use std::io::{ErrorKind, Write};

use anstream::ColorChoice;

use crate::cli::{Cli, Color, Command};
use crate::config::Environment;
use crate::error::Error;
use crate::exit::ExitStatus;

/// Does what the command line says, and writes about it to standard output.
///
/// # Errors
/// Whatever keeps the command from its work; see [`Error`].
pub fn execute(cli: Cli, environment: &Environment) -> Result<ExitStatus, Error> {
    match cli.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
    let mut out = anstream::stdout();
    let status = match cli.command {
        Command::Init(arguments) => init::execute(&arguments, environment, &mut out),
        Command::Install(arguments) => install::execute(&arguments, environment, &mut out),
        Command::Uninstall => install::undo(environment, &mut out),
        Command::Run(arguments) => run::execute(&arguments, cli.verbose, environment, &mut out),
        Command::DryRun(arguments) => run::preview(&arguments, cli.verbose, environment, &mut out),
        Command::Audit(arguments) => audit::execute(&arguments, cli.verbose, environment, &mut out),
        Command::Explain(arguments) => explain::execute(&arguments, environment, &mut out),
        Command::Baseline => baseline::execute(environment, &mut out),
        Command::Doctor => doctor::execute(environment, &mut out),
        Command::Trust(arguments) => trust::execute(&arguments, environment, &mut out),
        Command::Rules(arguments) => rules::execute(&arguments.action, environment, &mut out),
        Command::Cache(arguments) => cache::execute(&arguments, environment, &mut out),
        Command::Store(arguments) => store::execute(arguments.action, environment, &mut out),
        Command::Models(arguments) => models::execute(&arguments, environment, &mut out),
        Command::Budget(arguments) => budget::execute(&arguments, environment, &mut out),
        Command::Spend(arguments) => spend::execute(&arguments, environment, &mut out),
        Command::Prices(arguments) => prices::execute(&arguments, cli.verbose, environment, &mut out),
        Command::Demo(arguments) => demo::execute(&arguments, environment, &mut out),
    }?;
    match out.flush() {
        // Whoever closes the pipe has read enough; the verdict stands.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(status),
        flushed => Ok(flushed.map(|()| status)?),
    }
}
