//! `hookgate demo`: real commits in a scratch repository, with what hookgate says about each.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{Demo, Hook};
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::Repository;

const FILE: &str = "shop.py";

const START: &str = r#""""What a customer pays."""


def discount(total, years):
    # loyal people
    if years > 5:
        return total * 0.9
    return total


def shipping(total):
    return 0 if total >= 50 else 5
"#;

/// What is reworded, slipped in and changed, in that order.
const COMMENT: (&str, &str) = ("# loyal people", "# Customers of more than five years pay a tenth less.");
const LEFTOVER: (&str, &str) = ("    return total\n", "    breakpoint()\n    return total\n");
const LOGIC: (&str, &str) = ("if years > 5:", "if years > 5 or total > 1000:");

pub(super) fn execute(
    arguments: &Demo,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let scratch = tempfile::Builder::new()
        .prefix("hookgate-demo-")
        .tempdir()
        .map_err(failed("make a scratch directory"))?;
    let directory = scratch.path().join("shop");
    fs::create_dir(&directory).map_err(failed("make a scratch directory"))?;
    let program = std::env::current_exe().map_err(failed("find this program"))?;
    let went = Stage { directory, program, may_ask: false, out: &mut *out }.play(environment);
    if arguments.keep {
        let kept = scratch.keep();
        writeln!(out, "The scratch repository is {}.", kept.join("shop").display())?;
    }
    went.map(|()| ExitStatus::Allowed)
}

/// The scratch repository and whoever watches.
struct Stage<'a> {
    directory: PathBuf,
    program: PathBuf,
    /// Whether a model may be asked, which the user's own ledger then has to know.
    may_ask: bool,
    out: &'a mut dyn Write,
}

impl Stage<'_> {
    fn play(&mut self, environment: &Environment) -> Result<(), Error> {
        self.say("A scratch repository with a small Python program, and hookgate installed in it:\n")?;
        self.write(START)?;
        self.quietly("git", &["init", "--quiet", "--initial-branch=main"])?;
        self.quietly("git", &["add", FILE])?;
        self.quietly("git", &["commit", "--quiet", "-m", "Say what a customer pays"])?;
        self.show("hookgate", &["install"], &[0])?;
        self.may_ask = self.has_model(environment)?;

        self.say("1. A comment is reworded. The dry run shows what a commit would send, and why:\n")?;
        let mut text = START.replace(COMMENT.0, COMMENT.1);
        self.stage(&text)?;
        self.show("hookgate", &["dry-run"], &[0])?;
        self.show("git", &["commit", "--quiet", "-m", "Reword a comment"], &[0])?;
        self.say("   Both sides have the same syntax tree, so there is nothing to ask, and nothing to say.")?;

        self.say("\n2. A condition changes, and a breakpoint is left behind:\n")?;
        text = text.replace(LOGIC.0, LOGIC.1);
        self.stage(&text.replace(LEFTOVER.0, LEFTOVER.1))?;
        self.show("git", &["commit", "--quiet", "-m", "Reward large orders"], &[1])?;
        self.say("   A rule refuses the commit, and no model was asked about what is refused anyway.")?;

        self.say("\n3. Without the breakpoint, the condition is left for a model. What would it be sent?\n")?;
        self.stage(&text)?;
        self.show("hookgate", &["dry-run"], &[0])?;
        let allowed: &[i32] = if self.may_ask { &[0, 1] } else { &[0] };
        let said = self.show("git", &["commit", "--quiet", "-m", "Reward large orders"], allowed)?;
        self.say(match (self.may_ask, said.contains("NOT REVIEWED")) {
            (true, false) => "   Your model was asked, inside the limit; the ledger has what it took.",
            (true, true) => {
                "   Your model gave no review. The commit is allowed, and what nobody looked at is named,\n   \
                 with the reason: a missing review never looks like a passed one."
            }
            (false, _) => {
                "   No model can be asked, so nothing was sent. The commit is allowed, and what nobody\n   \
                 looked at is named: a missing review never looks like a passed one."
            }
        })?;
        self.say("\nTo use it: `hookgate init` and `hookgate install` in a repository of yours.")
    }

    fn say(&mut self, line: &str) -> Result<(), Error> {
        Ok(writeln!(self.out, "{line}")?)
    }

    fn has_model(&self, environment: &Environment) -> Result<bool, Error> {
        let config = Config::load(&Repository::at(&self.directory)?, environment)?;
        Ok(config.options(Hook::PreCommit)?.barrier.is_none())
    }

    fn write(&self, text: &str) -> Result<(), Error> {
        fs::write(self.directory.join(FILE), text).map_err(failed("write the sample program"))
    }

    fn stage(&self, text: &str) -> Result<(), Error> {
        self.write(text)?;
        self.quietly("git", &["add", FILE])
    }

    /// Runs a command that is not part of the show.
    fn quietly(&self, program: &str, arguments: &[&str]) -> Result<(), Error> {
        let (code, said) = self.run(program, arguments)?;
        if code == Some(0) { Ok(()) } else { Err(unexpected(program, arguments, code, &said)) }
    }

    /// Runs a command, and shows it with all that it says, which is returned.
    fn show(&mut self, program: &str, arguments: &[&str], expected: &[i32]) -> Result<String, Error> {
        let (code, said) = self.run(program, arguments)?;
        writeln!(self.out, "   $ {}", command_line(program, arguments))?;
        for line in said.lines() {
            writeln!(self.out, "{}", format!("   {line}").trim_end())?;
        }
        match code {
            Some(code) if expected.contains(&code) => {
                writeln!(self.out, "   [exit {code}]\n")?;
                Ok(said)
            }
            code => Err(unexpected(program, arguments, code, "")),
        }
    }

    /// The exit code, and both streams as a terminal would interleave them.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(Option<i32>, String), Error> {
        let failed = |source| Error::Io { action: format!("run {program}"), source };
        let (mut reader, writer) = std::io::pipe().map_err(failed)?;
        let path = if program == "git" { Path::new("git") } else { &self.program };
        let mut command = Command::new(path);
        command.args(arguments).current_dir(&self.directory);
        self.isolate(&mut command);
        command.stdin(std::process::Stdio::null());
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let mut child = command.spawn().map_err(failed)?;
        // The command holds the writing end, and the pipe would never end.
        drop(command);
        let mut said = Vec::new();
        reader.read_to_end(&mut said).map_err(failed)?;
        let status = child.wait().map_err(failed)?;
        Ok((status.code(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// Keeps the user's git configuration, and a repository that this may run in, out of the show.
    /// hookgate's own configuration stays, so that a configured model is asked.
    fn isolate(&self, command: &mut Command) {
        for variable in
            ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "HOOKGATE"]
        {
            command.env_remove(variable);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Demo");
            command.env(format!("GIT_{role}_EMAIL"), "demo@example.org");
        }
        command.env("GIT_CONFIG_GLOBAL", if cfg!(windows) { "NUL" } else { "/dev/null" });
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("HOOKGATE_BIN", &self.program);
        if !self.may_ask {
            command.env("XDG_STATE_HOME", self.directory.join(".git/state"));
        }
    }
}

fn command_line(program: &str, arguments: &[&str]) -> String {
    let mut line = program.to_owned();
    for argument in arguments {
        let quote = if argument.contains(' ') { "\"" } else { "" };
        line.push_str(&format!(" {quote}{argument}{quote}"));
    }
    line
}

fn unexpected(program: &str, arguments: &[&str], code: Option<i32>, said: &str) -> Error {
    let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    let line = command_line(program, arguments);
    Error::Refused(
        format!("the demo did not go as described: `{line}` ended with {code}. {said}").trim().to_owned(),
    )
}

fn failed(action: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action: action.to_owned(), source }
}
