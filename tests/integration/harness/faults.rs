//! The faults that a server can have, and what a run of the built binary makes of each. The test
//! runs them for what they must come to, `benches/faults.rs` for the table.
#![allow(dead_code, reason = "the integration tests and the table share this file, and neither uses all")]

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::provider::{Provider, Reply};
use super::repo::Repo;

/// The dialects of the configuration.
pub(crate) const DIALECTS: [&str; 3] = ["openai", "anthropic", "ollama"];

/// Wall time for a server that never answers.
const SHORT: Duration = Duration::from_secs(2);
/// Wall time for all others.
const LONG: Duration = Duration::from_secs(30);

/// One fault, and what has to come of it in every dialect.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    server: fn() -> Server,
    /// Whether only time ends it: it is met with a short deadline.
    pub(crate) is_endless: bool,
    /// The code of the units that are not reviewed; `reviewed` where they are.
    pub(crate) reason: &'static str,
    /// Requests that a server reads.
    pub(crate) requests: usize,
    /// The rows of the ledger: state, what was charged, and whether that opens the breaker.
    pub(crate) ledger: &'static str,
    pub(crate) opens: bool,
}

/// What stands at the other end.
pub(crate) enum Server {
    Provider(Provider),
    /// The provider by `https`, which it does not speak.
    Plain(Provider),
    /// A listener that accepts and says nothing, where TLS is spoken.
    Mute(TcpListener),
    /// A listener whose queue is full, so that no connection is made.
    Full(TcpListener, Vec<TcpStream>),
    /// Nobody, at this address.
    Nobody(String),
}

fn always(reply: Reply) -> Server {
    Server::Provider(Provider::always(reply))
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

impl Server {
    fn base_url(&self) -> String {
        match self {
            Self::Provider(provider) => provider.base_url(),
            Self::Plain(provider) => provider.base_url().replace("http:", "https:"),
            Self::Mute(listener) | Self::Full(listener, _) => {
                format!("https://{}", listener.local_addr().unwrap())
            }
            Self::Nobody(base_url) => base_url.clone(),
        }
    }

    /// Requests for an answer that it has read.
    fn requests(&self) -> usize {
        match self {
            Self::Provider(provider) => provider.requests().len(),
            // What TLS says is no request.
            Self::Plain(_) | Self::Mute(_) | Self::Full(..) | Self::Nobody(_) => 0,
        }
    }

    /// A listener that no further connection can be made to.
    fn full() -> Self {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        let waiting = std::iter::from_fn(connect).take(10_000).collect();
        Self::Full(listener, waiting)
    }
}

fn fault(
    name: &'static str,
    reason: &'static str,
    requests: usize,
    ledger: &'static str,
    server: fn() -> Server,
) -> Fault {
    Fault { name, server, is_endless: false, reason, requests, ledger, opens: false }
}

impl Fault {
    fn endless(self) -> Self {
        Self { is_endless: true, ..self }
    }

    fn opens(self) -> Self {
        Self { opens: true, ..self }
    }

    fn deadline(&self) -> Duration {
        if self.is_endless { SHORT } else { LONG }
    }
}

const QUOTA: &str = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
const LOADING: &str = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;

/// All of them.
pub(crate) fn faults() -> Vec<Fault> {
    let refused = || Server::Nobody(format!("http://{}", listener().local_addr().unwrap()));
    let plain = || Server::Plain(Provider::always(Reply::nothing()));
    let dns = || Server::Nobody("https://no-such-host.invalid".to_owned());
    let late = || always(Reply::status(429, "").header("retry-after", "3600"));
    let soon = || {
        Server::Provider(Provider::scripted([
            Reply::status(429, "").header("retry-after", "1"),
            Reply::nothing(),
        ]))
    };
    vec![
        fault("connection refused", "unreachable", 0, "settled:nothing", refused).opens(),
        fault("name not found", "unreachable", 0, "settled:nothing settled:nothing", dns),
        fault("server without TLS", "unreachable", 0, "settled:nothing settled:nothing", plain),
        fault("stall in the TLS handshake", "unreachable", 0, "settled:nothing", || Server::Mute(listener()))
            .endless(),
        fault("connection never made", "unreachable", 0, "settled:nothing", Server::full).endless(),
        fault("redirect to another host", "rejected", 1, "settled:nothing", || {
            always(Reply::redirect("https://elsewhere.invalid/"))
        }),
        fault("400", "rejected", 1, "settled:nothing", || always(Reply::status(400, ""))),
        fault("401", "rejected", 1, "settled:nothing", || always(Reply::status(401, ""))).opens(),
        fault("403", "rejected", 1, "settled:nothing", || always(Reply::status(403, ""))).opens(),
        fault("404", "rejected", 1, "settled:nothing", || always(Reply::status(404, ""))),
        fault("413", "rejected", 1, "settled:nothing", || always(Reply::status(413, ""))),
        fault("429", "rejected", 1, "settled:nothing", || always(Reply::status(429, ""))),
        fault("429, Retry-After: 1, then an answer", "reviewed", 2, "settled:nothing settled:reported", soon),
        fault("429, Retry-After: 3600", "rejected", 1, "settled:nothing", late).opens(),
        fault("429, quota used up", "rejected", 1, "settled:nothing", || always(Reply::status(429, QUOTA)))
            .opens(),
        fault("500", "rejected", 1, "charged_full:full", || always(Reply::status(500, "oops"))),
        fault("503", "rejected", 1, "charged_full:full", || always(Reply::status(503, ""))),
        fault("503, model is loading", "rejected", 2, "settled:nothing settled:nothing", || {
            always(Reply::status(503, LOADING))
        }),
        fault("529", "rejected", 1, "charged_full:full", || always(Reply::status(529, ""))),
        fault("closed without an answer", "unreachable", 1, "charged_full:full", || always(Reply::close())),
        fault("stall before the answer", "timeout", 1, "charged_full:full", || always(Reply::stall()))
            .endless(),
        fault("stall within the body", "timeout", 1, "charged_full:full", || always(Reply::stall_in_body()))
            .endless(),
        fault("slow drip", "timeout", 1, "charged_full:full", || always(Reply::drip())).endless(),
        fault("truncated body", "schema", 1, "charged_full:full", || always(Reply::truncated())),
        fault("wrong length", "schema", 1, "charged_full:full", || always(Reply::wrong_length())),
        fault("body of 100 MB", "schema", 1, "charged_full:full", || always(Reply::huge(100 << 20))),
        fault("bad JSON", "schema", 1, "charged_full:full", || always(Reply::status(200, "{\"choices\":"))),
        fault("deep JSON", "schema", 1, "charged_full:full", || {
            always(Reply::status(200, "[".repeat(500_000)))
        }),
        // More output than ten times what was asked for is not believed.
        fault("deep JSON in the answer", "schema", 1, "settled:estimated", || {
            always(Reply::text("{\"findings\":[".repeat(1000)))
        }),
        fault("wrong schema", "schema", 1, "settled:reported", || {
            always(Reply::text("{\"verdict\":\"LGTM\"}"))
        }),
        // Ollama's dialect has no word for a refusal: there it is an answer off the schema.
        fault("refusal", "refusal", 1, "settled:reported", || always(Reply::refusal())),
        fault("usage of zero", "reviewed", 1, "settled:estimated", || always(Reply::nothing().usage(0, 0))),
        fault("usage below what was sent", "short_read", 1, "settled:counted", || {
            always(Reply::nothing().usage(9, 9))
        }),
        fault("usage ten times the reservation", "reviewed", 1, "settled:reported", || {
            always(Reply::nothing().usage(20_000, 9))
        }),
        fault("usage beyond belief", "reviewed", 1, "settled:estimated", || {
            always(Reply::nothing().usage(u64::MAX / 2, 9))
        }),
    ]
}

/// A server without fault, to compare with.
pub(crate) fn sound() -> Fault {
    fault("none", "reviewed", 1, "settled:reported", || always(Reply::nothing()))
}

/// What came of a fault.
pub(crate) struct Outcome {
    /// The code of the unit's fate.
    pub(crate) reason: String,
    /// The whole process, from its start to its end.
    pub(crate) elapsed: Duration,
    pub(crate) deadline: Duration,
    pub(crate) code: i32,
    /// Requests that the server has read.
    pub(crate) requests: usize,
    /// State and charge of each row of the ledger.
    pub(crate) ledger: String,
    /// The tokens that they count for.
    pub(crate) tokens: i64,
    /// Whether the breaker is open after it.
    pub(crate) is_open: bool,
    /// Everything that was printed.
    pub(crate) said: String,
}

/// The key of the provider, which nothing may show.
pub(crate) const KEY: &str = "key-0123456789";

/// Runs the hook once against a server with this fault, in a repository and a home of their own.
pub(crate) fn meet(fault: &Fault, dialect: &str, required: bool) -> Outcome {
    let repo = Repo::with(&[("cart.py", "def total(items, rate):\n    return sum(items) * (1 + rate)\n")]);
    let server = (fault.server)();
    let deadline = fault.deadline();
    repo.configure_user(&format!(
        "[providers.here]\ndialect = \"{dialect}\"\nbase_url = \"{}\"\napi_key_env = \"TEST_KEY\"\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n",
        server.base_url()
    ));
    let review = if required { "required = true" } else { "" };
    repo.write(
        "hookgate.toml",
        format!("[hooks.pre-commit]\ndeadline = \"{}ms\"\n{review}\n", deadline.as_millis()),
    );
    repo.consent();
    repo.stage("cart.py", "def total(items, rate):\n    return sum(items) * (1 - rate)\n");
    let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    command.args(["run", "pre-commit", "--format", "json"]).env("TEST_KEY", KEY);
    let started = Instant::now();
    let said: super::repo::Said = command.output().unwrap().into();
    let elapsed = started.elapsed();
    let reason = match &said.json()["not_reviewed"][0]["reason"] {
        serde_json::Value::String(reason) => reason.clone(),
        _ => "reviewed".to_owned(),
    };
    let (ledger, tokens, is_open) = ledger(&repo);
    let (code, requests) = (said.code, server.requests());
    Outcome { reason, elapsed, deadline, code, requests, ledger, tokens, is_open, said: said.all() }
}

/// The ledger, read without hookgate.
fn ledger(repo: &Repo) -> (String, i64, bool) {
    let state = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
    let path: PathBuf = repo.home().join(state).join("hookgate/ledger.sqlite");
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut rows = connection
        .prepare("SELECT state, used_input, usage_source, tokens FROM requests ORDER BY time, rowid")
        .unwrap();
    let mut tokens = 0;
    let rows = rows.query_map([], |row| {
        let (state, input): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        let source: Option<String> = row.get(2)?;
        tokens += row.get::<_, i64>(3)?;
        let charge = match (state.as_str(), input) {
            ("charged_full", _) => "full".to_owned(),
            (_, Some(0) | None) => "nothing".to_owned(),
            (_, Some(_)) => source.unwrap_or_default(),
        };
        Ok(format!("{state}:{charge}"))
    });
    let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    let cells = "SELECT count(*) FROM cells WHERE name LIKE 'breaker:%' AND text LIKE '%\"open\":%'";
    let open: i64 = connection.query_row(cells, [], |row| row.get(0)).unwrap();
    (rows.join(" "), tokens, open > 0)
}
