//! Faults of a real server, what becomes of requests through them, and a race.

mod states;

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::meter::budget::{Budget, BudgetError, Charge, Estimate};
use crate::meter::denial::Denial;
use crate::meter::price::Price;
use crate::meter::spool::Spool;
use crate::meter::store::redis_server::RedisServer;
use crate::meter::store::{Place, State};
use crate::meter::{Limit, Scope, Unit, Window};
use crate::tokens::Usage;

const LEASE: Duration = Duration::from_secs(150);

/// A machine with a memory of its own.
struct Machine {
    directory: tempfile::TempDir,
    server: Server,
}

impl Machine {
    fn of(address: &str) -> Self {
        let server = Server { timeout: Duration::from_secs(5), ..Server::at(address.parse().unwrap()) };
        Self { directory: tempfile::tempdir().unwrap(), server }
    }

    /// A machine of a server whose store is made.
    fn on(server: &RedisServer) -> Self {
        let machine = Self::of(&server.address());
        machine.init(false).unwrap();
        machine
    }

    fn init(&self, accept_loss: bool) -> Result<Made, StoreError> {
        self.place().init(accept_loss)
    }

    fn place(&self) -> Place {
        Place { directory: self.directory.path().to_owned(), redis: Some(self.server.clone()) }
    }

    fn open(&self) -> Result<RedisStore, StoreError> {
        RedisStore::open(self.directory.path(), &self.server, &nonce(), None, None)
    }

    fn fault(&self) -> Fault {
        match self.open() {
            Err(StoreError::Redis { fault, .. }) => fault,
            other => panic!("{:?}", other.err()),
        }
    }
}

fn fault<T>(result: Result<T, StoreError>) -> Fault {
    match result {
        Err(StoreError::Redis { fault, .. }) => fault,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it went well"),
    }
}

fn estimate(tokens: u64, price: Option<Price>) -> Estimate {
    Estimate {
        input: tokens,
        output: 0,
        price,
        provider: "openai".into(),
        model: "gpt".into(),
        tier: "remote".into(),
        counted_input: tokens,
        because: "first".into(),
        breaker: "closed",
        raw_tokens: 0,
        payload_tokens: 0,
        payload_hash: String::new(),
    }
}

fn attribution() -> Attribution {
    Attribution {
        user: "ada".into(),
        repository: "a } b:c".into(),
        stage: "ci".into(),
        ..Attribution::default()
    }
}

fn reserve(store: &RedisStore, id: &str, tokens: u64, limits: &Limits) -> Result<Admission, StoreError> {
    let (estimate, attribution) = (estimate(tokens, None), attribution());
    store.reserve(&Request { id, attribution: &attribution, estimate: &estimate, lease: LEASE }, limits)
}

fn day(most: u64) -> Limits {
    Limits::new(vec![Limit { window: Window::Day, scope: Scope::User, unit: Unit::Tokens, most }])
}

fn settlement(input: u64) -> Settlement<'static> {
    Settlement {
        full: false,
        usage: Usage { input, source: UsageSource::Reported, ..Usage::default() },
        cost: None,
        energy: None,
        outcome: "ok",
        latency: Some(Duration::from_millis(7)),
    }
}

fn used_today(store: &RedisStore) -> Totals {
    store.totals(&attribution()).unwrap().scopes[&Scope::User].day
}

#[test]
fn a_store_is_made_on_purpose_and_once() {
    let server = RedisServer::start();
    let machine = Machine::of(&server.address());
    assert!(matches!(machine.fault(), Fault::Missing { loss: "", .. }));
    assert_eq!(machine.init(false).unwrap(), Made::New);
    assert_eq!(machine.init(true).unwrap(), Made::Kept);
    let store = machine.open().unwrap();
    reserve(&store, "a", 10, &day(10)).unwrap();

    // Flushed: nobody makes it anew by the way.
    server.say("FLUSHALL");
    assert!(matches!(fault(reserve(&store, "b", 10, &day(10))), Fault::Missing { .. }));
    assert!(matches!(fault(store.update("cell", &mut |_, _| Some("x".into()))), Fault::Missing { .. }));
    assert!(matches!(machine.fault(), Fault::Missing { .. }));
    assert!(matches!(fault(machine.init(false)), Fault::Missing { .. }));
    assert_eq!(machine.init(true).unwrap(), Made::New);
    // The run that was under way goes on in the new epoch.
    assert_eq!(reserve(&store, "b", 10, &day(10)).unwrap(), Admission::Granted);
}

/// A granted request whose answer was lost, and which is asked for again on the next day.
#[test]
fn a_request_that_is_asked_for_again_after_midnight_is_of_the_day_before() {
    const MIDNIGHT: u64 = 1_795_910_400_000;
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let clock = std::sync::Arc::new(AtomicU64::new(MIDNIGHT - 1_000));
    let open = |run: &str| {
        let clock = std::sync::Arc::clone(&clock);
        let read = Box::new(move || clock.load(Ordering::SeqCst));
        RedisStore::open(machine.directory.path(), &machine.server, run, Some(read), None).unwrap()
    };
    let (store, other) = (open("one"), open("other"));
    let limits = day(100);
    for id in ["released", "settled"] {
        assert_eq!(reserve(&store, id, 40, &limits).unwrap(), Admission::Granted);
    }
    clock.store(MIDNIGHT + 1_000, Ordering::SeqCst);
    assert_eq!(reserve(&other, "of the new day", 100, &limits).unwrap(), Admission::Granted);
    for id in ["released", "settled"] {
        assert_eq!(reserve(&store, id, 40, &limits).unwrap(), Admission::Granted);
    }
    store.release("released").unwrap();
    store.dispatch("settled", LEASE).unwrap();
    store.settle("settled", &settlement(30)).unwrap();
    let today = used_today(&other);
    assert_eq!((today.used, today.reserved), (0, 100));
    assert!(matches!(reserve(&other, "one more", 1, &limits).unwrap(), Admission::Denied(_)));
}

#[test]
fn what_was_lost_is_charged_when_it_is_settled() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    let limits = day(100);
    for id in ["a", "b", "c"] {
        reserve(&store, id, 30, &limits).unwrap();
    }
    store.dispatch("a", LEASE).unwrap();
    store.dispatch("b", LEASE).unwrap();
    server.say("FLUSHALL");
    // A flushed store makes no call, and still takes the truth.
    store.settle("a", &settlement(40)).unwrap();
    machine.init(true).unwrap();
    store.settle("b", &settlement(25)).unwrap();
    store.settle("b", &settlement(99)).unwrap();
    assert!(
        matches!(store.settle("c", &settlement(1)), Err(StoreError::Transition { .. })),
        "it was never sent"
    );
    assert_eq!(used_today(&store).used, 65);
    assert_eq!(used_today(&store).reserved, 0);
    let ledger = store.ledger(0).unwrap();
    let told: Vec<_> = ledger.iter().map(|row| (row.id.as_str(), row.state, row.latency_ms)).collect();
    assert_eq!(told, [("a", State::Settled, Some(7)), ("b", State::Settled, Some(7))]);
    assert_eq!(ledger[0].attribution, attribution());
    let denied = reserve(&store, "d", 36, &limits).unwrap();
    assert!(matches!(denied, Admission::Denied(Denial::Limit { used: 65, reserved: 0, asked: 36, .. })));
}

#[test]
fn what_was_lost_is_charged_by_another_process_too() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    reserve(&store, "a", 30, &day(100)).unwrap();
    store.dispatch("a", LEASE).unwrap();
    let spool = Spool::of(&machine.place());
    spool.keep(&store, "a", &settlement(40), None).unwrap();
    drop(store);
    server.say("FLUSHALL");
    machine.init(true).unwrap();
    let store = machine.open().unwrap();
    for _ in 0..2 {
        spool.replay(&store).unwrap();
        assert_eq!(used_today(&store).used, 40);
    }
    assert_eq!(store.ledger(0).unwrap()[0].attribution, attribution());
}

#[test]
fn a_stale_replica_is_noticed_by_who_saw_more() {
    let server = RedisServer::start();
    let (seen, fresh) = (Machine::on(&server), Machine::of(&server.address()));
    let store = seen.open().unwrap();
    let root = seen.server.key("root");
    let stale = |command: &str| server.say(&command.replace("ROOT", &root));
    reserve(&store, "a", 10, &day(100)).unwrap();
    reserve(&store, "b", 10, &day(100)).unwrap();
    // As a replica has it that lags two steps behind.
    stale("HINCRBY ROOT seq -2");
    assert!(matches!(fault(reserve(&store, "c", 10, &day(100))), Fault::Behind(_)));
    assert!(matches!(fault(store.dispatch("a", LEASE)), Fault::Behind(_)));
    assert!(matches!(seen.fault(), Fault::Behind(_)));
    assert!(matches!(fault(seen.init(false)), Fault::Behind(_)));
    // Who has seen nothing cannot know.
    drop(fresh.open().unwrap());
    assert_eq!(seen.init(true).unwrap(), Made::Accepted);
    assert_eq!(reserve(&store, "c", 10, &day(100)).unwrap(), Admission::Granted);
    assert_eq!(used_today(&store).reserved, 30);
    // Other machines go on in the new epoch.
    drop(fresh.open().unwrap());
    // A backup from before it.
    stale("HSET ROOT epoch 000000000000001-0");
    assert!(matches!(fresh.fault(), Fault::Behind(_)));
}

#[test]
fn scripts_are_sent_again_where_they_were_forgotten() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    reserve(&store, "a", 10, &Limits::default()).unwrap();
    server.say("SCRIPT FLUSH");
    store.dispatch("a", LEASE).unwrap();
    // A connection that was closed while a model thought.
    server.say("CLIENT KILL TYPE normal SKIPME yes");
    store.settle("a", &settlement(9)).unwrap();
    assert_eq!(used_today(&store).used, 9);
}

#[test]
fn an_error_teaches_nothing_of_how_a_model_counts() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    reserve(&store, "a", 10, &day(10)).unwrap();
    store.dispatch("a", LEASE).unwrap();
    store.settle("a", &Settlement { outcome: "rejected", ..settlement(9) }).unwrap();
    assert_eq!(store.experience("openai", "gpt", 9).unwrap(), []);
    assert_eq!(used_today(&store).used, 9, "it is charged all the same");
}

#[test]
fn what_counts_as_free_is_stopped_by_a_limit_in_money_that_is_crossed() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    let limit = Limit { window: Window::Day, scope: Scope::User, unit: Unit::Money, most: 100 };
    let (limits, attribution) = (Limits::new(vec![limit]), attribution());
    let reserve = |id| {
        let estimate = estimate(10, Some(Price::local()));
        let request = Request { id, attribution: &attribution, estimate: &estimate, lease: LEASE };
        store.reserve(&request, &limits).unwrap()
    };
    for (id, cost) in [("a", 100), ("b", 1)] {
        // What is used up is not crossed, and nothing is asked for.
        assert_eq!(reserve(id), Admission::Granted, "{id}");
        store.dispatch(id, LEASE).unwrap();
        store.settle(id, &Settlement { cost: Some(PicoUsd(cost)), ..settlement(9) }).unwrap();
    }
    let Admission::Denied(Denial::Limit { used, asked, limit, .. }) = reserve("c") else { panic!("granted") };
    assert_eq!((used, asked, limit), (101, 0, 100));
}

#[test]
fn a_silent_server_is_waited_for_as_long_as_is_said() {
    let server = RedisServer::start();
    let mut machine = Machine::on(&server);
    machine.server.timeout = Duration::from_millis(50);
    let store = machine.open().unwrap();
    server.stop();
    assert_eq!(fault(reserve(&store, "a", 10, &day(10))), Fault::Slow(Duration::from_millis(50)));
    assert_eq!(machine.fault(), Fault::Slow(Duration::from_millis(50)));
    server.go_on();
    // It has read the first question meanwhile; asked again, it is the same request.
    machine.server.timeout = Duration::from_secs(5);
    let patient =
        RedisStore::open(machine.directory.path(), &machine.server, &store.run, None, None).unwrap();
    assert_eq!(reserve(&patient, "a", 10, &day(10)).unwrap(), Admission::Granted);
    assert_eq!(used_today(&patient).reserved, 10);

    let address = server.address();
    drop(server);
    assert!(matches!(Machine::of(&address).fault(), Fault::Unreachable(_)));
    let nobody = Machine::of("redis://127.0.0.1:1");
    assert!(matches!(nobody.fault(), Fault::Unreachable(_)));
}

/// Each read of its answer comes in time, and the answer never ends.
#[test]
fn a_server_that_drips_is_waited_for_as_long_as_is_said_and_once() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut machine = Machine::of(&format!("redis://{}", listener.local_addr().unwrap()));
    machine.server.timeout = Duration::from_millis(200);
    let asked = std::sync::Arc::new(AtomicU64::new(0));
    let count = std::sync::Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                // The login.
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"+OK\r\n+OK\r\n");
                let _ = stream.read(&mut [0; 1024]);
                while stream.write_all(b"$1000000\r\n").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    let mut link = Link::new(machine.server.clone(), None);
    for _ in 0..3 {
        assert_eq!(fault(link.command::<String>(&redis::cmd("PING"))), Fault::Slow(machine.server.timeout));
    }
    // What has not answered once is not asked again by the same process.
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// A process that was stopped while it used what this machine remembers.
#[test]
fn a_memory_that_another_process_holds_is_waited_for_as_long_as_is_said() {
    let server = RedisServer::start();
    let mut machine = Machine::on(&server);
    machine.server.timeout = Duration::from_millis(50);
    let files = std::fs::read_dir(machine.directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let lock = files.into_iter().find(|path| path.extension().is_some_and(|it| it == "lock")).unwrap();
    let turn = std::fs::File::open(lock).unwrap();
    turn.lock().unwrap();
    assert!(matches!(machine.open(), Err(StoreError::Locked { waited_ms: 50, .. })));
    drop(turn);
}

#[test]
fn amounts_beyond_the_integers_of_a_double_are_exact() {
    const BIG: u64 = (1 << 53) + 1;
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    let held = |most| reserve(&store, &nonce(), 1, &day(most)).unwrap();
    assert_eq!(reserve(&store, "a", BIG, &day(BIG)).unwrap(), Admission::Granted);
    assert_eq!(used_today(&store).reserved, BIG);
    assert!(matches!(held(BIG), Admission::Denied(Denial::Limit { used: 0, reserved: BIG, asked: 1, .. })));
    assert_eq!(held(BIG + 1), Admission::Granted);
    store.dispatch("a", LEASE).unwrap();
    store.settle("a", &settlement(BIG + 2)).unwrap();
    assert_eq!(used_today(&store).used, BIG + 2);
    assert!(matches!(held(BIG + 3), Admission::Denied(_)));
    assert_eq!(held(BIG + 4), Admission::Granted);
    // At the end of the server's integers it saturates, and denies.
    assert_eq!(reserve(&store, "b", u64::MAX, &Limits::default()).unwrap(), Admission::Granted);
    assert!(matches!(held(i64::MAX.unsigned_abs()), Admission::Denied(_)));
}

#[test]
fn racing_machines_never_overspend() {
    const LIMIT: u64 = 1_600;
    let server = RedisServer::start();
    Machine::on(&server);
    let sent = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let machine = Machine::of(&server.address());
                let budget = Budget::open(&machine.place(), day(LIMIT), attribution()).unwrap();
                for _ in 0..10 {
                    match budget.reserve(&estimate(100, None)) {
                        Ok(reservation) => {
                            let dispatched = reservation.dispatch().unwrap();
                            sent.fetch_add(100, Ordering::SeqCst);
                            let usage =
                                Usage { input: 100, source: UsageSource::Reported, ..Usage::default() };
                            dispatched.settle(Charge::Usage(usage), "ok", Duration::ZERO).unwrap();
                        }
                        Err(BudgetError::Denied(Denial::Limit { window: Window::Day, .. })) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(sent.load(Ordering::SeqCst), LIMIT);
}

#[test]
fn racing_changes_of_a_cell_are_all_made() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = machine.open().unwrap();
                for _ in 0..10 {
                    let mut count = |_, text: Option<&str>| {
                        Some((text.map_or(0, |text| text.parse::<u32>().unwrap()) + 1).to_string())
                    };
                    store.update("count", &mut count).unwrap();
                }
            });
        }
    });
    assert_eq!(machine.open().unwrap().cells("").unwrap(), [("count".to_owned(), "80".to_owned())]);
}

/// The answer to a change is lost, and the change is sent again.
#[test]
fn a_change_that_is_sent_again_is_made_once() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    let keys = store.keys(&["root", "cells", "cell:x", "ticket:1"].map(str::to_owned));
    let write = ["x", "60000", "write", "0", "", "1"].map(str::to_owned);
    for _ in 0..2 {
        assert_eq!(store.call(&script::UPDATE, &keys, &write).unwrap()[0], "done");
        // Whatever others have made of it since.
        store.update("x", &mut |_, text| Some(format!("{} and more", text.unwrap()))).unwrap();
    }
    assert_eq!(store.cells("").unwrap(), [("x".to_owned(), "1 and more and more".to_owned())]);
}

#[test]
fn models_of_providers_are_told_apart_whatever_they_are_called() {
    assert_ne!(experience_key("a/b", "c"), experience_key("a", "b/c"));
    assert_ne!(experience_key("1:a", "c"), experience_key("a", "c"));
}

#[test]
fn a_connection_is_encrypted_to_a_server_that_proves_who_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file("server.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (file("server.pem"), file("key.pem"));
    let server = RedisServer::on_a_port_in(
        directory,
        &[
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &certificate,
            "--tls-auth-clients",
            "no",
        ],
    );
    let mut machine = Machine::of(&format!("rediss://localhost:{}", server.port()));
    // Nobody vouches for it.
    assert!(matches!(machine.fault(), Fault::Tls(_)), "{:?}", machine.fault());
    machine.server.ca_file = Some(certificate.into());
    machine.init(false).unwrap();
    let store = machine.open().unwrap();
    assert_eq!(reserve(&store, "a", 10, &day(10)).unwrap(), Admission::Granted);
    // Vouched for, but another name.
    let other = Address::from_str(&format!("rediss://127.0.0.1:{}", server.port())).unwrap();
    machine.server.address = other;
    assert!(matches!(machine.fault(), Fault::Tls(_)), "{:?}", machine.fault());
    // One that does not encrypt.
    let plain = RedisServer::on_a_port(&[]);
    machine.server.address = Address::from_str(&format!("rediss://localhost:{}", plain.port())).unwrap();
    machine.server.timeout = Duration::from_millis(500);
    drop(machine.fault());
}

#[test]
fn a_store_says_what_its_settings_allow_to_be_promised() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    let said = |settings: &[&str]| {
        for setting in settings {
            server.say(&format!("CONFIG SET {setting}"));
        }
        let About { facts, warnings, .. } = store.about().unwrap();
        [facts, warnings].concat().join("\n")
    };
    assert!(said(&[]).contains("nothing is kept on disk"));
    let mut snapshots = redis::cmd("CONFIG");
    let () = snapshots.arg("SET").arg("save").arg("3600 1").query(&mut server.connect()).unwrap();
    assert!(said(&[]).contains("snapshots"));
    assert!(said(&["appendonly yes", "appendfsync everysec"]).contains("a second of acknowledged writes"));
    assert!(said(&["appendfsync no"]).contains("half a minute"));
    assert!(said(&["appendfsync always"]).contains("limits hold through power loss"));
    assert_eq!(store.about().unwrap().warnings, Vec::<String>::new());
    let set = |clock: u64| server.say(&format!("HSET {} clock {clock}", machine.server.key("root")));
    set(store.totals(&attribution()).unwrap().time + 2 * 3_600_000 + 60_000);
    assert!(said(&[]).contains("its clock was 2 hours ahead"));
    assert!(about::unknown_eviction(&Info::parse("maxmemory:0\r\n")).is_some());
}

/// What acknowledged requests lose to a failover is noticed, and charged where it was sent.
#[cfg(unix)]
#[test]
fn a_promoted_replica_that_lagged_behind_is_noticed_and_told_the_truth() {
    let primary = RedisServer::on_a_port(&[]);
    let replica = RedisServer::on_a_port(&[]);
    let place = tempfile::tempdir().unwrap();
    let front = place.path().join("front.sock");
    let lead_to = |server: &RedisServer| {
        let _ = std::fs::remove_file(&front);
        std::os::unix::fs::symlink(server.directory().join("redis.sock"), &front).unwrap();
    };
    lead_to(&primary);
    let machine = Machine::of(&format!("unix://{}", front.display()));
    machine.init(false).unwrap();
    let store = machine.open().unwrap();
    reserve(&store, "a", 10, &day(100)).unwrap();

    replica.say(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    while primary.say("WAIT 1 1000") != redis::Value::Int(1) {}
    replica.say("REPLICAOF NO ONE");
    // Acknowledged, and never copied.
    reserve(&store, "b", 20, &day(100)).unwrap();
    store.dispatch("b", LEASE).unwrap();
    store.dispatch("a", LEASE).unwrap();
    lead_to(&replica);
    drop(primary);

    assert!(matches!(fault(reserve(&store, "c", 1, &day(100))), Fault::Behind(_)));
    store.settle("a", &settlement(11)).unwrap();
    store.settle("b", &settlement(22)).unwrap();
    assert!(matches!(fault(store.totals(&attribution())), Fault::Behind(_)));
    machine.init(true).unwrap();
    let today = used_today(&store);
    assert_eq!((today.used, today.reserved), (33, 0));
}
