//! A Redis server under test, which is emptied for each history.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Harness, Place};
use crate::meter::store::Server;
use crate::meter::store::Store;
use crate::meter::store::redis::RedisStore;
use crate::meter::store::redis_server::RedisServer;

thread_local! {
    /// One server a test: a thread's values are dropped where it ends.
    static SERVER: RedisServer = RedisServer::start();
}

pub(super) struct Redis {
    server: Server,
    /// What one machine remembers.
    directory: tempfile::TempDir,
    clock: Arc<AtomicU64>,
}

impl Harness for Redis {
    const PLACE: Place = Place { is_shared: true, notices_death: false, leases_by_clock: true };

    fn new(clock: u64) -> Self {
        let address = SERVER.with(|server| {
            server.say("FLUSHALL");
            server.address()
        });
        let server = Server {
            namespace: "game".parse().unwrap(),
            timeout: Duration::from_secs(10),
            // The clock jumps by decades, and the rows are to outlast it.
            keep: Duration::from_secs(100 * 366 * 86_400),
            ..Server::at(address.parse().unwrap())
        };
        let directory = tempfile::tempdir().unwrap();
        RedisStore::init(directory.path(), &server, false, Some(Box::new(move || clock))).unwrap();
        Self { server, directory, clock: Arc::new(AtomicU64::new(clock)) }
    }

    fn set_clock(&self, clock: u64) {
        self.clock.store(clock, Ordering::SeqCst);
    }

    fn open(&self, run: &str) -> Box<dyn Store> {
        let clock = Arc::clone(&self.clock);
        let read = Box::new(move || clock.load(Ordering::SeqCst));
        Box::new(RedisStore::open(self.directory.path(), &self.server, run, Some(read), None).unwrap())
    }

    fn crash(&self, _run: &str, store: Box<dyn Store>) {
        drop(store);
    }
}

impl Drop for Redis {
    /// No key is left without a time to live, whatever has happened.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        SERVER.with(|server| {
            let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut server.connect()).unwrap();
            assert!(!keys.is_empty());
            let mut ask = redis::pipe();
            for key in &keys {
                assert!(key.starts_with("{hg:game}:"), "{key}");
                ask.cmd("PTTL").arg(key);
            }
            let left: Vec<i64> = ask.query(&mut server.connect()).unwrap();
            let immortal: Vec<_> = keys.iter().zip(left).filter(|&(_, left)| left <= 0).collect();
            assert!(immortal.is_empty(), "{immortal:?}");
        });
    }
}
