//! Prices per token, in integers.

use crate::tokens::{PicoUsd, Usage};

/// What a model's tokens cost, in pico-USD a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// A plain input token.
    pub input: PicoUsd,
    /// An input token read from the provider's cache.
    pub cached_input: PicoUsd,
    /// An output token.
    pub output: PicoUsd,
    /// Where the figures come from.
    pub source: PriceSource,
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSource {
    /// The user's file.
    User,
    /// The endpoint is on this machine, and asks nothing.
    Local,
}

impl PriceSource {
    /// The word that reports and the ledger use. Where there is no price, they write `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Local => "local",
        }
    }

    /// [`as_str`](Self::as_str) of a price that may be missing.
    #[must_use]
    pub fn of(price: Option<&Price>) -> &'static str {
        price.map_or("unknown", |price| price.source.as_str())
    }
}

/// Why a price is not believed. `field` is `input`, `cached_input` or `output`.
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
}

impl Price {
    /// A price as people write it, in USD per million tokens. Without `cached`, an input token from
    /// the provider's cache costs as much as any other.
    ///
    /// # Errors
    /// [`PriceError`] for a figure that can only be a slip.
    pub fn per_million(input: f64, cached: Option<f64>, output: f64) -> Result<Self, PriceError> {
        let cached = cached.unwrap_or(input);
        let price = Self {
            input: per_token("input", input)?,
            cached_input: per_token("cached_input", cached)?,
            output: per_token("output", output)?,
            source: PriceSource::User,
        };
        if cached > input {
            return Err(PriceError::CachedAboveInput { cached, input });
        }
        Ok(price)
    }

    /// The price of a model on this machine: nothing.
    #[must_use]
    pub fn local() -> Self {
        Self {
            input: PicoUsd::ZERO,
            cached_input: PicoUsd::ZERO,
            output: PicoUsd::ZERO,
            source: PriceSource::Local,
        }
    }

    /// What `usage` costs. Cached tokens are part of its input, and are not paid for twice.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> PicoUsd {
        let plain = usage.input.saturating_sub(usage.cached_input);
        sum(&[(plain, self.input), (usage.cached_input, self.cached_input), (usage.output, self.output)])
    }

    /// The most that `input` and `output` tokens can cost, whatever part the provider caches.
    #[must_use]
    pub fn upper_bound(&self, input: u64, output: u64) -> PicoUsd {
        sum(&[(input, self.input.max(self.cached_input)), (output, self.output)])
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
    } else if usd > 100_000.0 {
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

    #[test]
    fn a_published_price_gives_the_published_cost() {
        // 1 USD in, 0.10 USD cached, 5 USD out: 100 plain, 700 cached and 64 output tokens.
        let price = Price::per_million(1.0, Some(0.1), 5.0).unwrap();
        assert_eq!(price.cost(&usage(800, 700, 64)), PicoUsd::from_usd(0.000_49));
    }

    #[test]
    fn a_slip_is_named() {
        let message =
            |input, cached, output| Price::per_million(input, cached, output).unwrap_err().to_string();
        assert!(message(f64::NAN, None, 1.0).contains("`input`"));
        assert!(message(1.0, None, -1.0).contains("zero or more"));
        assert!(message(1.0, None, 3e6).contains("dearer than any model"));
        assert!(message(3e-6, None, 1.0).contains("multiply it by 1,000,000"));
        assert!(message(1.0, Some(2.0), 1.0).contains("swapped"));
        assert!(Price::per_million(0.0, None, 0.0).is_ok());
    }

    #[test]
    fn sums_saturate() {
        let price = Price::per_million(100_000.0, None, 100_000.0).unwrap();
        assert_eq!(price.cost(&usage(u64::MAX, 0, u64::MAX)), PicoUsd(u64::MAX));
        assert_eq!(price.upper_bound(u64::MAX, u64::MAX), PicoUsd(u64::MAX));
    }

    proptest! {
        #[test]
        fn no_use_within_an_estimate_costs_more_than_its_bound(
            input in 0u64..1 << 40, part in 0.0f64..=1.0, output in 0u64..1 << 40,
            rates in prop::array::uniform3(0u64..1_000_000_000),
        ) {
            let [input_rate, cached_rate, output_rate] = rates.map(PicoUsd);
            let price = Price {
                input: input_rate, cached_input: cached_rate, output: output_rate, source: PriceSource::User,
            };
            let cached = (input as f64 * part) as u64;
            prop_assert!(price.cost(&usage(input, cached.min(input), output)) <= price.upper_bound(input, output));
        }
    }
}
