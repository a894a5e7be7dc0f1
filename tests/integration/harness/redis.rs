//! A Redis server of a test's own: `redis-server` from the PATH on a socket in a temporary directory,
//! and on a port of loopback where the test wants one. It is killed when it is dropped.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "unit and integration tests share this file, and neither uses all"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server.
pub struct RedisServer {
    child: Child,
    directory: tempfile::TempDir,
    port: u16,
}

impl RedisServer {
    /// Starts one that keeps nothing on disk, and listens on its socket alone.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with further arguments: `["--requirepass", "…"]`.
    pub fn with(arguments: &[&str]) -> Self {
        Self::try_start(tempfile::tempdir().unwrap(), 0, arguments).expect("redis-server starts")
    }

    /// Starts one on a free port of loopback too.
    pub fn on_a_port(arguments: &[&str]) -> Self {
        Self::on_a_port_in(tempfile::tempdir().unwrap(), arguments)
    }

    /// [`on_a_port`](Self::on_a_port), in a directory that holds files for it.
    pub fn on_a_port_in(directory: tempfile::TempDir, arguments: &[&str]) -> Self {
        // Another process may take the port between the two lines.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        Self::try_start(directory, free, arguments).expect("redis-server starts on a free port")
    }

    fn try_start(directory: tempfile::TempDir, port: u16, arguments: &[&str]) -> Result<Self, String> {
        let is_tls = arguments.contains(&"--tls-cert-file");
        let mut command = Command::new("redis-server");
        command
            .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--unixsocket"])
            .arg(directory.path().join("redis.sock"))
            .arg(if is_tls { "--tls-port" } else { "--port" })
            .arg(port.to_string())
            .arg("--dir")
            .arg(directory.path())
            .args(arguments);
        if is_tls {
            command.args(["--port", "0"]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| {
            format!("redis-server cannot be run ({error}): install it, the tests need it on the PATH")
        })?;
        let mut log = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut said = String::new();
        loop {
            let before = said.len();
            if log.read_line(&mut said).map_err(|error| error.to_string())? == 0 {
                let _ = child.wait();
                return Err(format!("redis-server ended:\n{said}"));
            }
            if said[before..].contains("eady to accept connections") {
                break;
            }
        }
        // What it goes on to say must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut log.by_ref(), &mut std::io::sink()));
        Ok(Self { child, directory, port })
    }

    /// Its socket, as the user's file names it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.directory.path().join("redis.sock").display())
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection of the test's own.
    pub fn connect(&self) -> redis::Connection {
        redis::Client::open(self.address()).unwrap().get_connection().unwrap()
    }

    /// Sends one command: `server.say("CONFIG SET maxmemory 1")`.
    pub fn say(&self, command: &str) -> redis::Value {
        self.try_say(command).unwrap()
    }

    /// Sends one command that may be refused.
    pub fn try_say(&self, command: &str) -> redis::RedisResult<redis::Value> {
        let mut words = command.split(' ');
        let mut built = redis::cmd(words.next().unwrap());
        for word in words {
            built.arg(word);
        }
        built.query(&mut self.connect())
    }

    /// Stops it as it stands, so that it answers nothing until [`go_on`](Self::go_on).
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Kills it, and leaves its files.
    pub fn kill(mut self) -> PathBuf {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.directory.path().to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It is killed even while it is stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
