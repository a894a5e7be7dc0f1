//! What a gateway of the user's own is told with each request: whom it is charged to.

use std::fmt::Write as _;

use super::Endpoint;
use crate::meter::Attribution;

/// The headers that say whom a request is charged to, for a provider that the user's file marks as
/// `gateway = true`; none for any other.
pub(super) fn headers(endpoint: &Endpoint, attribution: &Attribution) -> Vec<(String, String)> {
    if endpoint.gateway != Some(true) {
        return Vec::new();
    }
    let Attribution { user, repository, branch, team, hook, stage, ci_run, labels } = attribution;
    let known = [
        ("User", Some(user)),
        ("Repository", Some(repository)),
        ("Branch", branch.as_ref()),
        ("Team", team.as_ref()),
        ("Hook", Some(hook)),
        ("Stage", Some(stage)),
        ("Run", ci_run.as_ref()),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some((format!("X-Hookgate-{name}"), value?)));
    let labels = labels.iter().map(|(name, value)| (format!("X-Hookgate-Label-{name}"), value));
    let all = known.chain(labels).filter(|(_, value)| !value.is_empty());
    all.map(|(name, value)| (name, percent_encoded(value))).collect()
}

/// The value with what no header holds unharmed (RFC 9110, 5.5), and the sign itself, percent-encoded.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::sample::{DIALECTS, endpoint};
    use super::*;

    fn attribution() -> Attribution {
        Attribution {
            user: "Ada L.".to_owned(),
            repository: "acme/web".to_owned(),
            branch: Some("fix/größe-100%".to_owned()),
            team: None,
            hook: "pre-commit".to_owned(),
            stage: "a\r\nX-Evil: 1".to_owned(),
            ci_run: Some("github:1/2".to_owned()),
            labels: [("cost-centre".to_owned(), "42".to_owned())].into(),
        }
    }

    #[test]
    fn a_header_holds_whatever_a_name_does() {
        let endpoint = Endpoint { gateway: Some(true), ..endpoint(DIALECTS[0], "http://127.0.0.1:1") };
        let headers: Vec<_> = headers(&endpoint, &attribution())
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        insta::assert_snapshot!(headers.join("\n"), @r"
        X-Hookgate-User: Ada%20L.
        X-Hookgate-Repository: acme/web
        X-Hookgate-Branch: fix/gr%C3%B6%C3%9Fe-100%25
        X-Hookgate-Hook: pre-commit
        X-Hookgate-Stage: a%0D%0AX-Evil:%201
        X-Hookgate-Run: github:1/2
        X-Hookgate-Label-cost-centre: 42
        ");
    }

    #[test]
    fn nobody_else_is_told_anything() {
        for dialect in DIALECTS {
            assert_eq!(headers(&endpoint(dialect, "http://127.0.0.1:1"), &attribution()), []);
        }
    }
}
