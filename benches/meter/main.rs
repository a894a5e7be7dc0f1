//! What the budget holds when processes race for it and when they are killed, and how fast it is.
//!
//! ```sh
//! cargo bench --bench meter -- race                    # 64 processes, ten times the limit
//! cargo bench --bench meter -- kill                    # 1,000 SIGKILLs against a counting server
//! cargo bench --bench meter -- scale                   # 32 clients, 0 to 10,000 open leases
//! cargo bench --bench meter -- growth                  # one client, 0 to 30,000 rows in the month, SQLite
//! cargo bench --bench meter -- journal                 # the ledger with and without a write-ahead log
//! cargo bench --bench meter -- race --store redis://127.0.0.1:6379/9
//! ```
//!
//! `--directory DIR` puts the ledgers below `DIR` rather than the system's temporary directory, which
//! may be memory; `--NAME NUMBER` changes a number that a measurement prints. Each child process is
//! this program again. A measurement that finds a broken promise ends with a panic.
#![expect(clippy::print_stdout, reason = "a measurement is read on standard output")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

mod journal;
mod kill;
mod race;
mod scale;
#[path = "../../tests/integration/harness/provider.rs"]
mod provider;
#[path = "../../tests/integration/harness/repo.rs"]
#[expect(dead_code, reason = "the integration tests use all of it")]
mod repo;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hookgate::meter::budget::{Budget, Estimate, WindowState};
use hookgate::meter::store::{Place, Server};
use hookgate::meter::{Attribution, Limit, Limits, Scope, Unit, Window};
use hookgate::tokens::{Usage, UsageSource};

/// Seconds, longer than any measurement: what a ledger frees is freed for a death, not for the time.
const LEASE: u64 = 3600;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some((name, words)) = words.split_first() else {
        println!("name a measurement: race, kill, scale, growth or journal");
        return;
    };
    let options = Options::read(words);
    match name.as_str() {
        "race" => race::measure(&options),
        "race-child" => race::child(&options),
        "kill" => kill::measure(&options),
        "kill-child" => kill::child(&options),
        "scale" => scale::measure(&options),
        "scale-child" => scale::child(&options),
        "growth" => scale::growth(&options),
        "journal" => journal::measure(&options),
        other => println!("there is no measurement {other:?}: name race, kill, scale, growth or journal"),
    }
}

/// `--NAME VALUE` pairs.
struct Options(BTreeMap<String, String>);

impl Options {
    fn read(words: &[String]) -> Self {
        let pairs = words.chunks(2).map(|pair| match pair {
            [name, value] if name.starts_with("--") => (name[2..].to_owned(), value.clone()),
            other => panic!("not a pair of --NAME and VALUE: {other:?}"),
        });
        Self(pairs.collect())
    }

    fn word(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        self.word(name).map_or(default, |word| word.parse().unwrap())
    }

    /// A new place for a ledger.
    fn store(&self) -> Ledger {
        let parent = self.word("directory").map_or_else(std::env::temp_dir, PathBuf::from);
        let directory = tempfile::tempdir_in(parent).unwrap();
        let user = format!("bench{}", directory.path().file_name().unwrap().to_string_lossy());
        let server = self.word("store").unwrap_or("sqlite").to_owned();
        place(&server, directory.path(), &user).init(false).unwrap();
        Ledger { server, directory, user }
    }
}

/// A ledger that begins empty, and whose directory is removed in the end.
struct Ledger {
    server: String,
    directory: tempfile::TempDir,
    user: String,
}

impl Ledger {
    fn file(&self) -> PathBuf {
        self.directory.path().join("ledger.sqlite")
    }

    fn is_sqlite(&self) -> bool {
        self.server == "sqlite"
    }

    fn budget(&self, day_tokens: u64) -> Budget {
        budget(&self.server, self.directory.path(), &self.user, day_tokens)
    }

    /// What all requests of this ledger are charged, and hold.
    fn totals(&self) -> (u64, u64) {
        day(&self.budget(u64::MAX))
    }

    /// This program again, as a client of this ledger.
    fn client(&self, name: &str, options: &[(&str, String)]) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([name, "--store", &self.server, "--user", &self.user, "--directory"]);
        command.arg(self.directory.path());
        for (name, value) in options {
            command.args([&format!("--{name}"), value]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }
}

/// What the user's day has used and holds, in tokens.
fn day(budget: &Budget) -> (u64, u64) {
    let windows = budget.windows().unwrap();
    let is_day = |state: &&WindowState| {
        (state.window, state.scope, state.unit) == (Window::Day, Scope::User, Unit::Tokens)
    };
    let day = windows.iter().find(is_day).unwrap();
    (day.used, day.reserved)
}

/// The ledger that a client was told of.
fn told(options: &Options, day_tokens: u64) -> Budget {
    let directory = Path::new(options.word("directory").unwrap());
    let budget = budget(options.word("store").unwrap(), directory, options.word("user").unwrap(), day_tokens);
    budget.with_lease(Duration::from_secs(options.number("lease", LEASE)))
}

fn place(server: &str, directory: &Path, user: &str) -> Place {
    let redis = (server != "sqlite").then(|| Server {
        address: server.parse().unwrap(),
        username: None,
        password: None,
        ca_file: None,
        // A shared server is not emptied: each measurement has keys of its own.
        namespace: user.parse().unwrap(),
        timeout: Duration::from_secs(5),
        keep: Duration::from_secs(86_400),
    });
    Place { directory: directory.to_path_buf(), redis }
}

fn budget(server: &str, directory: &Path, user: &str, day_tokens: u64) -> Budget {
    let place = place(server, directory, user);
    let limit = Limit { window: Window::Day, scope: Scope::User, unit: Unit::Tokens, most: day_tokens };
    let attribution = Attribution {
        user: user.to_owned(),
        repository: "bench".to_owned(),
        hook: "pre-commit".to_owned(),
        stage: "local".to_owned(),
        ..Attribution::default()
    };
    let budget = Budget::open(&place, Limits::new(vec![limit]), attribution).unwrap();
    budget.with_lease(Duration::from_secs(LEASE))
}

fn estimate(input: u64, output: u64) -> Estimate {
    Estimate {
        input,
        output,
        price: None,
        provider: "bench".to_owned(),
        model: "none".to_owned(),
        tier: "local".to_owned(),
        counted_input: input,
        because: "first".to_owned(),
        breaker: "closed",
        raw_tokens: 0,
        payload_tokens: 0,
        payload_hash: String::new(),
    }
}

fn used(input: u64, output: u64) -> Usage {
    Usage { input, output, source: UsageSource::Reported, ..Usage::default() }
}

/// Median and 99th percentile, in milliseconds.
fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at =
        |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
    let ms = |share| at(share).map_or(0.0, |time: &Duration| time.as_secs_f64() * 1e3);
    format!("{:.1} / {:.1} ms", ms(0.50), ms(0.99))
}
