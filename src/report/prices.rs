//! What models cost: those of the user's tiers, and the list that most prices come from.

use std::fmt::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use super::table::Column;
use super::text::{BOLD, DIM, YELLOW};
use crate::meter::price::table::{Lint, Listed, Table};
use crate::meter::price::{Price, PriceSource};
use crate::text::one_line;
use crate::tokens::{Count, Grouped, PicoUsd};

/// The version of the JSON.
const VERSION: u32 = 1;

/// Names that are shown of what was not believed, where not all are asked for.
const SHOWN: usize = 10;

/// Characters that are shown of a name.
const WORDS: usize = 120;

/// A tier of the user's and its price.
#[derive(Clone, Debug)]
pub struct PricedTier {
    /// The tier.
    pub tier: String,
    /// Its provider's name in the user's file.
    pub provider: String,
    /// Its model.
    pub model: String,
    /// What it costs; none where that is unknown.
    pub price: Option<Price>,
    /// Whether it would cost nothing, were its provider no gateway, which the user's file does not say.
    pub may_be_free: bool,
    /// What is not believed of the list's price.
    pub suspect: Option<String>,
}

/// Renders for people what the tiers cost, by a list that is `old` days old where that is too many; a
/// table in at most `width` characters, where that is said.
#[must_use]
pub fn tiers(tiers: &[PricedTier], list: &Table, old: Option<i32>, width: Option<usize>) -> String {
    let rows = tiers.iter().map(|priced| Row {
        names: [priced.tier.clone(), format!("{}/{}", priced.provider, priced.model)],
        price: priced.price,
        suspect: priced.suspect.as_deref(),
    });
    let rows: Vec<_> = rows.collect();
    rendered(|out| {
        if rows.is_empty() {
            writeln!(out, "no tier is defined in your file; --all shows the whole list")?;
        } else {
            table(out, ["tier", "model"], &rows, width)?;
        }
        for PricedTier { provider, model, may_be_free, .. } in tiers.iter().filter(|it| it.price.is_none()) {
            let model = one_line(&format!("{provider}/{model}"), WORDS);
            write!(out, "{YELLOW}note{YELLOW:#}: {model} has no price: give it in [prices.\"{model}\"]")?;
            match may_be_free {
                true => writeln!(out, ", or say gateway = false in [providers.{provider}]")?,
                false => writeln!(out)?,
            }
        }
        footer(out, list, old)
    })
}

/// Renders for people the prices of a list whose models' ids hold `only`; a table in at most `width`
/// characters, where that is said.
#[must_use]
pub fn list(list: &Table, only: Option<&str>, old: Option<i32>, width: Option<usize>) -> String {
    let rows = list.iter().filter(|(_, model, _)| only.is_none_or(|only| model.contains(only)));
    let rows = rows.map(|(host, model, Listed { price, suspect })| Row {
        names: [host.to_owned(), model.to_owned()],
        price: Some(*price),
        suspect: suspect.as_deref(),
    });
    let rows: Vec<_> = rows.collect();
    rendered(|out| {
        match only {
            Some(only) if rows.is_empty() => writeln!(out, "the list has no model like {only:?}")?,
            _ => table(out, ["host", "model"], &rows, width)?,
        }
        footer(out, list, old)
    })
}

/// Says what became of a list that is now kept at `path`; all names with `verbose`.
#[must_use]
pub fn updated(list: &Table, lint: &Lint, path: &Path, verbose: bool) -> String {
    rendered(|out| {
        let prices = Count(list.iter().count(), "price");
        writeln!(out, "hookgate: {prices} of {}, kept in {}", list.date, path.display())?;
        for (what, names) in [
            ("left out, without a price that can be believed", &lint.dropped),
            ("taken without a doubtful cache price", &lint.suspect),
        ] {
            let shown = if verbose { names.len() } else { SHOWN.min(names.len()) };
            if !names.is_empty() {
                writeln!(out, "{YELLOW}{}{YELLOW:#} {what}", Count(names.len(), "model"))?;
            }
            for (name, why) in &names[..shown] {
                writeln!(out, "  {name}  {DIM}{why}{DIM:#}")?;
            }
            match names.len() - shown {
                0 => {}
                more => writeln!(out, "  {DIM}and {more} more, which --verbose names{DIM:#}")?,
            }
        }
        Ok(())
    })
}

struct Row<'a> {
    names: [String; 2],
    price: Option<Price>,
    suspect: Option<&'a str>,
}

fn rendered(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    let written = write(&mut out);
    debug_assert!(written.is_ok(), "writing to a string does not fail");
    out
}

fn table(out: &mut String, titles: [&str; 2], rows: &[Row<'_>], width: Option<usize>) -> fmt::Result {
    let columns = [
        Column::Name(titles[0]),
        Column::Name(titles[1]),
        Column::Figures("input"),
        Column::Optional("cached"),
        Column::Optional("write"),
        Column::Figures("output"),
        Column::Rest("from"),
    ];
    let mut lines = Vec::new();
    for Row { names, price, .. } in rows {
        let [one, two] = names.each_ref().map(|name| one_line(name, WORDS));
        let figure = |rate: fn(&Price) -> PicoUsd| {
            price.as_ref().map_or_else(|| "?".to_owned(), |price| usd(rate(price)).to_string())
        };
        let (input, cached) = (figure(|it| it.input), figure(|it| it.cached_input));
        let (write, output) = (figure(|it| it.cache_write), figure(|it| it.output));
        lines.push(vec![one, two, input, cached, write, output, PriceSource::of(price.as_ref())]);
        if let Some(long) = price.and_then(|price| price.long) {
            let note = format!("  above {} tokens", Grouped(long.above));
            let (input, output) = (usd(long.input).to_string(), usd(long.output).to_string());
            let none = String::new;
            lines.push(vec![none(), note, input, none(), none(), output, none()]);
        }
    }
    writeln!(out, "{BOLD}prices{BOLD:#} in USD per million tokens")?;
    super::table::table(out, &columns, &lines, None, width);
    for Row { names: [one, two], suspect, .. } in rows {
        if let Some(suspect) = suspect {
            let name = one_line(&format!("{one} {two}"), WORDS);
            writeln!(out, "{YELLOW}not believed{YELLOW:#} of {name}: {suspect}")?;
        }
    }
    Ok(())
}

fn footer(out: &mut String, list: &Table, old: Option<i32>) -> fmt::Result {
    writeln!(out, "\nlist of {}: {}", list.date, list.source)?;
    match old {
        None => Ok(()),
        Some(days) => writeln!(
            out,
            "{YELLOW}it is {days} days old{YELLOW:#}; `hookgate prices update FILE` takes LiteLLM's \
             model_prices_and_context_window.json of today"
        ),
    }
}

/// USD per million tokens of a price per token, with as many places as it has.
fn usd(price: PicoUsd) -> f64 {
    price.0 as f64 / 1e6
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    list: JsonList<'a>,
    tiers: Vec<JsonTier<'a>>,
}

#[derive(Serialize)]
struct JsonList<'a> {
    date: String,
    source: &'a str,
    prices: usize,
    /// Null where it is not too old.
    days_old: Option<i32>,
}

/// Prices in USD per million tokens; null where they are unknown.
#[derive(Serialize)]
struct JsonTier<'a> {
    tier: &'a str,
    provider: &'a str,
    model: &'a str,
    price_source: String,
    input: Option<f64>,
    cached_input: Option<f64>,
    cache_write: Option<f64>,
    output: Option<f64>,
    long: Option<JsonLong>,
    suspect: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonLong {
    above: u64,
    input: f64,
    output: f64,
}

/// Renders for programs what the tiers cost.
///
/// # Errors
/// None that a list could cause.
pub fn json(tiers: &[PricedTier], list: &Table, old: Option<i32>) -> serde_json::Result<String> {
    let tiers = tiers.iter().map(|priced| {
        let of = |rate: fn(&Price) -> PicoUsd| priced.price.as_ref().map(|price| usd(rate(price)));
        let long = priced.price.and_then(|price| price.long);
        JsonTier {
            tier: &priced.tier,
            provider: &priced.provider,
            model: &priced.model,
            price_source: PriceSource::of(priced.price.as_ref()),
            input: of(|price| price.input),
            cached_input: of(|price| price.cached_input),
            cache_write: of(|price| price.cache_write),
            output: of(|price| price.output),
            long: long.map(|long| JsonLong {
                above: long.above,
                input: usd(long.input),
                output: usd(long.output),
            }),
            suspect: priced.suspect.as_deref(),
        }
    });
    serde_json::to_string(&Json {
        version: VERSION,
        list: JsonList {
            date: list.date.to_string(),
            source: &list.source,
            prices: list.iter().count(),
            days_old: old,
        },
        tiers: tiers.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priced() -> Vec<PricedTier> {
        let table = Table::embedded();
        let tier = |tier: &str, provider: &str, model: &str, price| PricedTier {
            tier: tier.to_owned(),
            provider: provider.to_owned(),
            model: model.to_owned(),
            price,
            may_be_free: tier == "relay",
            suspect: None,
        };
        let of = |host, model| Some(table.get(host, model).unwrap().price);
        let mut odd = tier("odd", "corp", "m", Price::per_million(2.5, None, None, 10.0).ok());
        odd.suspect =
            Some("the price `cache_write` (60) is not between `input` (2.5) and twice that".to_owned());
        vec![
            tier("local", "ollama", "qwen2.5-coder:7b", Some(Price::local())),
            tier("cheap", "anthropic", "claude-haiku-5-5", of("api.anthropic.com", "claude-haiku-5-5")),
            odd,
            tier("else", "somewhere", "x", None),
            tier("relay", "proxy", "y", None),
        ]
    }

    fn shown(width: Option<usize>) -> String {
        let text = tiers(&priced(), Table::embedded(), Some(94), width);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn people_read_this() {
        insta::assert_snapshot!(shown(None), @r#"
        prices in USD per million tokens
        tier   model                       input  cached  write  output  from
        local  ollama/qwen2.5-coder:7b         0       0      0       0  local
        cheap  anthropic/claude-haiku-5-5    0.1    0.01  0.125     0.5  embedded 2026-11-12
                 above 100,000 tokens        0.5                    2.5
        odd    corp/m                        2.5     2.5    2.5      10  user
        else   somewhere/x                     ?       ?      ?       ?  unknown
        relay  proxy/y                         ?       ?      ?       ?  unknown
        not believed of odd corp/m: the price `cache_write` (60) is not between `input` (2.5) and twice that
        note: somewhere/x has no price: give it in [prices."somewhere/x"]
        note: proxy/y has no price: give it in [prices."proxy/y"], or say gateway = false in [providers.proxy]

        list of 2026-11-12: LiteLLM 1.109.1, model_prices_and_context_window.json
        it is 94 days old; `hookgate prices update FILE` takes LiteLLM's model_prices_and_context_window.json of today
        "#);
    }

    #[test]
    fn a_narrow_terminal_shows_what_input_and_output_cost() {
        insta::assert_snapshot!(shown(Some(50)), @r#"
        prices in USD per million tokens
        tier   model                       input  output
        local  ollama/qwen2.5-coder:7b         0       0
        cheap  anthropic/claude-haiku-5-5    0.1     0.5
                 above 100,000 tokens        0.5     2.5
        odd    corp/m                        2.5      10
        else   somewhere/x                     ?       ?
        relay  proxy/y                         ?       ?
        not believed of odd corp/m: the price `cache_write` (60) is not between `input` (2.5) and twice that
        note: somewhere/x has no price: give it in [prices."somewhere/x"]
        note: proxy/y has no price: give it in [prices."proxy/y"], or say gateway = false in [providers.proxy]

        list of 2026-11-12: LiteLLM 1.109.1, model_prices_and_context_window.json
        it is 94 days old; `hookgate prices update FILE` takes LiteLLM's model_prices_and_context_window.json of today
        "#);
    }

    #[test]
    fn programs_read_the_same_prices_and_no_zero_for_what_is_unknown() {
        let value: serde_json::Value =
            serde_json::from_str(&json(&priced(), Table::embedded(), None).unwrap()).unwrap();
        let tier = |at: usize, key: &str| value["tiers"][at][key].clone();
        assert_eq!((tier(0, "input"), tier(0, "price_source")), (0.0.into(), "local".into()));
        assert_eq!((tier(1, "cached_input"), tier(1, "cache_write")), (0.01.into(), 0.125.into()));
        assert_eq!((tier(3, "input"), tier(3, "price_source")), (().into(), "unknown".into()));
        assert_eq!(value["list"]["date"], "2026-11-12");
    }
}
