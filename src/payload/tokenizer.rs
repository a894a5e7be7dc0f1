//! Counting tokens, with tiktoken's `o200k_base`. Only this file knows tiktoken-rs.

/// A loaded tokenizer. Loading takes 100–200 ms, so it is made only when there is something to count.
#[derive(Clone, Copy)]
pub struct Tokenizer(&'static tiktoken_rs::CoreBPE);

impl Tokenizer {
    /// Loads `o200k_base`, once a process.
    #[must_use]
    pub fn load() -> Self {
        Self(tiktoken_rs::o200k_base_singleton())
    }

    /// Tokens of `text`, special tokens read as plain text.
    #[must_use]
    pub fn count(&self, text: &str) -> u64 {
        self.0.count_ordinary(text) as u64
    }
}
