//! A sign of life on a terminal while something takes its time; nothing anywhere else.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner or a bar. It vanishes when it is dropped.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A spinner on standard error for `requests` requests, if that is a terminal.
    #[must_use]
    pub fn start(requests: usize, model: &str) -> Self {
        if requests == 0 || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(requests as u64);
        let style = ProgressStyle::with_template("{spinner} {msg} {pos}/{len} {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(format!("hookgate: asking {model}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }

    /// A bar on standard error for `commits` commits that are replayed, if that is a terminal.
    #[must_use]
    pub fn replay(commits: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(commits as u64);
        let style = ProgressStyle::with_template("hookgate: replaying {bar:30} {pos}/{len}, {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }

    /// One more request is answered, or one more commit replayed.
    pub fn advance(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
