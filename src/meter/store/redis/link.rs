//! The connection to a server: opened when it is first needed, within a time that is known.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use redis::{
    Client, Cmd, Connection, ConnectionAddr, FromRedisValue, Pipeline, RedisResult, Script, TlsCertificates,
    ToRedisArgs,
};

use super::fault::Fault;
use super::server::Server;
use crate::meter::store::StoreError;

/// A connection that is opened when it is first used, and anew when the server has closed it.
pub(crate) struct Link {
    server: Server,
    connection: Option<Connection>,
}

impl Link {
    /// A connection to `server`, which is not opened yet.
    pub(crate) fn new(server: Server) -> Self {
        Self { server, connection: None }
    }

    /// The server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// [`StoreError::Redis`], with what to do about it.
    pub(crate) fn command<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, StoreError> {
        self.attempt(|connection| command.query(connection))
    }

    /// Sends commands together and waits for their answers.
    ///
    /// # Errors
    /// [`StoreError::Redis`], with what to do about it.
    pub(crate) fn commands<T: FromRedisValue>(&mut self, commands: &Pipeline) -> Result<T, StoreError> {
        self.attempt(|connection| commands.query(connection))
    }

    /// Runs a script by its hash, and sends its text where the server does not know it, or no
    /// longer.
    ///
    /// # Errors
    /// [`StoreError::Redis`], with what to do about it.
    pub(crate) fn run<T: FromRedisValue>(
        &mut self,
        script: &Script,
        keys: &[String],
        arguments: &[impl ToRedisArgs],
    ) -> Result<T, StoreError> {
        let mut invocation = script.prepare_invoke();
        invocation.key(keys).arg(arguments);
        self.attempt(|connection| invocation.invoke(connection))
    }

    /// What has gone wrong, as the store says it.
    pub(crate) fn failed(&self, fault: Fault) -> StoreError {
        StoreError::Redis { place: self.server.address.to_string(), fault }
    }

    /// Does `step`, and once more on a new connection where an old one turns out to be closed: a
    /// server or a firewall ends what is silent for as long as a model thinks. Every step can
    /// therefore be done twice without harm.
    fn attempt<T>(
        &mut self,
        mut step: impl FnMut(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, StoreError> {
        if let Some(mut connection) = self.connection.take() {
            match step(&mut connection) {
                Err(error) if error.is_connection_dropped() => {}
                result => return self.finish(connection, result),
            }
        }
        let mut connection = connect(&self.server).map_err(|fault| self.failed(fault))?;
        let result = step(&mut connection);
        self.finish(connection, result)
    }

    /// Keeps the connection, unless an answer may still be on its way that a later question would
    /// take for its own.
    fn finish<T>(&mut self, connection: Connection, result: RedisResult<T>) -> Result<T, StoreError> {
        let is_usable =
            !matches!(&result, Err(error) if error.is_io_error() || error.is_unrecoverable_error());
        self.connection = is_usable.then_some(connection);
        result.map_err(|error| self.failed(Fault::of(&error, self.server.timeout)))
    }
}

/// Opens a connection and logs in, within the server's timeout: looking a name up and shaking hands
/// cannot be interrupted, so another thread waits for them, and is left behind where it takes too
/// long.
fn connect(server: &Server) -> Result<Connection, Fault> {
    let timeout = server.timeout;
    let client = client(server)?;
    let (sender, receiver) = mpsc::channel();
    let connect = move || {
        // Nobody listens any more where it has taken too long.
        let _ = sender.send(client.get_connection_with_timeout(timeout));
    };
    let spawned = thread::Builder::new().name("redis".to_owned()).spawn(connect);
    spawned.map_err(|error| Fault::Other(format!("no thread can be started: {error}")))?;
    let limited = |connection: Connection| {
        connection.set_read_timeout(Some(timeout))?;
        connection.set_write_timeout(Some(timeout))?;
        Ok(connection)
    };
    match receiver.recv_timeout(timeout) {
        Ok(connected) => connected.and_then(limited).map_err(|error| Fault::of(&error, timeout)),
        Err(RecvTimeoutError::Timeout) => Err(Fault::Slow(timeout)),
        Err(RecvTimeoutError::Disconnected) => Err(Fault::Other("its thread has ended".to_owned())),
    }
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
