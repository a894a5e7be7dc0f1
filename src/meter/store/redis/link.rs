//! The connection to a server: opened when it is first needed, and answering within a time that is
//! known.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{
    Client, Cmd, Connection, ConnectionAddr, FromRedisValue, Pipeline, RedisResult, Script, TlsCertificates,
    ToRedisArgs,
};

use super::fault::Fault;
use super::server::Server;
use crate::meter::store::StoreError;
use crate::meter::store::patience::Patience;

/// A connection that is opened when it is first used, and anew when the server has closed it.
pub(crate) struct Link {
    server: Server,
    patience: Patience,
    connection: Option<Connection>,
    /// That an answer has not come in time. No further one is waited for: a hook that waits for each of
    /// its steps misses its deadline.
    given_up: Option<Fault>,
}

impl Link {
    /// A connection to `server`, which is not opened yet. Answers are waited for as long as the server is
    /// given for each, and not after `until`.
    pub(crate) fn new(server: Server, until: Option<Instant>) -> Self {
        let patience = Patience { each: server.timeout, until };
        Self { server, patience, connection: None, given_up: None }
    }

    /// The server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// [`StoreError::Redis`], with what to do about it.
    pub(crate) fn command<T>(&mut self, command: &Cmd) -> Result<T, StoreError>
    where
        T: FromRedisValue + Send + 'static,
    {
        let command = command.clone();
        self.attempt(move |connection| command.query(connection))
    }

    /// Sends commands together and waits for their answers.
    ///
    /// # Errors
    /// [`StoreError::Redis`], with what to do about it.
    pub(crate) fn commands<T>(&mut self, commands: &Pipeline) -> Result<T, StoreError>
    where
        T: FromRedisValue + Send + 'static,
    {
        let commands = commands.clone();
        self.attempt(move |connection| commands.query(connection))
    }

    /// Runs a script by its hash, and sends its text where the server does not know it, or no
    /// longer.
    ///
    /// # Errors
    /// [`StoreError::Redis`], with what to do about it.
    pub(crate) fn run<T>(
        &mut self,
        script: &Script,
        keys: &[String],
        arguments: &[impl ToRedisArgs + Clone + Send + 'static],
    ) -> Result<T, StoreError>
    where
        T: FromRedisValue + Send + 'static,
    {
        let (script, keys, arguments) = (script.clone(), keys.to_vec(), arguments.to_vec());
        self.attempt(move |connection| {
            let mut invocation = script.prepare_invoke();
            invocation.key(&keys).arg(&arguments);
            invocation.invoke(connection)
        })
    }

    /// What has gone wrong, as the store says it.
    pub(crate) fn failed(&self, fault: Fault) -> StoreError {
        StoreError::Redis { place: self.server.address.to_string(), fault }
    }

    /// Does `step`, and once more on a new connection where an old one turns out to be closed: a
    /// server or a firewall ends what is silent for as long as a model thinks. Every step can
    /// therefore be done twice without harm.
    fn attempt<T: Send + 'static>(
        &mut self,
        step: impl Fn(&mut Connection) -> RedisResult<T> + Clone + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(fault) = &self.given_up {
            return Err(self.failed(fault.clone()));
        }
        let timeout = self.server.timeout;
        let result = self.answer(step).and_then(|answer| answer.map_err(|error| Fault::of(&error, timeout)));
        result.map_err(|fault| {
            let fault = match fault {
                Fault::Slow(_) if self.patience.left().is_zero() => Fault::Late,
                fault => fault,
            };
            self.given_up = matches!(fault, Fault::Slow(_) | Fault::Late).then(|| fault.clone());
            self.failed(fault)
        })
    }

    fn answer<T: Send + 'static>(
        &mut self,
        step: impl Fn(&mut Connection) -> RedisResult<T> + Clone + Send + 'static,
    ) -> Result<RedisResult<T>, Fault> {
        if let Some(connection) = self.connection.take() {
            match self.ask(connection, step.clone())? {
                Err(error) if error.is_connection_dropped() => {}
                answer => return Ok(answer),
            }
        }
        self.ask(connect(&self.server, self.patience.left())?, step)
    }

    /// Does `step` on a connection, and keeps it, unless an answer may still be on its way that a
    /// later question would take for its own.
    fn ask<T: Send + 'static>(
        &mut self,
        mut connection: Connection,
        step: impl Fn(&mut Connection) -> RedisResult<T> + Send + 'static,
    ) -> Result<RedisResult<T>, Fault> {
        let (connection, answer) = within(self.patience.left(), move || {
            let answer = step(&mut connection);
            (connection, answer)
        })?;
        let is_usable =
            !matches!(&answer, Err(error) if error.is_io_error() || error.is_unrecoverable_error());
        self.connection = is_usable.then_some(connection);
        Ok(answer)
    }
}

/// Opens a connection and logs in, within `patience`.
fn connect(server: &Server, patience: Duration) -> Result<Connection, Fault> {
    let timeout = server.timeout;
    let client = client(server)?;
    let connected = within(patience, move || {
        let connection = client.get_connection_with_timeout(timeout)?;
        // Ends the thread of a step that nobody waits for any more.
        connection.set_read_timeout(Some(timeout))?;
        connection.set_write_timeout(Some(timeout))?;
        Ok(connection)
    })?;
    connected.map_err(|error| Fault::of(&error, timeout))
}

/// Does what cannot be interrupted in another thread, which is left behind where it takes too long:
/// names are looked up and hands shaken without an end, and the limit of a socket is one of each read,
/// of which a server may make an answer last as many as it likes.
fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    if patience.is_zero() {
        return Err(Fault::Slow(patience));
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let work = move || {
        // Nobody listens any more where it has taken too long.
        let _ = sender.send(work());
    };
    let spawned = thread::Builder::new().name("redis".to_owned()).spawn(work);
    spawned.map_err(|error| Fault::Other(format!("no thread can be started: {error}")))?;
    receiver.recv_timeout(patience).map_err(|error| match error {
        RecvTimeoutError::Timeout => Fault::Slow(patience),
        RecvTimeoutError::Disconnected => Fault::Other("its thread has ended".to_owned()),
    })
}

fn client(server: &Server) -> Result<Client, Fault> {
    let other = |error: redis::RedisError| Fault::of(&error, server.timeout);
    let info = server.address.connection().map_err(other)?;
    let mut login = info.redis_settings().clone().set_lib_name("hookgate", env!("CARGO_PKG_VERSION"));
    if let Some(username) = &server.username {
        login = login.set_username(username);
    }
    if let Some(password) = &server.password {
        let value =
            password.value.as_ref().ok_or_else(|| Fault::PasswordMissing(password.variable.clone()))?;
        login = login.set_password(value);
    }
    let info = info.set_redis_settings(login);
    let Some(path) = server.ca_file.as_ref().filter(|_| matches!(info.addr(), ConnectionAddr::TcpTls { .. }))
    else {
        return Client::open(info).map_err(other);
    };
    let unusable = |reason: String| Fault::Certificates { path: path.display().to_string(), reason };
    let root_cert = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(root_cert) };
    Client::build_with_tls(info, certificates).map_err(|error| unusable(error.to_string()))
}
