//! A payload and its endpoint, for the tests of this room.

use super::dialect::Dialect;
use super::{ApiKey, Endpoint};
use crate::git::RepoPath;
use crate::payload::{Block, Level, Payload, SentLine, UnitRef};

pub(super) const DIALECTS: [Dialect; 3] = [Dialect::Openai, Dialect::Anthropic, Dialect::Ollama];

pub(super) fn endpoint(dialect: Dialect, base_url: &str) -> Endpoint {
    Endpoint {
        tier: "local".to_owned(),
        provider: "scripted".to_owned(),
        dialect,
        base_url: base_url.to_owned(),
        model: "model-1".to_owned(),
        key: Some(ApiKey { value: "sk-secret".to_owned(), origin: "variable MODEL_KEY".to_owned() }),
        price: None,
        counting: Endpoint::usual_counting(base_url),
        machine: String::new(),
        gateway: Some(false),
    }
}

/// Two blocks of one file each.
pub(super) fn payload() -> Payload {
    let text = "\
#1 src/auth.rs | impl Auth | fn login(&self, user: &User) -> Result<Token>
-\tif !verify(user, &row) {
41+\tif verify(user, &row) {
42+\t\treturn deny();
\t}
#2 src/mean.rs | fn mean(values: &[f64]) -> f64
7+\tlet sum: f64 = values.iter().sum();
8+\tsum / values.len() as f64
";
    Payload::for_test(
        text,
        vec![
            block(1, "src/auth.rs", &[(41, "\tif verify(user, &row) {"), (42, "\t\treturn deny();")]),
            block(
                2,
                "src/mean.rs",
                &[(7, "\tlet sum: f64 = values.iter().sum();"), (8, "\tsum / values.len() as f64")],
            ),
        ],
    )
}

pub(super) fn block(number: u32, path: &str, lines: &[(u32, &str)]) -> Block {
    Block {
        unit: UnitRef { change: 0, unit: number as usize },
        also: Vec::new(),
        number,
        path: RepoPath::new(path),
        level: Level::Slice,
        tokens: 0,
        lines: lines.iter().map(sent_line).collect(),
    }
}

fn sent_line(&(number, text): &(u32, &str)) -> SentLine {
    SentLine { number, is_numbered: true, is_deleted: false, text: text.to_owned() }
}
