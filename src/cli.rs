//! The command line, and nothing of what it does.

mod meter;

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use meter::{
    Budget, By, Models, ModelsAction, Prices, PricesAction, Since, Spend, SpendFormat, Store, StoreAction,
    check_label,
};

/// A git hook manager that treats model calls as a metered utility.
///
/// Every changed line is dropped with proof, answered by a rule, sent to a model inside a hard
/// limit, or listed as NOT REVIEWED with the reason. `hookgate dry-run` shows it before it happens.
#[derive(Debug, Parser)]
#[command(name = "hookgate", version, verbatim_doc_comment)]
#[command(
    after_help = "Exit codes: 0 allowed, 1 blocked, 2 usage or configuration error, 3 a required review\n\
                        or consent is missing. HOOKGATE=0 in the environment skips every hook."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// When to colour.
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub color: Color,
    /// Say more: what was dropped and what rules answered.
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented hookgate.toml.
    Init(Init),
    /// Put the hooks into this repository; a hook that is there is kept and runs first.
    Install(Install),
    /// Take the hooks out, and put back those that were there before.
    Uninstall,
    /// Do what a hook does: check, review inside the limit, allow or refuse.
    Run(Run),
    /// Show what a hook would send, and what it would take, without sending it.
    DryRun(DryRun),
    /// Replay past commits: what they would have sent and cost, and a token limit that fits them.
    Audit(Audit),
    /// Say which stage answers a changed line, and why.
    Explain(Explain),
    /// Write down what rules find today, so that only what comes beside it is reported.
    Baseline,
    /// Check the installation, the configuration and the ledger.
    Doctor,
    /// Show, give or take back consent to what hookgate.toml asks for.
    Trust(Trust),
    /// List, test and explain the rules.
    Rules(Rules),
    /// Show what earlier reviews have saved, or forget them.
    Cache(Cache),
    /// Show where reservations and the ledger are kept and what that place promises, or make one.
    Store(Store),
    /// List the models of your file; find servers on this machine; try whether they answer.
    Models(Models),
    /// Show every limit: used, reserved, what is left, and when it begins anew.
    Budget(Budget),
    /// Show what requests took and cost, by whatever they are charged to.
    Spend(Spend),
    /// Show what models cost, or take another list of prices out of a file.
    Prices(Prices),
    /// Watch it work, in a scratch repository.
    Demo(Demo),
}

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Replace a hookgate.toml that is there.
    #[arg(long)]
    pub force: bool,
}

/// `install`.
#[derive(Debug, Args)]
pub struct Install {
    /// The hooks to put in.
    #[arg(
        long = "hook",
        value_name = "HOOK",
        value_delimiter = ',',
        default_value = "pre-commit,pre-push",
        hide_possible_values = true
    )]
    pub hooks: Vec<Hook>,
    /// Consent to what hookgate.toml asks for, if this is its hash.
    #[arg(long, value_name = "HASH")]
    pub accept: Option<String>,
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The hook: pre-commit or pre-push.
    #[arg(hide_possible_values = true)]
    pub hook: Hook,
    /// What to look at, other than what git says.
    #[command(flatten)]
    pub scope: Scope,
    /// Look at every tracked file as if it were new.
    #[arg(long, conflicts_with_all = ["from_ref", "to_ref"])]
    pub all_files: bool,
    /// Mend what can be mended without a doubt, in files without unstaged changes; nothing is staged.
    #[arg(long, conflicts_with_all = ["from_ref", "to_ref"])]
    pub fix: bool,
    /// Ask again what was reviewed before.
    #[arg(long)]
    pub no_cache: bool,
    /// How to report.
    #[arg(long, value_name = "text|json|sarif|github", default_value = "text", hide_possible_values = true)]
    pub format: Format,
    /// What git passes to the hook.
    #[arg(last = true, value_name = "GIT'S ARGUMENTS")]
    pub arguments: Vec<OsString>,
}

/// `dry-run`.
#[derive(Debug, Args)]
pub struct DryRun {
    /// The hook whose limits and tiers count.
    #[arg(default_value = "pre-commit", hide_possible_values = true)]
    pub hook: Hook,
    /// Look at a commit against its parent.
    #[arg(long, value_name = "REV", conflicts_with_all = ["from_ref", "to_ref"])]
    pub commit: Option<String>,
    /// What to look at, other than what git says.
    #[command(flatten)]
    pub scope: Scope,
    /// Count as if no limit were set.
    #[arg(long)]
    pub no_limit: bool,
    /// Print the exact bytes of every request.
    #[arg(long)]
    pub show_payload: bool,
    /// Ask again what was reviewed before.
    #[arg(long)]
    pub no_cache: bool,
    /// How to report.
    #[arg(long, value_name = "text|json|sarif|github", default_value = "text", hide_possible_values = true)]
    pub format: Format,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// The commit to go back from [default: HEAD].
    #[arg(value_name = "REV")]
    pub revision: Option<String>,
    /// How many commits, merges left out.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    pub last: u32,
    /// The hook whose tiers and levels count.
    #[arg(long, value_name = "HOOK", default_value = "pre-commit", hide_possible_values = true)]
    pub hook: Hook,
    /// The model to ask and to price for: a tier, or a name out of `[prices]` in your own file.
    #[arg(long, value_name = "TIER|PROVIDER/NAME")]
    pub model: Option<String>,
    /// Write the limit into hookgate.toml: 20 % under the mean, a percentile, or a number of tokens.
    #[arg(
        long,
        value_name = "mean|p50|p90|p95|N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "mean"
    )]
    pub apply: Option<Apply>,
    /// How to report.
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub format: ListFormat,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A changed file, or one of its lines.
    #[arg(value_name = "PATH[:LINE]")]
    pub place: OsString,
    /// The line is one of the side before the change.
    #[arg(long)]
    pub old: bool,
    /// The hook whose limits and tiers count.
    #[arg(long, default_value = "pre-commit", hide_possible_values = true)]
    pub hook: Hook,
    /// Look at a commit against its parent, not at what is staged.
    #[arg(long, value_name = "REV", conflicts_with_all = ["from_ref", "to_ref"])]
    pub commit: Option<String>,
    /// Look at a range.
    #[command(flatten)]
    pub scope: Scope,
    /// How to report.
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub format: ListFormat,
}

/// Which token limit to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// 20 % under the mean.
    Mean,
    /// The median.
    P50,
    /// What nine commits of ten need.
    P90,
    /// What nineteen commits of twenty need.
    P95,
    /// So many tokens, at least one.
    Tokens(u64),
}

impl FromStr for Apply {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        Ok(match written {
            "mean" => Self::Mean,
            "p50" => Self::P50,
            "p90" => Self::P90,
            "p95" => Self::P95,
            _ => match written.parse() {
                // TOML has no larger numbers.
                Ok(tokens @ 1..=0x7fff_ffff_ffff_ffff) => Self::Tokens(tokens),
                _ => return Err("expected mean, p50, p90, p95 or a number of tokens from 1 up".to_owned()),
            },
        })
    }
}

/// A range of commits in place of the index or of what is pushed.
#[derive(Debug, Args)]
pub struct Scope {
    /// Look at what changed since this revision.
    #[arg(long, value_name = "REV", requires = "to_ref")]
    pub from_ref: Option<String>,
    /// … up to this one.
    #[arg(long, value_name = "REV", requires = "from_ref")]
    pub to_ref: Option<String>,
}

/// `trust`.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Trust {
    /// Print the hash of what is asked for.
    #[arg(long)]
    pub hash: bool,
    /// Consent, if this is the hash of what is asked for.
    #[arg(long, value_name = "HASH")]
    pub accept: Option<String>,
    /// Take consent back.
    #[arg(long)]
    pub revoke: bool,
}

/// `rules`.
#[derive(Debug, Args)]
pub struct Rules {
    /// What to do with them.
    #[command(subcommand)]
    pub action: RulesAction,
}

/// The subcommands of `rules`.
#[derive(Debug, Subcommand)]
pub enum RulesAction {
    /// List the rules with their severities in force.
    List {
        /// Only those of this pack or language: rust, secrets, tsx.
        #[arg(value_name = "PACK|LANGUAGE")]
        only: Option<String>,
        /// How to list.
        #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
        format: ListFormat,
    },
    /// Try every rule on its own examples.
    Test {
        /// Packs to try, in place of the bundled ones and the repository's.
        #[arg(value_name = "PACK-FILE")]
        files: Vec<PathBuf>,
    },
    /// Say what a rule is about, with examples, and how to silence it.
    Explain {
        /// The rule, as findings name it: python/breakpoint.
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// How to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `cache`.
#[derive(Debug, Args)]
pub struct Cache {
    /// Forget all reviews, and the counts of lookups with them.
    #[arg(long, conflicts_with_all = ["since", "format"])]
    pub clear: bool,
    /// Count lookups of so many days, today among them.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub since: u64,
    /// How to list.
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub format: ListFormat,
}

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Keep the scratch repository.
    #[arg(long)]
    pub keep: bool,
}

/// A hook that hookgate can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Hook {
    /// Looks at the index.
    PreCommit,
    /// Looks at what is about to be pushed.
    PrePush,
}

impl Hook {
    /// Git's name for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
        }
    }
}

/// How to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs; version 1.
    Json,
    /// For code scanning services and editors; SARIF 2.1.0.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Also in files and pipes.
    Always,
    /// Not at all.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_shim_passes_gits_arguments_through() {
        let line = ["hookgate", "run", "pre-push", "--", "origin", "--all-files"];
        let Command::Run(run) = Cli::try_parse_from(line).unwrap().command else { panic!("not run") };
        assert_eq!(run.hook, Hook::PrePush);
        assert!(!run.all_files);
        assert_eq!(run.arguments, ["origin", "--all-files"]);
    }

    #[test]
    fn no_day_is_no_time_to_count() {
        assert!(Cli::try_parse_from(["hookgate", "cache", "--since", "1"]).is_ok());
        let error = Cli::try_parse_from(["hookgate", "cache", "--since", "0"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn half_a_range_is_wrong_usage() {
        let error = Cli::try_parse_from(["hookgate", "run", "pre-commit", "--from-ref", "a"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
