//! Prices per token, in integers.

pub mod table;
pub mod litellm;

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;

use crate::tokens::{PicoUsd, Usage};

/// What a model's tokens cost, in pico-USD a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// A plain input token.
    pub input: PicoUsd,
    /// An input token read from the provider's cache.
    pub cached_input: PicoUsd,
    /// An input token that is written to the provider's cache as well.
    pub cache_write: PicoUsd,
    /// An output token.
    pub output: PicoUsd,
    /// What long prompts cost, where they cost more.
    pub long: Option<LongPrompt>,
    /// An hour of electricity, in pico-USD; none where the user's file does not say. It is never part
    /// of what tokens cost.
    pub energy: Option<PicoUsd>,
    /// Where the figures come from.
    pub source: PriceSource,
}

/// What all tokens of a request with a long prompt cost, in pico-USD a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongPrompt {
    /// A prompt of more input tokens than this is long.
    pub above: u64,
    /// An input token, from the cache or not.
    pub input: PicoUsd,
    /// An output token.
    pub output: PicoUsd,
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSource {
    /// The provider's own word, in its reply.
    Reported,
    /// The user's file.
    User,
    /// The table that `hookgate prices update` wrote, of this date.
    Updated(Date),
    /// The table in this program, of this date.
    Embedded(Date),
    /// The endpoint is on this machine, and asks nothing.
    Local,
}

impl fmt::Display for PriceSource {
    /// What reports and the ledger write: `embedded 2026-11-01`. Where there is no price, they write
    /// `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported => f.write_str("reported"),
            Self::User => f.write_str("user"),
            Self::Updated(date) => write!(f, "updated {date}"),
            Self::Embedded(date) => write!(f, "embedded {date}"),
            Self::Local => f.write_str("local"),
        }
    }
}

impl PriceSource {
    /// The words for a price that may be missing.
    #[must_use]
    pub fn of(price: Option<&Price>) -> String {
        Self::words(price.map(|price| price.source))
    }

    /// The words for a source that may be missing.
    #[must_use]
    pub fn words(source: Option<Self>) -> String {
        source.map_or_else(|| "unknown".to_owned(), |source| source.to_string())
    }
}

/// Why a price is not believed. `field` is `input`, `cached_input`, `cache_write` or `output`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PriceError {
    /// Negative, infinite or not a number.
    #[error("the price `{field}` is {usd}; give USD per million tokens, zero or more")]
    NotAnAmount {
        /// Which figure.
        field: &'static str,
        /// As written.
        usd: f64,
    },
    /// No model costs so much; a price per token times a million twice, perhaps.
    #[error("the price `{field}` is {usd} USD per million tokens, dearer than any model; check its unit")]
    TooDear {
        /// Which figure.
        field: &'static str,
        /// As written.
        usd: f64,
    },
    /// No model costs so little: price lists for programs are per token.
    #[error(
        "the price `{field}` is {usd} USD per million tokens; that looks like a price per token, so multiply it by 1,000,000"
    )]
    TooCheap {
        /// Which figure.
        field: &'static str,
        /// As written.
        usd: f64,
    },
    /// Reading from the cache would cost more than reading afresh.
    #[error("the price `cached_input` ({cached}) is above `input` ({input}); the two may be swapped")]
    CachedAboveInput {
        /// As written.
        cached: f64,
        /// As written.
        input: f64,
    },
    /// Writing to the cache costs at least what reading does, and no provider asks more than twice
    /// that.
    #[error("the price `cache_write` ({write}) is not between `input` ({input}) and twice that")]
    CacheWrite {
        /// As written.
        write: f64,
        /// As written.
        input: f64,
    },
    /// What a list gives for nothing is mostly what it does not know.
    #[error(
        "the price `{field}` is 0, which says nothing: a model that is free is for the user's file to name"
    )]
    Free {
        /// Which figure.
        field: &'static str,
    },
    /// A long prompt would cost less than a short one.
    #[error("the prices of long prompts are below those of short ones")]
    LongBelowShort,
}

impl Price {
    /// A price as people write it, in USD per million tokens. Without `cached` or `write`, an input
    /// token that is read from the provider's cache or written to it costs as much as any other.
    ///
    /// # Errors
    /// [`PriceError`] for a figure that can only be a slip.
    pub fn per_million(
        input: f64,
        cached: Option<f64>,
        write: Option<f64>,
        output: f64,
    ) -> Result<Self, PriceError> {
        let (cached, write) = (cached.unwrap_or(input), write.unwrap_or(input));
        let price = Self {
            input: per_token("input", input)?,
            cached_input: per_token("cached_input", cached)?,
            cache_write: per_token("cache_write", write)?,
            output: per_token("output", output)?,
            long: None,
            energy: None,
            source: PriceSource::User,
        };
        if cached > input {
            return Err(PriceError::CachedAboveInput { cached, input });
        }
        if write < input || write > 2.0 * input {
            return Err(PriceError::CacheWrite { write, input });
        }
        Ok(price)
    }

    /// The price of a model on this machine: nothing.
    #[must_use]
    pub const fn local() -> Self {
        Self {
            input: PicoUsd::ZERO,
            cached_input: PicoUsd::ZERO,
            cache_write: PicoUsd::ZERO,
            output: PicoUsd::ZERO,
            long: None,
            energy: None,
            source: PriceSource::Local,
        }
    }

    /// What `usage` costs. Tokens that the provider read from its cache or wrote to it are part of its
    /// input, and are not paid for twice.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> PicoUsd {
        let (cached, written) = (usage.cached_input, usage.cache_write);
        let plain = usage.input.saturating_sub(cached).saturating_sub(written);
        match self.long.filter(|long| usage.input > long.above) {
            Some(long) => {
                let write = self.long_write(&long);
                let read = usage.input.saturating_sub(written);
                sum(&[(read, long.input), (written, write), (usage.output, long.output)])
            }
            None => sum(&[
                (plain, self.input),
                (cached, self.cached_input),
                (written, self.cache_write),
                (usage.output, self.output),
            ]),
        }
    }

    /// The most that `input` and `output` tokens can cost, whatever part the provider caches.
    #[must_use]
    pub fn upper_bound(&self, input: u64, output: u64) -> PicoUsd {
        let (mut in_rate, mut out_rate) =
            (self.input.max(self.cached_input).max(self.cache_write), self.output);
        if let Some(long) = self.long.filter(|long| input > long.above) {
            in_rate = in_rate.max(long.input).max(self.long_write(&long));
            out_rate = out_rate.max(long.output);
        }
        sum(&[(input, in_rate), (output, out_rate)])
    }

    /// Whether no request costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.upper_bound(u64::MAX, u64::MAX) == PicoUsd::ZERO
    }

    /// A token of a long prompt that is written to the cache: as much dearer as in a short one.
    fn long_write(&self, long: &LongPrompt) -> PicoUsd {
        let scaled = u128::from(long.input.0) * u128::from(self.cache_write.0);
        let scaled = scaled.div_ceil(u128::from(self.input.0.max(1)));
        PicoUsd(u64::try_from(scaled).unwrap_or(u64::MAX)).max(long.input)
    }

    /// What the electricity of so much time costs.
    #[must_use]
    pub fn energy_for(&self, time: Duration) -> Option<PicoUsd> {
        const HOUR: u128 = 3_600_000_000;
        let cost = u128::from(self.energy?.0).saturating_mul(time.as_micros()) / HOUR;
        Some(PicoUsd(u64::try_from(cost).unwrap_or(u64::MAX)))
    }
}

/// The sum of the products, saturating once at the end.
fn sum(parts: &[(u64, PicoUsd)]) -> PicoUsd {
    let total = parts
        .iter()
        .map(|&(tokens, price)| u128::from(tokens) * u128::from(price.0))
        .fold(0, u128::saturating_add);
    PicoUsd(u64::try_from(total).unwrap_or(u64::MAX))
}

/// USD per million tokens as pico-USD per token, which is a factor of 10¹² ÷ 10⁶.
fn per_token(field: &'static str, usd: f64) -> Result<PicoUsd, PriceError> {
    if !usd.is_finite() || usd < 0.0 {
        Err(PriceError::NotAnAmount { field, usd })
    } else if usd > 1000.0 {
        Err(PriceError::TooDear { field, usd })
    } else if usd > 0.0 && usd < 0.000_1 {
        Err(PriceError::TooCheap { field, usd })
    } else {
        // In range, by the bounds above.
        Ok(PicoUsd((usd * 1e6).round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::UsageSource;
    use proptest::prelude::*;

    fn usage(input: u64, cached_input: u64, output: u64) -> Usage {
        Usage { input, cached_input, output, source: UsageSource::Reported, ..Usage::default() }
    }

    fn price(input: f64, cached: Option<f64>, output: f64) -> Result<Price, PriceError> {
        Price::per_million(input, cached, None, output)
    }

    #[test]
    fn a_published_price_gives_the_published_cost() {
        // 1 USD in, 0.10 USD cached, 5 USD out: 100 plain, 700 cached and 64 output tokens.
        let price = price(1.0, Some(0.1), 5.0).unwrap();
        assert_eq!(price.cost(&usage(800, 700, 64)), PicoUsd::from_usd(0.000_49));
    }

    #[test]
    fn a_slip_is_named() {
        let message = |input, cached, output| price(input, cached, output).unwrap_err().to_string();
        assert!(message(f64::NAN, None, 1.0).contains("`input`"));
        assert!(message(1.0, None, -1.0).contains("zero or more"));
        assert!(message(1.0, None, 3e6).contains("dearer than any model"));
        assert!(message(3e-6, None, 1.0).contains("multiply it by 1,000,000"));
        assert!(message(1.0, Some(2.0), 1.0).contains("swapped"));
        assert!(price(0.0, None, 0.0).is_ok());
        // A cache write at 24 times the input, and one below it: both stood in a public table.
        let write = |write| Price::per_million(0.25, None, Some(write), 1.25);
        assert!(write(6.0).unwrap_err().to_string().contains("`cache_write` (6)"));
        assert!(write(0.2).is_err() && write(0.25).is_ok() && write(0.5).is_ok());
    }

    #[test]
    fn sums_saturate() {
        let price = price(1000.0, None, 1000.0).unwrap();
        assert_eq!(price.cost(&usage(u64::MAX, 0, u64::MAX)), PicoUsd(u64::MAX));
        assert_eq!(price.upper_bound(u64::MAX, u64::MAX), PicoUsd(u64::MAX));
    }

    #[test]
    fn what_is_written_to_the_cache_costs_its_own_price() {
        // 5 USD in, 0.50 read, 6.25 written, 25 out; 100 plain, 700 read, 20 written, 64 output tokens.
        let price = Price::per_million(5.0, Some(0.5), Some(6.25), 25.0).unwrap();
        let usage = Usage { cache_write: 20, ..usage(820, 700, 64) };
        assert_eq!(price.cost(&usage), PicoUsd::from_usd(0.002_575));
        assert_eq!(price.upper_bound(820, 64), PicoUsd::from_usd(0.006_725));
    }

    #[test]
    fn a_long_prompt_costs_more_from_its_first_token() {
        let long = LongPrompt { above: 1000, input: PicoUsd(4_000_000), output: PicoUsd(15_000_000) };
        let price = Price { long: Some(long), ..Price::per_million(2.0, Some(0.2), None, 10.0).unwrap() };
        assert_eq!(price.cost(&usage(1000, 0, 100)), PicoUsd::from_usd(0.003));
        assert_eq!(price.cost(&usage(1001, 500, 100)), PicoUsd::from_usd(0.005_504));
        assert_eq!(price.upper_bound(1001, 100), PicoUsd::from_usd(0.005_504));
    }

    #[test]
    fn electricity_is_watts_by_time_by_tariff() {
        // 60 W for 30 s at 0.30 USD/kWh: 0.0005 kWh, 0.00015 USD.
        let price = Price { energy: Some(PicoUsd::from_usd(0.06 * 0.30)), ..Price::local() };
        assert_eq!(price.energy_for(Duration::from_secs(30)), Some(PicoUsd::from_usd(0.000_15)));
        assert_eq!(price.cost(&usage(800, 0, 64)), PicoUsd::ZERO);
        assert_eq!(Price::local().energy_for(Duration::from_secs(30)), None);
    }

    proptest! {
        #[test]
        fn no_use_within_an_estimate_costs_more_than_its_bound(
            input in 0u64..1 << 40, used in 0.0f64..=1.0, parts in prop::array::uniform2(0.0f64..=1.0),
            output in 0u64..1 << 40, rates in prop::array::uniform4(0u64..1_000_000_000),
            long in prop::option::of((0u64..1 << 40, 0u64..1_000_000_000, 0u64..1_000_000_000)),
        ) {
            let [input_rate, cached_rate, write_rate, output_rate] = rates.map(PicoUsd);
            let long = long.map(|(above, more, more_output)| LongPrompt {
                above,
                input: input_rate + PicoUsd(more),
                output: output_rate + PicoUsd(more_output),
            });
            let price = Price {
                input: input_rate, cached_input: cached_rate, cache_write: write_rate, output: output_rate,
                long, ..Price::local()
            };
            let taken = (input as f64 * used) as u64;
            let cached = ((taken as f64 * parts[0]) as u64).min(taken);
            let cache_write = (((taken - cached) as f64 * parts[1]) as u64).min(taken - cached);
            let usage = Usage { cache_write, ..usage(taken, cached, output) };
            prop_assert!(price.cost(&usage) <= price.upper_bound(input, output));
        }
    }
}
