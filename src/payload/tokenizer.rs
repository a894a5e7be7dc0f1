//! Counting tokens, with `o200k_base`. Only this file knows the tokenizers.
//!
//! tiktoken-rs is the counter of record. bpe-openai stands in front of it, since it loads in a third
//! of the time and needs linear time for any text; debug builds, and so all tests, compare each count
//! with the record.

/// A loaded tokenizer. Loading takes some 50 ms, so it is made only when there is something to count.
#[derive(Clone, Copy)]
pub struct Tokenizer(&'static bpe_openai::Tokenizer);

impl Tokenizer {
    /// Loads `o200k_base`, once a process.
    #[must_use]
    pub fn load() -> Self {
        Self(bpe_openai::o200k_base())
    }

    /// Tokens of `text`, special tokens read as plain text.
    #[must_use]
    pub fn count(&self, text: &str) -> u64 {
        let count = self.0.count(text);
        #[cfg(debug_assertions)]
        assert_eq!(count, recorded(text), "the tokenizers differ over {text:?}");
        count as u64
    }
}

/// What the counter of record says.
#[cfg(any(test, debug_assertions))]
pub(crate) fn recorded(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton().count_ordinary(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_recorded(text: &str) {
        assert_eq!(Tokenizer::load().count(text), recorded(text) as u64, "{text:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_text_counts_as_the_record_has_it(text in "\\PC{0,80}", control in any::<String>()) {
            assert_recorded(&text);
            assert_recorded(&control);
        }

        #[test]
        fn code_counts_as_the_record_has_it(
            words in prop::collection::vec("[a-zA-Z_]{1,12}|[0-9]{1,9}|[ \t\r\n]{1,9}|[^\\w\\s]{1,5}|'(s|LL|ve)|[éßİſ一ก́🦀\u{200b}\u{feff}]{1,3}", 0..60),
        ) {
            assert_recorded(&words.concat());
        }
    }

    #[test]
    fn the_sources_count_as_the_record_has_them() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = 0;
        for directory in ["src", "src/change", "src/check", "src/payload", "rules", "benches", "."] {
            for entry in std::fs::read_dir(root.join(directory)).unwrap() {
                if let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) {
                    assert_recorded(&text);
                    files += 1;
                }
            }
        }
        assert!(files > 50, "only {files} files were read");
    }
}
