//! Parse arguments, call the library, return the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use hookgate::cli::Cli;
use hookgate::config::Environment;
use hookgate::error::{Error, with_causes};
use hookgate::exit::ExitStatus;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment = Environment::read()
        .map_err(|source| Error::Io { action: "find the current directory".to_owned(), source });
    let done = environment.and_then(|environment| hookgate::command::execute(cli, &environment));
    let status = done.unwrap_or_else(|error| {
        let status = error.status();
        if status != ExitStatus::Allowed {
            // Where standard error is closed, nobody listens.
            let _ = writeln!(anstream::stderr(), "hookgate: error: {}", with_causes(&error));
        }
        status
    });
    status.into()
}
