//! What is metered: tokens and money.

use std::fmt::{self, Write as _};
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Money in pico-USD (10⁻¹² USD), the unit in which a price per million tokens is a whole number
/// per token: 1 USD per million tokens is 1,000,000 pico-USD a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub struct PicoUsd(pub u64);

impl PicoUsd {
    /// Nothing to pay.
    pub const ZERO: Self = Self(0);

    /// The nearest whole pico-USD to `usd`; negative and non-finite amounts are zero.
    #[must_use]
    pub fn from_usd(usd: f64) -> Self {
        // `as` saturates, and turns NaN into zero.
        Self((usd * 1e12).round() as u64)
    }

    /// The amount in USD, for display and for formats that carry floating point.
    #[must_use]
    pub fn as_usd(self) -> f64 {
        self.0 as f64 / 1e12
    }
}

impl Add for PicoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for PicoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl fmt::Display for PicoUsd {
    /// `$1.25`, and below a cent as many places as it takes to show two digits: `$0.00034`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usd = self.as_usd();
        if self.0 == 0 {
            f.write_str("$0")
        } else if usd >= 0.01 {
            write!(f, "${usd:.2}")
        } else {
            let places = (-usd.log10()).ceil() as usize + 1;
            write!(f, "${usd:.places$}")
        }
    }
}

/// A count as people read it, grouped by thousands: `1,810`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// So many of something: `1 file`, `3 files`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub usize, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        write!(f, "{} {noun}{}", Grouped(*count as u64), if *count == 1 { "" } else { "s" })
    }
}

/// Tokens of one request, converted to one meaning at the edge of each dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    /// All input tokens, those read from the provider's cache included.
    pub input: u64,
    /// The part of `input` that the provider read from its prompt cache.
    pub cached_input: u64,
    /// The part of `input` that the provider wrote to its prompt cache, for which some ask more.
    pub cache_write: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// What the provider says that the request cost; none where it says nothing.
    pub reported_cost: Option<PicoUsd>,
    /// Where the figures come from.
    pub source: UsageSource,
}

impl Usage {
    /// Input plus output tokens, which is what token limits count.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// Who says how many tokens were used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageSource {
    /// The provider's reply.
    Reported,
    /// hookgate's own tokenizer.
    Counted,
    /// An upper bound, charged because the truth could not be learned.
    #[default]
    Estimated,
}

impl UsageSource {
    /// The word that reports and the ledger use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Counted => "counted",
            Self::Estimated => "estimated",
        }
    }
}

/// The smallest of the values, which are sorted, that so many per cent of them do not exceed: the
/// nearest-rank method; 0 of none.
#[must_use]
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_shows_two_digits_at_any_size() {
        let shown = |usd| PicoUsd::from_usd(usd).to_string();
        assert_eq!(shown(0.0), "$0");
        assert_eq!(shown(12.5), "$12.50");
        assert_eq!(shown(0.0003), "$0.00030");
        assert_eq!(shown(0.000_012_3), "$0.000012");
        assert_eq!(PicoUsd::from_usd(f64::NAN), PicoUsd::ZERO);
    }
    #[test]
    fn counts_are_grouped_by_thousands() {
        let shown: Vec<_> = [0, 999, 1000, 1_234_567].map(|n| Grouped(n).to_string()).into();
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        // The example of https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method.
        let sorted = [15, 20, 35, 40, 50];
        assert_eq!([5, 30, 40, 50, 100].map(|percent| percentile(&sorted, percent)), [15, 20, 20, 35, 50]);
    }
}
