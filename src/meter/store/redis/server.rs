//! Where a Redis server is, and who is let in: what the user's file says of it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// A Redis server, and the part of it that is this team's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub address: Address,
    /// The user of its access lists; none for the default one.
    pub username: Option<String>,
    /// What it asks for; none where it lets everybody in.
    pub password: Option<Password>,
    /// Certificates of one's own authorities as PEM; none for those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whose keys these are: every key begins with it, so that several teams can share a server.
    pub namespace: Namespace,
    /// The longest wait for a connection, and for each answer.
    pub timeout: Duration,
    /// For how long the rows of the ledger are kept.
    pub keep: Duration,
}

/// `redis://host:6379/0`, `rediss://host:6379/0` or `unix:///path?db=0`, without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    written: String,
}

/// Why an address is not used. None of the messages repeats an address that may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not one of the three forms.
    #[error(
        "[store] redis is no address ({0}): write it as redis://host:6379/0, rediss://host:6379/0 or unix:///path"
    )]
    Malformed(String),
    /// It lets somebody in.
    #[error(
        "[store] redis holds a user name or password: remove it, write `username`, and name the variable that holds the password with `password_env`"
    )]
    Credentials,
    /// It ends in something that no server is told.
    #[error("[store] redis ends in a query or a fragment: remove what follows the path")]
    Trailing,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(written: &str) -> Result<Self, AddressError> {
        let malformed = |why: &str| AddressError::Malformed(why.to_owned());
        let url = redis::parse_redis_url(written).ok_or_else(|| malformed("unknown scheme or no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        let is_unix = match url.scheme() {
            "redis" | "rediss" => false,
            "unix" => true,
            _ => return Err(malformed("unknown scheme")),
        };
        for (name, _) in url.query_pairs() {
            match &*name {
                "db" if is_unix => {}
                "user" | "pass" => return Err(AddressError::Credentials),
                _ => return Err(AddressError::Trailing),
            }
        }
        if url.fragment().is_some() {
            return Err(AddressError::Trailing);
        }
        let connection = url.into_connection_info();
        connection.map_err(|error| malformed(&error.to_string()))?;
        Ok(Self { written: written.to_owned() })
    }
}

impl Address {
    /// How the library is told.
    pub(super) fn connection(&self) -> redis::RedisResult<ConnectionInfo> {
        self.written.as_str().into_connection_info()
    }

    /// Whether what is sent can be read on the way: neither encrypted nor kept on this machine.
    #[must_use]
    pub fn is_open_to_listeners(&self) -> bool {
        match self.connection().as_ref().map(ConnectionInfo::addr) {
            Ok(ConnectionAddr::Tcp(host, _)) => {
                let is_loopback = host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
                host != "localhost" && !is_loopback
            }
            _ => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Letters, digits, `.`, `-` and `_`: nothing that could end the part of a key by which a cluster
/// places it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(String);

impl FromStr for Namespace {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if (1..=64).contains(&written.len()) && written.chars().all(is_plain) {
            Ok(Self(written.to_owned()))
        } else {
            Err(format!(
                "[store] namespace {written:?} is none: expected up to 64 letters, digits, `.`, `-` and `_`"
            ))
        }
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self("hookgate".to_owned())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The password out of an environment variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    /// The variable.
    pub variable: String,
    /// What it holds; none where it is not set.
    pub value: Option<String>,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Password(from {})", self.variable)
    }
}

impl Server {
    /// Longer waits for a store are felt in a hook.
    const TIMEOUT: Duration = Duration::from_secs(1);

    /// A month, and some days to read its end.
    const KEEP: Duration = Duration::from_secs(35 * 86_400);

    /// A server that lets everybody in, with all that need not be said as usual.
    #[must_use]
    pub fn at(address: Address) -> Self {
        Self {
            address,
            username: None,
            password: None,
            ca_file: None,
            namespace: Namespace::default(),
            timeout: Self::TIMEOUT,
            keep: Self::KEEP,
        }
    }

    /// The name under which `key` is kept. All names of a namespace have one hash tag, so that a
    /// cluster keeps them on one node and one script may touch them together.
    #[must_use]
    pub fn key(&self, key: &str) -> String {
        format!("{}:{key}", self.tag())
    }

    /// The hash tag of the namespace, by which a cluster places every key that holds it.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("{{hg:{}}}", self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_three_and_holds_no_secret() {
        for address in [
            "redis://127.0.0.1:6379/0",
            "redis://cache.example",
            "rediss://cache.example:6380/3",
            "redis://[::1]:7000",
            "unix:///run/redis/redis.sock",
            "unix:///run/redis/redis.sock?db=2",
        ] {
            assert_eq!(address.parse::<Address>().unwrap().to_string(), address);
        }
        for secret in [
            "redis://:hunter2@cache.example",
            "redis://me:hunter2@cache.example",
            "redis://me@cache.example",
            "unix:///run/redis.sock?pass=hunter2",
            "unix:///run/redis.sock?user=me",
        ] {
            let error = secret.parse::<Address>().unwrap_err();
            assert_eq!(error, AddressError::Credentials, "{secret}");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert_eq!("rediss://cache.example/#insecure".parse::<Address>(), Err(AddressError::Trailing));
        assert_eq!("redis://cache.example/?protocol=3".parse::<Address>(), Err(AddressError::Trailing));
        for wrong in
            ["cache.example", "http://cache.example", "redis://", "redis://h/notanumber", "valkey://h", ""]
        {
            let parsed = wrong.parse::<Address>();
            assert!(matches!(parsed, Err(AddressError::Malformed(_))), "{wrong}: {parsed:?}");
        }
    }

    #[test]
    fn a_namespace_cannot_end_its_hash_tag() {
        for wrong in ["", "a}b", "a b", "{", "ä", &"a".repeat(65)] {
            assert!(wrong.parse::<Namespace>().is_err(), "{wrong}");
        }
        assert_eq!("team-a.1_b".parse::<Namespace>().unwrap().to_string(), "team-a.1_b");
    }

    #[test]
    fn a_password_is_not_shown() {
        let password = Password { variable: "REDIS_PASSWORD".into(), value: Some("hunter2".into()) };
        assert_eq!(format!("{password:?}"), "Password(from REDIS_PASSWORD)");
    }

    #[test]
    fn what_leaves_the_machine_in_clear_is_known() {
        let is_open = |address: &str| address.parse::<Address>().unwrap().is_open_to_listeners();
        assert!(is_open("redis://cache.example"));
        assert!(is_open("redis://10.0.0.7"));
        assert!(!is_open("redis://127.0.0.1"));
        assert!(!is_open("redis://[::1]:7000"));
        assert!(!is_open("rediss://cache.example"));
        assert!(!is_open("unix:///run/redis.sock"));
    }
}
