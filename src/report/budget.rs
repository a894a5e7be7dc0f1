//! Every limit: what it leaves, until when, and which file sets it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::table::{Column, bar, table};
use super::text::{BOLD, DIM, YELLOW};
use crate::cli::ListFormat;
use crate::meter::budget::WindowState;
use crate::meter::calendar::{window_ids, written};
use crate::meter::spool::Waiting;
use crate::meter::standing::Standing;
use crate::meter::store::Place;
use crate::meter::{Attribution, Limit, Scope, Unit, Window};
use crate::text::one_line;
use crate::tokens::{Count, Grouped, PicoUsd};

/// The version of the JSON.
const VERSION: u32 = 1;

/// Characters of a bar.
const BAR: u64 = 10;

/// How far clocks may be apart before it is worth a word, in ms.
const SKEW: u64 = 5 * 60 * 1000;

/// Everything there is to say about limits.
#[derive(Debug)]
pub struct Overview {
    /// Whose limits.
    pub attribution: Attribution,
    /// Where the store is.
    pub place: Place,
    /// What it says.
    pub standing: Standing,
    /// What it could not be told; none where it takes writes.
    pub waiting: Option<Waiting>,
    /// The limits of one request and of one hook run, of which nothing is used between runs.
    pub bounds: Vec<Bound>,
    /// Where the user's own file is, or would be.
    pub user_file: PathBuf,
    /// Where the limits of days and months are written.
    pub origins: BTreeMap<(Window, Scope, Unit), String>,
}

/// A limit that counts within one hook run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The limit.
    pub limit: Limit,
    /// The hook that it is for; none where it is for all.
    pub hook: Option<&'static str>,
    /// Where it is written.
    pub origin: String,
}

/// Writes it; tables at most `width` characters wide, where that is said.
///
/// # Errors
/// A closed or full stream.
pub fn write(
    overview: &Overview,
    format: ListFormat,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        ListFormat::Text => out.write_all(text(overview, width).as_bytes()),
        ListFormat::Json => writeln!(out, "{}", json(overview)?),
    }
}

fn text(overview: &Overview, width: Option<usize>) -> String {
    let mut out = String::new();
    // Writing to a string does not fail, here and below.
    let Attribution { user, repository, .. } = &overview.attribution;
    let place = match repository.is_empty() {
        true => " outside of repositories".to_owned(),
        false => format!(" in {}", one_line(repository, 120)),
    };
    let _ = writeln!(out, "{BOLD}budget{BOLD:#} of {}{place}", one_line(user, 120));
    bounds(&mut out, overview, width);
    for window in [Window::Day, Window::Month] {
        windows(&mut out, overview, window, width);
    }
    let Standing { time, open, oldest, .. } = overview.standing;
    if let Some(oldest) = oldest {
        let requests = Count(open as usize, "request");
        let _ =
            writeln!(out, "\n{requests} under way, the oldest for {}", duration(time.saturating_sub(oldest)));
    }
    let tables = overview.bounds.iter().map(|bound| &bound.origin).chain(overview.origins.values());
    if tables.into_iter().any(|origin| origin.starts_with('[')) {
        let _ = writeln!(out, "\n{DIM}[limits] is in {}{DIM:#}", overview.user_file.display());
    }
    if let Some(waiting) = &overview.waiting {
        let because = one_line(&waiting.because, 400);
        let _ = writeln!(
            out,
            "\n{YELLOW}note{YELLOW:#}: {waiting} wait for the ledger, where they count as what was held for them: {because}"
        );
    }
    if let Some(ahead) = ahead(&overview.standing) {
        let _ = writeln!(
            out,
            "\n{YELLOW}note{YELLOW:#}: the ledger is at {}, {} ahead of its clock: a request was made when the clock said \
             so, and windows never go back. What is used counts for that day and that month until the clock is there; \
             if the clock is right, waiting ends it, and so does a new ledger: {}",
            moment(time),
            duration(ahead),
            overview.place.begin_anew()
        );
    }
    out
}

/// By how much the ledger's time is ahead of its clock, where it is worth a word.
fn ahead(standing: &Standing) -> Option<u64> {
    standing.time.checked_sub(standing.clock).filter(|&ahead| ahead > SKEW)
}

fn bounds(out: &mut String, overview: &Overview, width: Option<usize>) {
    if overview.bounds.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}at a time{BOLD:#}");
    let columns = [Column::Name("  one"), Column::Figures("limit"), Column::Rest("set by")];
    let row = |bound: &Bound| {
        let what = match (bound.limit.window, bound.hook) {
            (Window::Call, _) => "request".to_owned(),
            (_, Some(hook)) => format!("{hook} run"),
            (_, None) => "hook run".to_owned(),
        };
        let whose = match bound.limit.scope {
            Scope::User => String::new(),
            scope => format!(" of the {}", scope.as_str()),
        };
        let limit = amount(bound.limit.unit, bound.limit.most);
        vec![format!("  {what}{whose}"), limit, one_line(&bound.origin, 200)]
    };
    let rows: Vec<_> = overview.bounds.iter().map(row).collect();
    table(out, &columns, &rows, None, width);
}

fn windows(out: &mut String, overview: &Overview, window: Window, width: Option<usize>) {
    let states: Vec<_> = overview.standing.windows.iter().filter(|state| state.window == window).collect();
    let resets_at = states.iter().find_map(|state| state.resets_at);
    let anew = resets_at.map_or_else(String::new, |at| {
        format!(", anew at {} (in {})", moment(at), duration(at.saturating_sub(overview.standing.clock)))
    });
    let (day, month) = window_ids(overview.standing.time);
    let name = match (ahead(&overview.standing), window) {
        (None, Window::Day) => "today".to_owned(),
        (None, _) => "this month".to_owned(),
        (Some(_), Window::Day) => format!("the day {day}"),
        (Some(_), _) => format!("the month {month}"),
    };
    let _ = writeln!(out, "\n{BOLD}{name}{BOLD:#}{anew}");
    let columns = [
        Column::Name("  of"),
        Column::Figures("used"),
        Column::Optional("reserved"),
        Column::Figures("remaining"),
        Column::Figures("limit"),
        Column::Rest(""),
        Column::Rest("set by"),
    ];
    // Money that nobody has limited or spent is not worth a line.
    let is_shown = |state: &&&WindowState| {
        state.unit == Unit::Tokens || state.limit.is_some() || state.used > 0 || state.reserved > 0
    };
    let row = |state: &WindowState| {
        let whose = overview.attribution.scope(state.scope).unwrap_or_default();
        let held = state.used.saturating_add(state.reserved);
        let unknown = if state.unit == Unit::Money && state.unpriced > 0 { " + ?" } else { "" };
        let reserved = if state.reserved > 0 { amount(state.unit, state.reserved) } else { String::new() };
        let (left, limit, bar) = match state.limit {
            Some(limit) => (
                amount(state.unit, remaining(state, limit)),
                amount(state.unit, limit),
                bar(held, limit, BAR),
            ),
            None => (String::new(), "none".to_owned(), String::new()),
        };
        let origin = overview.origins.get(&(state.window, state.scope, state.unit));
        vec![
            format!("  {} {}", state.scope.as_str(), one_line(whose, 120)),
            format!("{}{unknown}", amount(state.unit, state.used)),
            reserved,
            left,
            limit,
            bar,
            origin.map_or_else(String::new, |origin| one_line(origin, 200)),
        ]
    };
    let rows: Vec<_> = states.iter().filter(is_shown).map(|state| row(state)).collect();
    table(out, &columns, &rows, None, width);
}

fn remaining(state: &WindowState, limit: u64) -> u64 {
    limit.saturating_sub(state.used).saturating_sub(state.reserved)
}

fn amount(unit: Unit, figure: u64) -> String {
    match unit {
        Unit::Tokens => Grouped(figure).to_string(),
        Unit::Money => PicoUsd(figure).to_string(),
    }
}

/// `2026-11-24 00:00 UTC`.
fn moment(time: u64) -> String {
    let written = written(time);
    format!("{} UTC", written.get(..16).unwrap_or(&written).replace('T', " "))
}

/// `12 s`, `40 min`, `1 h 12 min`, `7 d 3 h`.
fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", Grouped(days), hours % 24),
    }
}

#[derive(Serialize)]
struct Document<'o> {
    version: u32,
    user: &'o str,
    /// Null outside of repositories.
    repository: Option<&'o str>,
    team: Option<&'o str>,
    stage: &'o str,
    /// The ledger's time, RFC 3339.
    time: String,
    /// By how many seconds that is ahead of its clock, where it is more than five minutes.
    ahead_seconds: Option<u64>,
    /// What the ledger could not be told yet; null where it takes writes.
    unsettled: Option<Unsettled<'o>>,
    user_file: String,
    limits: Vec<Line<'o>>,
    open: Open,
}

/// A limit, or a window without one.
#[derive(Serialize)]
struct Line<'o> {
    window: &'static str,
    hook: Option<&'o str>,
    scope: &'static str,
    name: &'o str,
    unit: &'static str,
    limit: Option<u64>,
    /// Null for the limits of one request and one run.
    used: Option<u64>,
    reserved: Option<u64>,
    remaining: Option<u64>,
    /// How many requests in the window have no price; `used` lacks them where it is money.
    unpriced_requests: Option<u64>,
    resets_at: Option<String>,
    set_by: Option<&'o str>,
}

#[derive(Serialize)]
struct Unsettled<'o> {
    charges: u64,
    tokens: u64,
    because: &'o str,
}

#[derive(Serialize)]
struct Open {
    requests: u64,
    oldest: Option<String>,
}

fn json(overview: &Overview) -> serde_json::Result<String> {
    let Overview { attribution, standing, .. } = overview;
    let unit = |unit| if unit == Unit::Tokens { "tokens" } else { "pico_usd" };
    let bounds = overview.bounds.iter().map(|Bound { limit, hook, origin }| Line {
        window: limit.window.as_str(),
        hook: *hook,
        scope: limit.scope.as_str(),
        name: attribution.scope(limit.scope).unwrap_or_default(),
        unit: unit(limit.unit),
        limit: Some(limit.most),
        used: None,
        reserved: None,
        remaining: None,
        unpriced_requests: None,
        resets_at: None,
        set_by: Some(origin),
    });
    let windows = standing.windows.iter().filter(|state| state.window != Window::Hook).map(|state| Line {
        window: state.window.as_str(),
        hook: None,
        scope: state.scope.as_str(),
        name: attribution.scope(state.scope).unwrap_or_default(),
        unit: unit(state.unit),
        limit: state.limit,
        used: Some(state.used),
        reserved: Some(state.reserved),
        remaining: state.limit.map(|limit| remaining(state, limit)),
        unpriced_requests: Some(state.unpriced),
        resets_at: state.resets_at.map(written),
        set_by: overview.origins.get(&(state.window, state.scope, state.unit)).map(String::as_str),
    });
    serde_json::to_string(&Document {
        version: VERSION,
        user: &attribution.user,
        repository: attribution.scope(Scope::Repository),
        team: attribution.team.as_deref(),
        stage: &attribution.stage,
        time: written(standing.time),
        ahead_seconds: ahead(standing).map(|ahead| ahead / 1000),
        unsettled: overview.waiting.as_ref().map(|Waiting { charges, tokens, because }| Unsettled {
            charges: *charges,
            tokens: *tokens,
            because,
        }),
        user_file: overview.user_file.display().to_string(),
        limits: bounds.chain(windows).collect(),
        open: Open { requests: standing.open, oldest: standing.oldest.map(written) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Limits;

    /// 2026-11-23, 22:48 UTC.
    const NOW: u64 = 1_795_474_080_000;

    fn overview() -> Overview {
        let attribution = Attribution {
            user: "ada".to_owned(),
            repository: "acme/\u{1b}[2Jweb".to_owned(),
            stage: "local".to_owned(),
            ..Attribution::default()
        };
        let limit = |window, scope, unit, most| Limit { window, scope, unit, most };
        let limits = [
            limit(Window::Day, Scope::User, Unit::Tokens, 200_000),
            limit(Window::Day, Scope::Repository, Unit::Tokens, 1_000),
            limit(Window::Month, Scope::User, Unit::Money, 20_000_000_000_000),
        ];
        let mut standing = Standing::unused(NOW, &Limits::new(limits.to_vec()), &attribution);
        for state in &mut standing.windows {
            (state.used, state.reserved) = match state.unit {
                Unit::Tokens => (1_810, 700),
                Unit::Money => (1_250_000_000_000, 0),
            };
            state.unpriced = 1;
        }
        (standing.open, standing.oldest) = (2, Some(NOW - 12_000));
        let file = "[limits]".to_owned();
        let origin = |limit: &Limit| ((limit.window, limit.scope, limit.unit), file.clone());
        Overview {
            attribution,
            place: Place { directory: PathBuf::from("/home/ada/.local/state/hookgate"), redis: None },
            standing,
            waiting: None,
            bounds: vec![
                Bound {
                    limit: limit(Window::Call, Scope::User, Unit::Tokens, 1_200),
                    hook: None,
                    origin: file.clone(),
                },
                Bound {
                    limit: limit(Window::Hook, Scope::User, Unit::Tokens, 4_000),
                    hook: Some("pre-commit"),
                    origin: "hookgate.toml".to_owned(),
                },
            ],
            user_file: PathBuf::from("/home/ada/.config/hookgate/config.toml"),
            origins: limits.iter().map(origin).collect(),
        }
    }

    fn shown(overview: &Overview, width: Option<usize>) -> String {
        anstream::adapter::strip_str(&text(overview, width)).to_string()
    }

    #[test]
    fn people_read_this() {
        insta::assert_snapshot!(shown(&overview(), None), @r"
        budget of ada in acme/\u{1b}[2Jweb

        at a time
          one             limit  set by
          request         1,200  [limits]
          pre-commit run  4,000  hookgate.toml

        today, anew at 2026-11-24 00:00 UTC (in 1 h 12 min)
          of                                 used  reserved  remaining    limit    set by
          user ada                          1,810       700    197,490  200,000  █░░░░░░░░░  [limits]
          repository acme/\u{1b}[2Jweb      1,810       700          0    1,000  ██████████  [limits]
          stage local                       1,810       700                none
          user ada                      $1.25 + ?                          none
          repository acme/\u{1b}[2Jweb  $1.25 + ?                          none
          stage local                   $1.25 + ?                          none

        this month, anew at 2026-12-01 00:00 UTC (in 7 d 1 h)
          of                                 used  reserved  remaining   limit    set by
          user ada                          1,810       700               none
          repository acme/\u{1b}[2Jweb      1,810       700               none
          stage local                       1,810       700               none
          user ada                      $1.25 + ?               $18.75  $20.00  █░░░░░░░░░  [limits]
          repository acme/\u{1b}[2Jweb  $1.25 + ?                         none
          stage local                   $1.25 + ?                         none

        2 requests under way, the oldest for 12 s

        [limits] is in /home/ada/.config/hookgate/config.toml
        ");
    }

    #[test]
    fn a_narrow_terminal_shows_the_figures() {
        let text = shown(&overview(), Some(60));
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        assert!(text.contains("197,490") && text.contains("200,000"), "{text}");
    }

    #[test]
    fn a_clock_that_was_ahead_is_told() {
        let mut overview = overview();
        overview.standing.clock = NOW - 31 * 86_400_000;
        let text = shown(&overview, None);
        for told in [
            "\nthe day 2026-11-23, anew at 2026-11-24 00:00 UTC (in 31 d 1 h)\n",
            "\nthe month 2026-11, anew at 2026-12-01 00:00 UTC (in 38 d 1 h)\n",
            "the ledger is at 2026-11-23 22:48 UTC, 31 d 0 h ahead of its clock",
            "move /home/ada/.local/state/hookgate/ledger.sqlite and the files",
        ] {
            assert!(text.contains(told), "{text}");
        }
        let value: serde_json::Value = serde_json::from_str(&json(&overview).unwrap()).unwrap();
        assert_eq!(value["ahead_seconds"], 31 * 86_400);
    }

    #[test]
    fn what_the_ledger_could_not_be_told_is_counted() {
        let because = "the store at redis://limits:6379: it is a replica".to_owned();
        let waiting = Some(Waiting { charges: 2, tokens: 4_100, because });
        let overview = Overview { waiting, ..overview() };
        let text = shown(&overview, None);
        let note = "\nnote: 2 unsettled charges (4,100 tokens) wait for the ledger, where they count as what was held for \
                    them: the store at redis://limits:6379: it is a replica\n";
        assert!(text.contains(note), "{text}");
        let value: serde_json::Value = serde_json::from_str(&json(&overview).unwrap()).unwrap();
        assert_eq!(
            (&value["unsettled"]["charges"], &value["unsettled"]["tokens"]),
            (&2.into(), &4_100.into())
        );
    }

    #[test]
    fn programs_read_this() {
        let value: serde_json::Value = serde_json::from_str(&json(&overview()).unwrap()).unwrap();
        let lines = value["limits"].as_array().unwrap();
        let day = lines.iter().find(|line| line["window"] == "day").unwrap();
        assert_eq!(day["remaining"], 200_000 - 1_810 - 700);
        assert_eq!((&day["resets_at"], &day["name"]), (&"2026-11-24T00:00:00Z".into(), &"ada".into()));
        assert_eq!((&lines[1]["hook"], &lines[1]["used"]), (&"pre-commit".into(), &serde_json::Value::Null));
        let over = lines.iter().find(|line| line["scope"] == "repository" && line["limit"] == 1_000).unwrap();
        assert_eq!(over["remaining"], 0);
        assert_eq!(value["open"]["requests"], 2);
    }
}
