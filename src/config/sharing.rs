//! Whether reviews are shared with a team, and by whom: `[cache]` of the user's file.

use serde::Deserialize;

use super::Environment;
use crate::meter::cache::shared::{Secret, Team};
use crate::meter::store::Server;
use crate::meter::{Attribution, Scope};

/// `[cache]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSection {
    /// Whether reviews are looked up on the server of `[store] redis` too.
    pub shared: bool,
    /// The environment variable that holds the team's secret.
    pub secret_env: Option<String>,
    /// Whose runs add to what is shared; nobody's unless they are named.
    pub writers: Vec<Writer>,
}

/// Whose runs add to what is shared: `*` for all, or `scope:name`, as in `stage:review`, `user:ci`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Writer {
    /// Everybody.
    All,
    /// Runs that are charged to this name of a scope.
    Named(Scope, String),
}

impl TryFrom<String> for Writer {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        if written == "*" {
            return Ok(Self::All);
        }
        let parts = written.split_once(':').filter(|(_, name)| !name.is_empty());
        let scope = |word: &str| Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
        match parts.and_then(|(word, name)| Some((scope(word)?, name))) {
            Some((Scope::Repository, name)) => Ok(Self::Named(Scope::Repository, name.to_lowercase())),
            Some((scope, name)) => Ok(Self::Named(scope, name.to_owned())),
            None => Err(format!(
                "{written:?} names no writer: expected \"*\", or a scope and a name as in \"stage:review\", \
                 \"user:ci\", \"team:pay\", \"repository:shop\""
            )),
        }
    }
}

impl CacheSection {
    /// What is shared with whom in a run that is charged to `attribution`; none where nothing is. The
    /// error is a sentence about the user's file.
    pub(super) fn team(
        &self,
        server: Option<&Server>,
        attribution: &Attribution,
        environment: &Environment,
    ) -> Result<Option<Team>, String> {
        if !self.shared {
            return Ok(None);
        }
        let server = server.ok_or("[cache] shared = true needs a server: name one with redis in [store]")?;
        let variable = self.secret_env.clone().ok_or(
            "[cache] shared = true needs secret_env, the environment variable that holds the team's secret",
        )?;
        let value = environment.variable(&variable).map(str::to_owned);
        let is_writer = |writer: &Writer| match writer {
            Writer::All => true,
            Writer::Named(scope, name) => attribution.scope(*scope) == Some(name),
        };
        Ok(Some(Team {
            server: server.clone(),
            secret: Secret { variable, value },
            writes: self.writers.iter().any(is_writer),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::meter::store::redis::Namespace;

    fn server() -> Server {
        Server {
            address: "redis://127.0.0.1:1".parse().unwrap(),
            username: None,
            password: None,
            ca_file: None,
            namespace: Namespace::default(),
            timeout: Duration::from_secs(1),
            keep: Duration::from_secs(1),
        }
    }

    fn section(text: &str) -> Result<CacheSection, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    fn writes(writers: &str) -> bool {
        let section = section(&format!("shared = true\nsecret_env = \"S\"\nwriters = {writers}")).unwrap();
        let attribution = Attribution {
            user: "ada".to_owned(),
            team: Some("pay".to_owned()),
            stage: "review".to_owned(),
            ..Attribution::default()
        };
        let team = section.team(Some(&server()), &attribution, &Environment::default()).unwrap();
        team.unwrap().writes
    }

    #[test]
    fn only_those_write_who_are_named() {
        for writers in ["[\"*\"]", "[\"stage:review\"]", "[\"user:ci\", \"team:pay\"]", "[\"user:ada\"]"] {
            assert!(writes(writers), "{writers}");
        }
        for writers in ["[]", "[\"stage:local\"]", "[\"user:pay\"]", "[\"repository:shop\"]"] {
            assert!(!writes(writers), "{writers}");
        }
        for wrong in ["review", "stage:", "Stage:review", ":x", "", "branch:main"] {
            let error = section(&format!("writers = [{wrong:?}]")).unwrap_err();
            assert!(error.contains("names no writer"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let whose = (&Attribution::default(), &Environment::default());
        let server = server();
        let team = |text: &str, server| section(text).unwrap().team(server, whose.0, whose.1);
        assert_eq!(team("", None), Ok(None));
        assert!(team("shared = true", None).unwrap_err().contains("[store]"));
        assert!(team("shared = true", Some(&server)).unwrap_err().contains("secret_env"));
        let text = "shared = true\nsecret_env = \"HOOKGATE_TEAM_SECRET\"";
        let missing = team(text, Some(&server)).unwrap().unwrap();
        assert!(missing.check().unwrap_err().to_string().contains("HOOKGATE_TEAM_SECRET, which is not set"));
        let secret = |value: &str| Secret { value: Some(value.to_owned()), ..missing.secret.clone() };
        let short = Team { secret: secret("fifteen letters"), ..missing.clone() };
        let error = short.check().unwrap_err().to_string();
        assert!(error.contains("fewer than 16 bytes") && !error.contains("fifteen letters"), "{error}");
        assert!(!format!("{short:?}").contains("fifteen letters"));
        assert!(Team { secret: secret("sixteen letters!"), ..missing }.check().is_ok());
    }
}
