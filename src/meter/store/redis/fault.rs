//! What can be wrong with a server, in words for the person who can mend it.

use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a Redis server keeps no limits now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody answers there.
    #[error("it cannot be reached ({0}); start it, or correct [store] redis in your config.toml")]
    Unreachable(String),
    /// The connection cannot be encrypted to a server that proves who it is.
    #[error("no encrypted connection ({0}); if its authority is your own, name it with [store] ca_file")]
    Tls(String),
    /// The file of authorities.
    #[error("the certificates of {path} cannot be used: {reason}")]
    Certificates {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer in time.
    #[error("it gave no answer within {} ms; see why it is slow, or raise [store] timeout", .0.as_millis())]
    Slow(Duration),
    /// No answer before the run's time was over.
    #[error("it gave no answer before the deadline of the hook; see why it is slow, or raise the deadline")]
    Late,
    /// The variable for the password is empty.
    #[error("it needs the password in the environment variable {0}, which is not set")]
    PasswordMissing(String),
    /// It lets nobody in without a password, or not with this one.
    #[error("it refuses the login ({0}); check [store] username, and the variable that password_env names")]
    Login(String),
    /// The login may not do what is needed: what the server says, or the commands that it lacks.
    #[error(
        "the login may not do this ({0}); allow it the commands of docs/store.md on the keys of its namespace"
    )]
    Permission(String),
    /// A copy, which takes no writes.
    #[error("it is a replica and takes no writes; name the primary in [store] redis")]
    Replica,
    /// It has begun, and reads its data.
    #[error("it is still loading its data; try again when it is done")]
    Loading,
    /// No memory is left.
    #[error("it is out of memory ({0}); give it more, or remove what others keep there")]
    Memory(String),
    /// It refuses writes since it cannot save them.
    #[error("it takes no writes since it cannot save them ({0}); see its log, and its disk")]
    Disk(String),
    /// It refuses writes that too few replicas would copy.
    #[error("it takes no writes without its replicas ({0}); bring them back, or lower min-replicas-to-write")]
    Replicas(String),
    /// Another script runs too long.
    #[error("it is busy with another client's script; try again, or end that script there with SCRIPT KILL")]
    Busy,
    /// Another node of its cluster keeps our keys.
    #[error("another node of its cluster keeps the keys of this namespace: name {0} in [store] redis")]
    Elsewhere(String),
    /// A cluster that serves nobody, or moves our keys.
    #[error("its cluster does not serve this namespace now ({0}); try again, or see CLUSTER INFO there")]
    Cluster(String),
    /// A cluster has one database.
    #[error("it is a node of a cluster, which has no database but 0: take the number off [store] redis")]
    Database,
    /// Counters may vanish there.
    #[error(
        "it removes keys when its memory is full (maxmemory-policy {0}), so that no limit is hard there; set maxmemory-policy noeviction, or use a server that keeps what it is given"
    )]
    Evicting(String),
    /// No epoch: never made, or flushed.
    #[error(
        "namespace {namespace} holds no hookgate store: it was never made, or all keys were lost; `hookgate store init{loss}` makes one, which counts from zero"
    )]
    Missing {
        /// Whose keys are not there.
        namespace: String,
        /// ` --accept-loss` where this machine remembers one.
        loss: &'static str,
    },
    /// Older than what this machine has seen of it.
    #[error(
        "it has lost writes that it acknowledged ({0}): a stale replica was promoted, or a backup restored; \
         find the lost data, or run `hookgate store init --accept-loss` to go on with what is there"
    )]
    Behind(String),
    /// A later hookgate wrote it.
    #[error(
        "it holds a store of version {found}, and this hookgate knows {known}; use the newer hookgate that wrote it"
    )]
    Newer {
        /// Its version.
        found: String,
        /// What this program writes.
        known: u32,
    },
    /// Something else is kept under our names, or half of what we wrote.
    #[error(
        "what it holds is damaged, or not hookgate's ({0}); choose another [store] namespace, or restore it"
    )]
    Damaged(String),
    /// Clocks of server and scripts never agree.
    #[error("too many others change the same thing at once; try again")]
    Contended,
    /// Anything else that it says.
    #[error("{0}")]
    Other(String),
}

impl Fault {
    /// What an error of the library means.
    pub(super) fn of(error: &RedisError, timeout: Duration) -> Self {
        let said = said(error);
        match (error.kind(), error.code()) {
            _ if error.is_timeout() => Self::Slow(timeout),
            (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => Self::Replica,
            (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => Self::Loading,
            (ErrorKind::Server(ServerErrorKind::NoPerm), _) => Self::Permission(said),
            (ErrorKind::Server(ServerErrorKind::Moved), _) => match error.redirect_node() {
                Some((node, _)) => Self::Elsewhere(node.to_owned()),
                None => Self::Cluster(said),
            },
            (
                ErrorKind::Server(
                    ServerErrorKind::Ask
                    | ServerErrorKind::CrossSlot
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::TryAgain,
                ),
                _,
            ) => Self::Cluster(said),
            (ErrorKind::Server(ServerErrorKind::MasterDown), _) => Self::Replica,
            (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => Self::Login(said),
            (_, Some("OOM")) => Self::Memory(said),
            (_, Some("MISCONF")) => Self::Disk(said),
            (_, Some("NOREPLICAS")) => Self::Replicas(said),
            (_, Some("BUSY")) => Self::Busy,
            (_, Some("WRONGTYPE")) | (ErrorKind::UnexpectedReturnType | ErrorKind::Parse, _) => {
                Self::Damaged(said)
            }
            // Before Redis 7, what goes wrong within a script is told in a sentence about the script.
            (ErrorKind::Server(ServerErrorKind::ResponseError), _) => match said {
                said if said.contains("READONLY ") => Self::Replica,
                said if said.contains("OOM ") => Self::Memory(said),
                said if said.contains("MISCONF ") => Self::Disk(said),
                said if said.contains("NOREPLICAS ") => Self::Replicas(said),
                said if said.contains("executing the script can't") => Self::Permission(said),
                said if said.contains("invalid username-password")
                    || said.contains("without any password") =>
                {
                    Self::Login(said)
                }
                said if said.contains("SELECT is not allowed") => Self::Database,
                said => Self::Other(said),
            },
            (ErrorKind::Io, _) if said.contains("certificate") || said.contains("tls") => Self::Tls(said),
            (ErrorKind::Io, _) => Self::Unreachable(said),
            _ => Self::Other(said),
        }
    }
}

/// The server's own words, in one short line.
fn said(error: &RedisError) -> String {
    let said = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (None, Some(detail)) => detail.to_owned(),
        _ => error.to_string(),
    };
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    line.trim().to_owned()
}
