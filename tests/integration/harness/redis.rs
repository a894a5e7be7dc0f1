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
use std::time::{Duration, Instant};

/// How long a server may take to come to what was asked of it.
const PATIENCE: Duration = Duration::from_secs(60);

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
        Self::try_start(directory, free_port(), arguments).expect("redis-server starts on a free port")
    }

    /// Starts a node of a cluster of its own, which has no slots yet.
    pub fn node() -> Self {
        let bus = free_port().to_string();
        Self::on_a_port(&["--cluster-enabled", "yes", "--cluster-port", &bus])
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

    /// Sends a command that is answered late or never.
    fn begin(&self, command: &'static [&'static str]) {
        let mut connection = self.connect();
        std::thread::spawn(move || {
            let mut built = redis::cmd(command[0]);
            let _: redis::RedisResult<redis::Value> = built.arg(&command[1..]).query(&mut connection);
        });
    }

    /// Waits until it answers `command` with a text that contains `said`, be it an error.
    pub fn await_answer(&self, command: &str, said: &str) {
        let answer = || match self.try_say(command) {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{} {}", error.code().unwrap_or_default(), error),
        };
        let end = Instant::now() + PATIENCE;
        let mut last = answer();
        while !last.contains(said) {
            assert!(Instant::now() < end, "{command}: {said:?} is not in {last:?}");
            std::thread::yield_now();
            last = answer();
        }
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

/// A port that is free now: another process may take it before it is used.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A state in which a server refuses steps.
pub struct State {
    /// What the server calls it.
    pub code: &'static str,
    /// What a user reads of it.
    pub told: &'static str,
    /// Brings a server there.
    pub enter: fn(&RedisServer),
    /// Brings it back.
    pub leave: fn(&RedisServer),
    /// Whether it can be read meanwhile.
    pub is_readable: bool,
    /// Whether what was sent can be settled meanwhile.
    pub settles: bool,
}

/// What a server that is to be brought into any of [`STATES`] is started with.
pub const ABLE: [&str; 4] = ["--enable-debug-command", "yes", "--busy-reply-threshold", "1"];

/// States that a server says of itself.
pub const STATES: [State; 8] = [
    State {
        code: "READONLY",
        told: "it is a replica and takes no writes; name the primary",
        enter: |server| drop(server.say("REPLICAOF 127.0.0.1 1")),
        leave: |server| drop(server.say("REPLICAOF NO ONE")),
        is_readable: true,
        settles: false,
    },
    State {
        code: "MASTERDOWN",
        told: "it is a replica and takes no writes; name the primary",
        enter: |server| {
            server.say("CONFIG SET replica-serve-stale-data no");
            server.say("REPLICAOF 127.0.0.1 1");
        },
        leave: |server| drop(server.say("REPLICAOF NO ONE")),
        is_readable: false,
        settles: false,
    },
    State {
        code: "NOREPLICAS",
        told: "bring them back, or lower min-replicas-to-write",
        enter: |server| drop(server.say("CONFIG SET min-replicas-to-write 1")),
        leave: |server| drop(server.say("CONFIG SET min-replicas-to-write 0")),
        is_readable: true,
        settles: false,
    },
    State {
        code: "OOM",
        told: "out of memory",
        enter: |server| drop(server.say("CONFIG SET maxmemory 1")),
        leave: |server| drop(server.say("CONFIG SET maxmemory 0")),
        is_readable: true,
        settles: true,
    },
    State {
        code: "MISCONF",
        told: "it cannot save them",
        enter: |server| {
            // A snapshot is moved into place, where a directory stands.
            std::fs::create_dir_all(server.directory().join("dump.rdb/full")).unwrap();
            let mut save = redis::cmd("CONFIG");
            let () = save.arg("SET").arg("save").arg("3600 1").query(&mut server.connect()).unwrap();
            server.say("BGSAVE");
            server.await_answer("INFO persistence", "rdb_last_bgsave_status:err");
        },
        leave: |server| {
            std::fs::remove_dir_all(server.directory().join("dump.rdb")).unwrap();
            server.say("BGSAVE");
            server.await_answer("INFO persistence", "rdb_last_bgsave_status:ok");
        },
        is_readable: true,
        settles: false,
    },
    State {
        code: "NOPERM",
        told: "the login may not do this (it lacks HINCRBY, ZADD)",
        enter: |server| drop(server.say("ACL SETUSER default -hincrby -zadd")),
        leave: |server| drop(server.say("ACL SETUSER default +hincrby +zadd")),
        is_readable: true,
        settles: false,
    },
    State {
        code: "BUSY",
        told: "end that script there with SCRIPT KILL",
        enter: |server| {
            server.begin(&["EVAL", "while true do end", "0"]);
            server.await_answer("PING", "BUSY");
        },
        leave: |server| {
            server.say("SCRIPT KILL");
            server.await_answer("PING", "PONG");
        },
        is_readable: false,
        settles: false,
    },
    State {
        code: "LOADING",
        told: "it is still loading its data; try again",
        enter: |server| {
            server.say("DEBUG POPULATE 5000 some 1000");
            // It looks after its clients with every key, which takes it 20 ms until it is told otherwise.
            server.say("CONFIG SET rdbcompression no");
            server.say("CONFIG SET loading-process-events-interval-bytes 1024");
            server.say("CONFIG SET key-load-delay 20000");
            server.begin(&["DEBUG", "RELOAD"]);
            server.await_answer("GET some:1", "LOADING");
        },
        leave: |server| {
            server.say("CONFIG SET key-load-delay 0");
            server.await_answer("GET some:1", "value");
        },
        is_readable: false,
        settles: false,
    },
];
