//! An audit for people: where the changed lines went, what they would have taken, and the limits to
//! choose from.

use std::fmt::{self, Write as _};

use anstyle::Style;

use super::{Audit, Candidate, Cost};
use crate::git::ObjectId;
use crate::report::table::filled;
use crate::report::text::{BOLD, DIM, GREEN, RED, YELLOW};
use crate::text::one_line;
use crate::tokens::{Count, Grouped};

/// Characters of the longest bar.
const BAR: u64 = 30;

/// Commits that are named of those that are larger than their diff, or that could not be read.
const NAMED: usize = 5;

/// Digits of a commit's id.
const SHORT: usize = 10;

/// Renders an audit with ANSI styles; the stream it is written to takes them off where they are not
/// wanted.
pub(super) fn render(audit: &Audit, verbose: bool) -> String {
    let mut out = String::new();
    let written = all(&mut out, audit, verbose);
    debug_assert!(written.is_ok(), "writing to a string does not fail");
    out
}

fn all(out: &mut String, audit: &Audit, verbose: bool) -> fmt::Result {
    header(out, audit)?;
    if audit.commits > 0 {
        lines(out, audit)?;
        if verbose {
            classes(out, audit)?;
        }
        tokens(out, audit)?;
        commits(out, audit)?;
        limits(out, audit)?;
        cost(out, audit)?;
    }
    larger(out, audit, verbose)?;
    skipped(out, audit, verbose)?;
    applied(out, audit)?;
    let seconds = audit.elapsed.as_secs_f64();
    let rate = if seconds > 0.0 { audit.commits as f64 / seconds } else { 0.0 };
    writeln!(out, "hookgate: {seconds:.1} s, {rate:.1} commits a second, nothing was sent")
}

fn header(out: &mut String, audit: &Audit) -> fmt::Result {
    let commits = Count(audit.commits, "commit");
    write!(out, "{BOLD}audit{BOLD:#} of {} for {}: {commits}", audit.repository, audit.hook)?;
    if let Some((oldest, newest)) = audit.range {
        write!(out, ", {} to {}", short(oldest), short(newest))?;
    }
    writeln!(out)
}

/// The bar chart.
fn lines(out: &mut String, audit: &Audit) -> fmt::Result {
    let lines = &audit.changed_lines;
    let rows: [(&str, u64, Style); 5] = [
        ("dropped with proof", lines.dropped, GREEN),
        ("rules and policy", lines.rules, GREEN),
        ("reviewed before", lines.cache, GREEN),
        ("sent to a model", lines.sent, BOLD),
        ("not reviewed", lines.not_reviewed, YELLOW),
    ];
    let width = Grouped(lines.total).to_string().len();
    writeln!(out, "\n{BOLD}{:26}  {:>width$}{BOLD:#}", "changed lines", Grouped(lines.total).to_string())?;
    for (name, count, style) in rows {
        if count == 0 && name == "reviewed before" {
            continue;
        }
        let bar = "█".repeat(filled(count, lines.total, BAR) as usize);
        let percent = count as f64 * 100.0 / lines.total.max(1) as f64;
        let line = format!("  {name:24}  {:>width$}  {percent:3.0} %", Grouped(count).to_string());
        match bar.is_empty() {
            true => writeln!(out, "{line}")?,
            false => writeln!(out, "{line}  {style}{bar}{style:#}")?,
        }
    }
    if lines.uncovered > 0 {
        writeln!(
            out,
            "  {RED}lost{RED:#}: {} in no unit or in two",
            Count(lines.uncovered as usize, "line")
        )?;
    }
    Ok(())
}

fn classes(out: &mut String, audit: &Audit) -> fmt::Result {
    writeln!(out, "\n{BOLD}units by class{BOLD:#}")?;
    let mut classes: Vec<_> = audit.by_class.iter().collect();
    classes.sort_by_key(|&(_, &units)| std::cmp::Reverse(units));
    classes.into_iter().try_for_each(|(class, &units)| {
        writeln!(out, "  {:24}  {:>9}", class.as_str(), Grouped(units).to_string())
    })
}

fn tokens(out: &mut String, audit: &Audit) -> fmt::Result {
    let tokens = &audit.tokens;
    let rows = tokens.baselines();
    let largest = rows.iter().map(|&(_, _, count)| count).chain([tokens.input]).max().unwrap_or(0);
    let width = Grouped(largest).to_string().len();
    writeln!(out, "\n{BOLD}{:26}  {:>width$}  {:>8}{BOLD:#}", "tokens", "", "÷ sent")?;
    for (_, name, count) in rows {
        let ratio = tokens.ratio(count).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.1}"));
        writeln!(out, "  {name:24}  {:>width$}  {ratio:>8}", Grouped(count).to_string())?;
    }
    writeln!(
        out,
        "  {GREEN}{:24}{GREEN:#}  {:>width$}",
        "hookgate, code sent",
        Grouped(tokens.payload).to_string()
    )?;
    let (input, requests) = (Grouped(tokens.input).to_string(), Count(audit.requests, "request"));
    writeln!(out, "  {:24}  {input:>width$}  in {requests}", "with instructions")
}

fn commits(out: &mut String, audit: &Audit) -> fmt::Result {
    let no_model = audit.no_model;
    let percent = no_model.total() as f64 * 100.0 / audit.commits.max(1) as f64;
    let need = if no_model.total() == 1 || audit.commits == 1 { "needs" } else { "need" };
    write!(
        out,
        "\n{BOLD}{} of {}{BOLD:#} {need} no model ({percent:.0} %): {} by proof, {} by policy",
        Grouped(no_model.total() as u64),
        Count(audit.commits, "commit"),
        Grouped(no_model.proof as u64),
        Grouped(no_model.policy as u64),
    )?;
    if no_model.cache > 0 {
        write!(out, ", {} reviewed before", Grouped(no_model.cache as u64))?;
    }
    writeln!(out)?;
    if audit.not_reviewed > 0 {
        let commits = Count(audit.not_reviewed, "commit");
        writeln!(
            out,
            "{YELLOW}NOT REVIEWED{YELLOW:#}: of {commits} nothing can be sent, though a review is due"
        )?;
    }
    Ok(())
}

fn limits(out: &mut String, audit: &Audit) -> fmt::Result {
    let Some(per_commit) = audit.per_commit else { return Ok(()) };
    let asked = Count(audit.asked, "commit");
    let (ask, take) = if audit.asked == 1 { ("asks", "takes") } else { ("ask", "take") };
    writeln!(
        out,
        "{asked} {ask} one, and {take} of a token limit: p50 {}, p90 {}, p95 {}, mean {}",
        Grouped(per_commit.p50),
        Grouped(per_commit.p90),
        Grouped(per_commit.p95),
        Grouped(per_commit.mean)
    )?;
    let widest = audit.limits.iter().map(|limit| Grouped(limit.tokens).to_string().len()).max().unwrap_or(0);
    let width = widest.max("token_limit".len());
    writeln!(out, "\n{BOLD}{:26}  {:>width$}  would have cut short{BOLD:#}", "limits", "token_limit")?;
    for (index, Candidate { name, tokens, denied, sends_nothing }) in audit.limits.iter().enumerate() {
        let name = if *name == "mean-20%" { "mean − 20 %" } else { name };
        let tokens = Grouped(*tokens).to_string();
        write!(out, "  {name:24}  {tokens:>width$}  {} of {asked}", Grouped(*denied as u64))?;
        match (index, &audit.applied) {
            _ if *sends_nothing => {
                let floor = Grouped(audit.one_request_tokens);
                writeln!(
                    out,
                    "\n    {YELLOW}nothing would be sent{YELLOW:#}: one request takes {floor} before any code"
                )?;
            }
            (0, None) => writeln!(out, "  {DIM}--apply writes it{DIM:#}")?,
            _ => writeln!(out)?,
        }
    }
    Ok(())
}

fn cost(out: &mut String, audit: &Audit) -> fmt::Result {
    let Some(model) = &audit.model else {
        return writeln!(out, "\nNo model is configured: --model provider/name prices the same for one");
    };
    let (provider, name) = (one_line(&model.provider, 60), one_line(&model.name, 60));
    match &audit.cost {
        Some(Cost { diff_u3, full_files, hookgate }) => writeln!(
            out,
            "\n{BOLD}cost{BOLD:#} by {provider} {name}: plain diffs {diff_u3}, whole files {full_files}, hookgate {hookgate} at most"
        ),
        None => writeln!(out, "\n{BOLD}cost{BOLD:#} by {provider} {name}: price unknown"),
    }
}

fn larger(out: &mut String, audit: &Audit, verbose: bool) -> fmt::Result {
    if audit.larger.is_empty() {
        return Ok(());
    }
    let shown = if verbose { audit.larger.len() } else { NAMED };
    let ids: Vec<_> = audit.larger.iter().take(shown).map(|&commit| short(commit)).collect();
    let more = if audit.larger.len() > shown { ", …" } else { "" };
    let commits = Count(audit.larger.len(), "commit");
    let take = if audit.larger.len() == 1 { "takes more than its" } else { "take more than their" };
    writeln!(out, "{commits} {take} plain diff: {}{more}", ids.join(", "))
}

fn skipped(out: &mut String, audit: &Audit, verbose: bool) -> fmt::Result {
    if audit.skipped.is_empty() {
        return Ok(());
    }
    writeln!(out, "{YELLOW}skipped{YELLOW:#}: {}", Count(audit.skipped.len(), "commit"))?;
    let shown = if verbose { audit.skipped.len() } else { NAMED };
    for skipped in audit.skipped.iter().take(shown) {
        writeln!(out, "  {}  {}", short(skipped.commit), one_line(&skipped.reason, 200))?;
    }
    if audit.skipped.len() > shown {
        let more = Grouped((audit.skipped.len() - shown) as u64);
        writeln!(out, "  … and {more} more, all of them with --verbose or --format json")?;
    }
    Ok(())
}

fn applied(out: &mut String, audit: &Audit) -> fmt::Result {
    let Some(applied) = &audit.applied else { return Ok(()) };
    let tokens = Grouped(applied.token_limit);
    writeln!(out, "Wrote {}: [hooks.{}] token_limit = {}", applied.file, applied.hook, applied.token_limit)?;
    if let Some(because) = &applied.because {
        let in_force = Grouped(applied.in_force);
        writeln!(out, "{YELLOW}note{YELLOW:#}: {in_force} counts, and not {tokens}: {because}")?;
    }
    if applied.needs_consent {
        writeln!(out, "{YELLOW}note{YELLOW:#}: nothing is sent until you allow it: see `hookgate trust`")?;
    }
    Ok(())
}

fn short(commit: ObjectId) -> String {
    commit.to_string()[..SHORT].to_owned()
}
