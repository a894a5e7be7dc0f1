//! What a real server says when it refuses, what is made of it, and that nothing is lost by it.

use super::*;
use crate::meter::store::redis_server::{ABLE, STATES, State as Refusing};

/// A machine whose run has a request under way meets a server that is `refusing`, and so does its next
/// run. Nothing is sent, and what was is charged once the server takes it.
fn nothing_is_lost(server: &RedisServer, machine: &Machine, refusing: &Refusing) {
    let code = refusing.code;
    let open = || Budget::open(&machine.place(), day(100), attribution());
    let read = || Budget::open_to_read(&machine.place(), day(100), attribution());
    let today = |budget: &Budget| {
        let today = budget.windows()?.into_iter().find(|state| state.window == Window::Day).unwrap();
        Ok::<_, BudgetError>((today.used, today.reserved))
    };
    let before = open().unwrap();
    let used = today(&before).unwrap().0;
    let sent = before.reserve(&estimate(30, None)).unwrap().dispatch().unwrap();

    (refusing.enter)(server);
    let usage = Usage { input: 40, source: UsageSource::Reported, ..Usage::default() };
    let settled = sent.settle(Charge::Usage(usage), "ok", Duration::ZERO);
    assert_eq!(settled.is_ok(), refusing.settles, "{code}");
    let refused = open().and_then(|budget| budget.reserve(&estimate(1, None)).map(drop)).unwrap_err();
    assert!(
        matches!(&refused, BudgetError::Store(said) if said.contains(refusing.told)),
        "{code}: {refused}"
    );
    match read().and_then(|budget| Ok((today(&budget)?, budget))) {
        Ok((today, budget)) if refusing.is_readable => {
            let waiting = budget.waiting().map(|waiting| (waiting.charges, waiting.tokens));
            let shown = if refusing.settles { (None, (used + 40, 0)) } else { (Some((1, 40)), (used, 30)) };
            assert_eq!((waiting, today), shown, "{code}");
            let refusal = budget.about().unwrap().refusal;
            assert!(refusal.as_ref().is_some_and(|said| said.contains(refusing.told)), "{code}: {refusal:?}");
        }
        Err(BudgetError::Store(said)) if !refusing.is_readable => {
            assert!(said.contains(refusing.told), "{code}: {said}");
        }
        read => panic!("{code}: {:?}", read.map(|(today, _)| today)),
    }

    (refusing.leave)(server);
    let after = open().unwrap();
    assert_eq!((today(&after).unwrap(), after.waiting()), ((used + 40, 0), None), "{code}");
    assert_eq!(after.about().unwrap().refusal, None, "{code}");
}

/// A server that would be waited for an hour, had the run the time.
#[test]
fn a_run_whose_time_is_over_waits_for_no_answer() {
    let server = RedisServer::start();
    let mut machine = Machine::on(&server);
    machine.server.timeout = Duration::from_secs(3_600);
    let open = |left| {
        let until = std::time::Instant::now() + Duration::from_millis(left);
        RedisStore::open(machine.directory.path(), &machine.server, &nonce(), None, Some(until))
    };
    drop(open(3_600_000).unwrap());
    server.stop();
    assert_eq!(fault(open(50)), Fault::Late);
    server.go_on();
    assert_eq!(fault(open(0)), Fault::Late);
}

#[test]
fn what_was_sent_to_a_server_that_refuses_is_charged_once_it_takes_it() {
    for refusing in &STATES {
        let server = RedisServer::with(&ABLE);
        nothing_is_lost(&server, &Machine::on(&server), refusing);
    }
}

#[test]
fn a_server_that_cannot_write_is_told_apart() {
    let server = RedisServer::start();
    let machine = Machine::on(&server);
    let store = machine.open().unwrap();
    let limits = day(100);
    for id in ["a", "lost"] {
        reserve(&store, id, if id == "a" { 10 } else { 1 }, &limits).unwrap();
        store.dispatch(id, LEASE).unwrap();
    }

    server.say("REPLICAOF 127.0.0.1 1");
    assert_eq!(fault(reserve(&store, "b", 10, &limits)), Fault::Replica);
    server.say("REPLICAOF NO ONE");

    server.say("CONFIG SET maxmemory 1");
    assert!(matches!(fault(reserve(&store, "b", 10, &limits)), Fault::Memory(_)));
    // What was sent is charged even then.
    store.settle("a", &settlement(12)).unwrap();
    assert_eq!((used_today(&store).used, used_today(&store).reserved), (12, 1));
    // Also where its row was lost.
    server.say(&format!("DEL {}", machine.server.key(&request_key("lost"))));
    store.settle("lost", &settlement(1)).unwrap();
    assert_eq!(used_today(&store).used, 13);
    server.say("CONFIG SET maxmemory 100mb");
    server.say("CONFIG SET maxmemory-policy volatile-lru");
    assert_eq!(machine.fault(), Fault::Evicting("volatile-lru".into()));
    server.say("CONFIG SET maxmemory 0");
    drop(machine.open().unwrap());

    // Half-written counters would show here: what the lost row held is held on.
    assert_eq!(reserve(&store, "b", 86, &limits).unwrap(), Admission::Granted);
    assert!(matches!(reserve(&store, "c", 1, &limits).unwrap(), Admission::Denied(_)));
}

#[test]
fn a_login_is_told_apart() {
    let server = RedisServer::with(&["--requirepass", "hunter2"]);
    let mut machine = Machine::of(&server.address());
    assert!(matches!(machine.fault(), Fault::Login(said) if said.contains("NOAUTH")));
    let password = |value: Option<&str>| {
        Some(Password { variable: "REDIS_PASSWORD".into(), value: value.map(str::to_owned) })
    };
    machine.server.password = password(None);
    assert_eq!(machine.fault(), Fault::PasswordMissing("REDIS_PASSWORD".into()));
    machine.server.password = password(Some("wrong"));
    let refused = machine.fault();
    assert!(matches!(refused, Fault::Login(_)), "{refused:?}");
    assert!(!refused.to_string().contains("wrong "), "{refused}");
    machine.server.password = password(Some("hunter2"));
    machine.init(false).unwrap();
    drop(machine.open().unwrap());
}

/// What the documentation says that a login needs is enough, and a little less is not.
#[test]
fn a_login_needs_no_more_than_is_documented() {
    let documented = include_str!("../../../../../docs/store.md");
    let rule = documented.lines().find_map(|line| line.strip_prefix("ACL SETUSER hookgate ")).unwrap();
    let server = RedisServer::start();
    let mut machine = Machine::of(&server.address());
    machine.server.username = Some("hookgate".into());
    machine.server.password = Some(Password { variable: "P".into(), value: Some("secret".into()) });
    server.say(&format!("ACL SETUSER hookgate {}", rule.replace(">PASSWORD", ">secret")));
    machine.init(false).unwrap();
    let store = machine.open().unwrap();
    reserve(&store, "a", 10, &day(10)).unwrap();
    store.dispatch("a", LEASE).unwrap();
    store.settle("a", &settlement(9)).unwrap();
    reserve(&store, "b", 1, &day(10)).unwrap();
    store.release("b").unwrap();
    store.reap().unwrap();
    store.update("breaker/x", &mut |_, _| Some("open".into())).unwrap();
    assert_eq!(store.cells("breaker/").unwrap(), [("breaker/x".to_owned(), "open".to_owned())]);
    assert_eq!(store.experience("openai", "gpt", 9).unwrap(), [Experience { counted: 10, reported: 9 }]);
    assert_eq!(store.ledger(0).unwrap().len(), 2);
    let about = store.about().unwrap();
    assert!(about.warnings.iter().any(|warning| warning.contains("cannot be told")), "{about:?}");
    server.say("ACL SETUSER hookgate -hincrby");
    assert!(matches!(fault(reserve(&store, "c", 1, &day(11))), Fault::Permission(_)));
}

#[test]
fn a_node_of_a_cluster_that_keeps_other_keys_says_so() {
    let server = RedisServer::node();
    let machine = Machine::of(&format!("redis://127.0.0.1:{}", server.port()));
    let down = machine.fault();
    assert!(matches!(&down, Fault::Cluster(said) if said.contains("CLUSTERDOWN")), "{down:?}");
    // One node with all slots: every key of a script has the same one, or the node would refuse.
    server.say("CLUSTER ADDSLOTSRANGE 0 16383");
    server.await_answer("GET a", "nil");
    machine.init(false).unwrap();
    let store = machine.open().unwrap();
    reserve(&store, "a", 10, &day(10)).unwrap();
    store.dispatch("a", LEASE).unwrap();
    store.settle("a", &settlement(9)).unwrap();
    assert_eq!(store.ledger(0).unwrap().len(), 1);
    // A cluster of which a part is gone serves nobody.
    let refusing = Refusing {
        code: "CLUSTERDOWN",
        told: "its cluster does not serve this namespace now",
        enter: |server| {
            server.say("CLUSTER DELSLOTS 0");
            server.await_answer("GET a", "CLUSTERDOWN");
        },
        leave: |server| {
            server.say("CLUSTER ADDSLOTS 0");
            server.await_answer("GET a", "nil");
        },
        is_readable: false,
        settles: false,
    };
    nothing_is_lost(&server, &machine, &refusing);
    let mut numbered = machine;
    numbered.server.address = format!("redis://127.0.0.1:{}/1", server.port()).parse().unwrap();
    assert_eq!(numbered.fault(), Fault::Database);
}

#[test]
fn another_node_of_a_cluster_names_the_one_that_keeps_the_keys() {
    let (keeps, other) = (RedisServer::node(), RedisServer::node());
    keeps.say("CLUSTER ADDSLOTSRANGE 0 16383");
    keeps.await_answer("GET a", "nil");
    let machine = Machine::of(&format!("redis://127.0.0.1:{}", keeps.port()));
    machine.init(false).unwrap();
    let bus = other.say("CONFIG GET cluster-port");
    let redis::Value::Array(bus) = bus else { panic!("{bus:?}") };
    let bus: String = redis::from_redis_value(bus[1].clone()).unwrap();
    keeps.say(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", other.port()));
    other.await_answer("GET a", "MOVED");

    let asks = Machine::of(&format!("redis://127.0.0.1:{}", other.port()));
    let node = format!("127.0.0.1:{}", keeps.port());
    assert_eq!(asks.fault(), Fault::Elsewhere(node.clone()));
    assert_eq!(fault(asks.init(true)), Fault::Elsewhere(node));
    // While the keys move, some of them are at either node.
    let refusing = Refusing {
        code: "ASK",
        told: "its cluster does not serve this namespace now",
        enter: |server| {
            drop(server.say(&format!("CLUSTER SETSLOT {} MIGRATING {}", slot(server), peer(server))))
        },
        leave: |server| drop(server.say(&format!("CLUSTER SETSLOT {} STABLE", slot(server)))),
        is_readable: false,
        settles: false,
    };
    nothing_is_lost(&keeps, &machine, &refusing);
}

/// The slot of the namespace `hookgate`.
fn slot(server: &RedisServer) -> u16 {
    redis::from_redis_value(server.say("CLUSTER KEYSLOT {hg:hookgate}:root")).unwrap()
}

/// The other node of a cluster of two.
fn peer(server: &RedisServer) -> String {
    let nodes: String = redis::from_redis_value(server.say("CLUSTER NODES")).unwrap();
    let peer = nodes.lines().find(|line| !line.contains("myself")).unwrap();
    peer.split(' ').next().unwrap().to_owned()
}
