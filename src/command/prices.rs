//! `hookgate prices`: what models cost, and another list of it out of a file.

use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use jiff::civil::Date;

use crate::cli::{ListFormat, Prices as Arguments, PricesAction};
use crate::config::{Environment, UserConfig};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::meter::calendar;
use crate::meter::price::PriceSource;
use crate::meter::price::table::{Table, TableError, forget, keep};
use crate::model::{Egress, Endpoint};
use crate::report::prices::{PricedTier, json, list, tiers, updated};

pub(super) fn execute(
    args: &Arguments,
    verbose: bool,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let user = UserConfig::load(environment)?;
    let today = calendar::date(calendar::since_epoch(SystemTime::now()));
    match &args.action {
        Some(PricesAction::Update { remove: true, .. }) => {
            let was_there = forget(&user.state_directory).map_err(refused)?;
            let first = if was_there { "your list is gone" } else { "there was no list of yours" };
            let date = Table::embedded().date;
            writeln!(out, "hookgate: {first}; the prices in this program count, of {date}")?;
        }
        Some(PricesAction::Update { file: Some(file), date, .. }) => {
            let path = environment.directory.join(file);
            out.write_all(update(&path, *date, today, &user.state_directory, verbose)?.as_bytes())?;
        }
        Some(PricesAction::Update { file: None, .. }) => {
            return Err(Error::Refused("name a file to take prices from, or --remove".to_owned()));
        }
        None => {
            let prices = user.prices.as_ref().map_err(|error| Error::Refused(error.to_string()))?;
            let first = prices.first();
            let old = first.old_at(today);
            let is_list = args.all || args.model.is_some();
            match args.format {
                ListFormat::Text if is_list => {
                    out.write_all(list(first, args.model.as_deref(), old, environment.columns).as_bytes())?;
                }
                ListFormat::Json if is_list => {
                    let listed = first.only(args.model.as_deref().unwrap_or_default());
                    writeln!(out, "{}", listed.to_json().map_err(std::io::Error::other)?)?;
                }
                ListFormat::Text => {
                    out.write_all(tiers(&priced(&user)?, first, old, environment.columns).as_bytes())?
                }
                ListFormat::Json => {
                    let tiers = json(&priced(&user)?, first, old);
                    writeln!(out, "{}", tiers.map_err(std::io::Error::other)?)?;
                }
            }
        }
    }
    Ok(ExitStatus::Allowed)
}

fn refused(error: TableError) -> Error {
    Error::Refused(error.to_string())
}

fn update(
    path: &Path,
    date: Option<Date>,
    today: Date,
    directory: &Path,
    verbose: bool,
) -> Result<String, Error> {
    let (table, lint) = Table::import(path, date).map_err(refused)?;
    if table.date > today {
        return Err(Error::Refused(format!("the prices would be of {}, which is still to come", table.date)));
    }
    let kept = keep(directory, &table).map_err(refused)?;
    Ok(updated(&table, &lint, &kept, verbose))
}

/// Every tier of the user's with its price.
fn priced(user: &UserConfig) -> Result<Vec<PricedTier>, Error> {
    let mut tiers = Vec::new();
    for tier in user.file.tiers.keys() {
        let endpoint = user.priced(tier)?;
        let is_listed = endpoint
            .price
            .is_some_and(|price| matches!(price.source, PriceSource::Embedded(_) | PriceSource::Updated(_)));
        let listed = || {
            let prices = user.prices.as_ref().ok()?;
            prices.get(&Endpoint::host(&endpoint.base_url)?, &endpoint.model)?.suspect.clone()
        };
        let suspect = if is_listed { listed() } else { None };
        let may_be_free = endpoint.egress() == Egress::MayLeave;
        let Endpoint { tier, provider, model, price, .. } = endpoint;
        tiers.push(PricedTier { tier, provider, model, price, may_be_free, suspect });
    }
    Ok(tiers)
}
