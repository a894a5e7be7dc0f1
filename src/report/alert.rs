//! Warnings that a hook's payloads have grown.

use crate::tokens::Grouped;

use super::Totals;

/// What payloads may come to before somebody wants to know. Nothing is kept from being sent by it:
/// that is what limits are for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// How many tokens of `git diff -U3` should stand against one token of code that is sent.
    pub min_compression: Option<f64>,
    /// Tokens of code that one run should send at the most.
    pub max_payload_tokens: Option<u64>,
}

/// A threshold that a run has crossed.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The key in `[alerts]`.
    pub name: &'static str,
    /// What was configured.
    pub threshold: f64,
    /// What the run came to.
    pub value: f64,
    /// Both in one line.
    pub message: String,
}

/// The thresholds that a run with these sums has crossed; none where nothing is sent.
#[must_use]
pub(super) fn alerts(thresholds: &Thresholds, totals: &Totals) -> Vec<Alert> {
    let payload = totals.payload_tokens;
    let mut alerts = Vec::new();
    if let Some(threshold) = thresholds.max_payload_tokens
        && payload > threshold
    {
        alerts.push(Alert {
            name: "max_payload_tokens",
            threshold: threshold as f64,
            value: payload as f64,
            message: format!("{} tokens of code, over {}", Grouped(payload), Grouped(threshold)),
        });
    }
    if let Some(threshold) = thresholds.min_compression
        && let Some(raw) = totals.raw_tokens
        && payload > 0
        && (raw as f64) < threshold * payload as f64
    {
        let value = raw as f64 / payload as f64;
        alerts.push(Alert {
            name: "min_compression",
            threshold,
            value,
            message: format!(
                "{} tokens of code for {} of the diff, {value:.2} to 1, under {threshold}",
                Grouped(payload),
                Grouped(raw)
            ),
        });
    }
    alerts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_crossed_only_beyond_it() {
        let thresholds = Thresholds { min_compression: Some(2.0), max_payload_tokens: Some(100) };
        let names = |payload, raw| {
            let totals = Totals { payload_tokens: payload, raw_tokens: raw, ..Totals::default() };
            alerts(&thresholds, &totals).into_iter().map(|alert| alert.name).collect::<Vec<_>>()
        };
        assert!(names(100, Some(200)).is_empty());
        assert_eq!(names(101, Some(300)), ["max_payload_tokens"]);
        assert_eq!(names(100, Some(199)), ["min_compression"]);
        assert!(names(0, Some(10)).is_empty(), "what sends nothing compresses nothing");
        assert!(names(50, None).is_empty());
    }
}
