//! The commands that show what requests may cost, and did.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use super::ListFormat;
use crate::text::{instead, one_line};

/// `store`.
#[derive(Debug, Args)]
pub struct Store {
    /// What to do with it.
    #[command(subcommand)]
    pub action: Option<StoreAction>,
}

/// The subcommands of `store`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum StoreAction {
    /// Make the store on the server of `[store]` in your config.toml; one that is there stays.
    Init {
        /// Go on where the server has lost writes that this machine saw, with what is left or from zero:
        /// limits may be overrun by them.
        #[arg(long)]
        accept_loss: bool,
    },
}

/// `models`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Models {
    /// What to do with them [default: list].
    #[command(subcommand)]
    pub action: Option<ModelsAction>,
    /// How to list.
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub format: ListFormat,
}

/// `budget`.
#[derive(Debug, Args)]
pub struct Budget {
    /// How to list.
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub format: ListFormat,
}

/// The subcommands of `models`.
#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// List the tiers of your file: key, price, breaker, and how their requests of 30 days went.
    List {
        /// How to list.
        #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
        format: ListFormat,
    },
    /// Look for Ollama, llama.cpp, LM Studio and vLLM on this machine, and print the lines for your
    /// file that would use them.
    ///
    /// Nothing is written, and nothing leaves the machine.
    Detect {
        /// Look for any of them on this port, in place of their usual ones.
        #[arg(long = "port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
        ports: Vec<u16>,
        /// How to list.
        #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
        format: ListFormat,
    },
    /// Send one small request to each tier and say what came back. It costs tokens.
    Test {
        /// Only this tier.
        #[arg(value_name = "TIER")]
        tier: Option<String>,
        /// How long each tier may take.
        #[arg(
            long,
            value_name = "SECONDS",
            default_value_t = 60,
            value_parser = clap::value_parser!(u64).range(1..=600)
        )]
        deadline: u64,
        /// How to list.
        #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
        format: ListFormat,
    },
}

/// `spend`.
#[derive(Debug, Args)]
pub struct Spend {
    /// What to group by, one within the other: repository, branch, team, user, hook, stage, run,
    /// provider, model, tier, day, month, reason, because, label:NAME.
    #[arg(long, value_name = "KEY,…", value_delimiter = ',', default_value = "repository")]
    pub by: Vec<By>,
    /// Count so many days, today among them, or all since a day [default: the first of this month].
    #[arg(long, value_name = "30d|2026-11-01")]
    pub since: Option<Since>,
    /// … up to this day, which counts.
    #[arg(long, value_name = "2026-11-30", value_parser = day)]
    pub until: Option<Date>,
    /// How to list.
    #[arg(long, value_name = "text|csv|json", default_value = "text", hide_possible_values = true)]
    pub format: SpendFormat,
}

/// What requests can be grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The repository.
    Repository,
    /// The branch.
    Branch,
    /// The team.
    Team,
    /// The user.
    User,
    /// The hook.
    Hook,
    /// The stage of a pipeline.
    Stage,
    /// The run of a CI system.
    Run,
    /// The provider.
    Provider,
    /// The model.
    Model,
    /// The tier.
    Tier,
    /// The UTC day.
    Day,
    /// The UTC month.
    Month,
    /// What came of it: `ok`, or the code of a reason.
    Reason,
    /// Why this endpoint.
    Because,
    /// A label of the user's choice.
    Label(String),
}

impl By {
    const ALL: [(&str, Self); 14] = [
        ("repository", Self::Repository),
        ("branch", Self::Branch),
        ("team", Self::Team),
        ("user", Self::User),
        ("hook", Self::Hook),
        ("stage", Self::Stage),
        ("run", Self::Run),
        ("provider", Self::Provider),
        ("model", Self::Model),
        ("tier", Self::Tier),
        ("day", Self::Day),
        ("month", Self::Month),
        ("reason", Self::Reason),
        ("because", Self::Because),
    ];
}

impl FromStr for By {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        if let Some(name) = written.strip_prefix("label:").filter(|name| !name.is_empty()) {
            check_label(name)?;
            return Ok(Self::Label(name.to_owned()));
        }
        // What design documents and habit call it.
        let written = if written == "repo" { "repository" } else { written };
        let known = Self::ALL.into_iter().find(|(name, _)| *name == written);
        known.map(|(_, by)| by).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).chain(["label:NAME"]).collect();
            instead(written, &names).trim_start_matches("; ").to_owned()
        })
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, Self::ALL.iter().find(|(_, by)| by == self)) {
            (Self::Label(name), _) => write!(f, "label:{name}"),
            (_, Some((name, _))) => f.write_str(name),
            (_, None) => Ok(()),
        }
    }
}

/// Characters of the longest name of a label.
const LONGEST_LABEL: usize = 40;

/// Whether a label can have this name.
///
/// # Errors
/// Which names there are.
pub fn check_label(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
    if (1..=LONGEST_LABEL).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    let name = one_line(name, 2 * LONGEST_LABEL);
    Err(format!(
        "{name:?} is no name of a label: expected 1 to {LONGEST_LABEL} of a-z, 0-9, `_`, `.` and `-`"
    ))
}

/// From when on to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So many days, today among them, at least one.
    Days(u32),
    /// A UTC day.
    Day(Date),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let wrong = || "expected a number of days from 1 up, 30d, or a day, 2026-11-01".to_owned();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match written.strip_suffix('d') {
            // More days than fit are as many as there are.
            Some(days) if is_number(days) => match days.parse().unwrap_or(u32::MAX) {
                0 => Err(wrong()),
                days => Ok(Self::Days(days)),
            },
            Some(_) => Err(wrong()),
            None => written.parse().map(Self::Day).map_err(|_| wrong()),
        }
    }
}

fn day(written: &str) -> Result<Date, String> {
    written.parse().map_err(|_| "expected a day, 2026-11-01".to_owned())
}

/// How to list what was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SpendFormat {
    /// For people.
    Text,
    /// For spreadsheets; RFC 4180.
    Csv,
    /// For programs; version 1.
    Json,
}

/// `prices`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Prices {
    /// Only models of the list whose ids hold this, in place of your tiers: haiku.
    #[arg(value_name = "MODEL")]
    pub model: Option<String>,
    /// The whole list, in place of your tiers.
    #[arg(long)]
    pub all: bool,
    /// How to list.
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub format: ListFormat,
    /// What else to do.
    #[command(subcommand)]
    pub action: Option<PricesAction>,
}

/// The subcommands of `prices`.
#[derive(Debug, Subcommand)]
pub enum PricesAction {
    /// Take prices out of a file from now on; nothing is fetched.
    ///
    /// The file is LiteLLM's model_prices_and_context_window.json, or what `prices --all --format json`
    /// printed. What cannot be a price is left out, and named.
    Update {
        /// The file.
        #[arg(value_name = "FILE", required_unless_present = "remove")]
        file: Option<PathBuf>,
        /// Of when LiteLLM's prices are [default: the day of the file's last change].
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day, conflicts_with = "remove")]
        date: Option<Date>,
        /// Go back to the prices in this program.
        #[arg(long, conflicts_with = "file")]
        remove: bool,
    },
}
