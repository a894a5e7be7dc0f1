//! Over a real server, which is looked at with a client of our own.

use std::collections::BTreeSet;

use proptest::prelude::*;
use redis::Commands;

use super::super::{Cache, Edge, Hit, Lookup};
use super::*;
use crate::meter::store::redis::Namespace;
use crate::meter::store::redis_server::RedisServer;

/// 2026-11-23, in ms.
const TODAY: u64 = 20_780 * 86_400_000;

const SECRET: &str = "correct horse battery staple";

fn team(address: &str, secret: &str) -> Team {
    let server = Server {
        address: address.parse().unwrap(),
        username: None,
        password: None,
        ca_file: None,
        namespace: Namespace::default(),
        timeout: Duration::from_secs(20),
        keep: Duration::from_secs(1),
    };
    let secret = Secret { variable: "TEAM_SECRET".to_owned(), value: Some(secret.to_owned()) };
    Team { server, secret, writes: true }
}

fn shared(server: &RedisServer, secret: &str) -> Shared {
    Shared::new(&team(&server.address(), secret), None).unwrap()
}

fn terms(model: &str) -> Terms {
    Terms { model: model.to_owned(), level: "slice".to_owned(), prompt: blake3::hash(b"prompt") }
}

/// From one text to another of a definition; 0 for none.
fn edge(place: &str, old: u32, new: u32) -> Edge {
    let text = |text: u32| (text > 0).then(|| blake3::hash(&text.to_le_bytes()));
    Edge { place: blake3::hash(place.as_bytes()), old: text(old), new: text(new) }
}

fn review(edge: Edge, said: &str) -> Review {
    Review { edge, said: said.to_owned(), tokens: 100, millis: 2000 }
}

/// What the machine that opens `cache` knows after it has asked the team.
fn look(cache: &mut Cache, shared: &mut Shared, edge: Edge) -> Option<Hit> {
    let fetched = shared.fetch(&[edge.place], TODAY).unwrap();
    match cache.find(&terms("here tiny"), "shop", &[edge], &fetched).unwrap() {
        Lookup::Hit(hit) => Some(hit),
        Lookup::Miss(_) => None,
    }
}

fn keys(server: &RedisServer) -> Vec<String> {
    server.connect().keys("*").unwrap()
}

/// The one hash of a definition there is.
fn hash(server: &RedisServer) -> String {
    let mut keys = keys(server);
    keys.retain(|key| key.matches(':').count() == 3);
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.remove(0)
}

#[test]
fn what_one_machine_has_reviewed_another_one_knows_and_keeps() {
    let server = RedisServer::start();
    let edge = edge("cart.py total", 1, 2);
    shared(&server, SECRET).store(&terms("here tiny"), "shop", &[review(edge, "[1]")], TODAY - 5).unwrap();

    let home = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(home.path(), TODAY).unwrap();
    let hit = look(&mut cache, &mut shared(&server, SECRET), edge).unwrap();
    assert_eq!((&hit.said[..], hit.tokens, hit.is_shared()), (&["[1]".to_owned()][..], 100, true));
    cache.record(&[hit], &[]).unwrap();

    // From now on it is its own, also without the server.
    let mut cache = Cache::open(home.path(), TODAY).unwrap();
    let found = cache.find(&terms("here tiny"), "shop", &[edge], &Fetched::default()).unwrap();
    let Lookup::Hit(hit) = found else { panic!("{found:?}") };
    assert!(!hit.is_shared());
    let period = &cache.statistics(1, 1).unwrap().periods[0];
    assert_eq!((period.hits, period.shared, period.tokens), (1, 1, 100));
}

#[test]
fn a_chain_may_be_of_several_machines() {
    let server = RedisServer::start();
    let (first, second) = (edge("f", 1, 2), edge("f", 2, 3));
    shared(&server, SECRET).store(&terms("here tiny"), "shop", &[review(second, "[2]")], TODAY).unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(home.path(), TODAY).unwrap();
    cache.store(&terms("here tiny"), "shop", &[review(first, "[1]")]).unwrap();
    let hit = look(&mut cache, &mut shared(&server, SECRET), edge("f", 1, 3)).unwrap();
    assert_eq!(hit.said, ["[1]", "[2]"]);
    let mut nowhere = Cache::passing(TODAY).unwrap();
    assert_eq!(look(&mut nowhere, &mut shared(&server, SECRET), edge("f", 1, 3)), None);
    assert_eq!(look(&mut nowhere, &mut shared(&server, SECRET), second).unwrap().said, ["[2]"]);
}

#[test]
fn without_the_secret_nothing_is_found_and_nothing_is_told() {
    let server = RedisServer::start();
    let edge = edge("src/pay.rs charge", 1, 2);
    let said = r#"[{"quote":"charge(card)","message":"double charge"}]"#;
    shared(&server, SECRET).store(&terms("here tiny"), "shop", &[review(edge, said)], TODAY).unwrap();
    let mut cache = Cache::passing(TODAY).unwrap();
    assert_eq!(look(&mut cache, &mut shared(&server, "another secret of a team"), edge), None);
    // Neither the words nor the hashes by which one could ask after a known text stand there.
    let mut connection = server.connect();
    let mut all = Vec::new();
    for key in keys(&server) {
        all.extend(key.as_bytes());
        if let Ok(entries) = connection.hgetall::<_, HashMap<Vec<u8>, Vec<u8>>>(&key) {
            entries.into_iter().for_each(|(field, value)| all.extend([field, value].concat()));
        }
    }
    let text = String::from_utf8_lossy(&all).into_owned();
    let hex = |hash: Hash| hash.to_hex().to_string();
    let hashes = [edge.place, edge.old.unwrap(), edge.new.unwrap()].map(hex);
    for known in ["charge", "pay.rs", "tiny", "shop"].into_iter().chain(hashes.iter().map(String::as_str)) {
        assert!(!text.contains(known), "{known}");
    }
}

#[test]
fn a_review_cannot_be_moved_to_another_place() {
    let server = RedisServer::start();
    let mut team = shared(&server, SECRET);
    let (pass, other) = (edge("f", 1, 2), edge("g", 1, 3));
    let all = [review(pass, "[]"), review(edge("f", 3, 4), "[3]"), review(other, "[1]")];
    team.store(&terms("here tiny"), "shop", &all, TODAY).unwrap();
    // Whoever can write, but lacks the secret, puts the pass in the place of everything else.
    let mut connection = server.connect();
    let name = |edge: Edge| {
        let known = Known::of(&review(edge, ""), &terms("here tiny"), "shop", TODAY);
        (team.name(edge.place), team.keys.review(edge.place, &known))
    };
    let (key, field) = name(pass);
    let value: Vec<u8> = connection.hget(&key, &field).unwrap();
    for edge in [edge("f", 3, 4), other] {
        let (key, field) = name(edge);
        assert!(connection.hexists::<_, _, bool>(&key, &field).unwrap());
        let () = connection.hset(&key, &field, &value).unwrap();
    }
    let mut cache = Cache::passing(TODAY).unwrap();
    assert_eq!(look(&mut cache, &mut team, other), None);
    assert_eq!(look(&mut cache, &mut team, edge("f", 3, 4)), None);
    assert_eq!(look(&mut cache, &mut team, pass).unwrap().said, ["[]"]);
    assert_eq!(team.fetch(&[pass.place, other.place], TODAY).unwrap().rejected, 2);
}

#[test]
fn what_others_plant_is_no_review_and_no_harm() {
    let server = RedisServer::start();
    let mut team = shared(&server, SECRET);
    let edge = edge("f", 1, 2);
    team.store(&terms("here tiny"), "shop", &[review(edge, "[]")], TODAY).unwrap();
    let (key, mut connection) = (hash(&server), server.connect());
    let planted: [(&str, Vec<u8>); 5] = [
        ("", b"".to_vec()),
        ("x", b"1:".to_vec()),
        ("y", [b"1:".to_vec(), vec![1; 40]].concat()),
        ("z", [b"1:".to_vec(), vec![1; 4 << 20]].concat()),
        ("q", b"{\"said\":\"[]\"}".to_vec()),
    ];
    for (field, value) in &planted {
        let () = connection.hset(&key, field, value).unwrap();
    }
    let fetched = team.fetch(&[edge.place], TODAY).unwrap();
    assert_eq!((fetched.rejected, fetched.known[&edge.place].len()), (planted.len(), 1));
    let () = connection.set(&key, "no hash").unwrap();
    assert!(matches!(team.fetch(&[edge.place], TODAY), Err(SharedError::Store(_))));
}

#[test]
fn every_key_ends_and_none_grows_without_bound() {
    let server = RedisServer::start();
    let mut team = shared(&server, SECRET);
    for first in 0..8 {
        let many: Vec<_> = (0..20).map(|text| review(edge("f", 1, 2 + first * 20 + text), "[]")).collect();
        team.store(&terms("here tiny"), "shop", &many, TODAY).unwrap();
    }
    team.store(&terms("here tiny"), "shop", &[review(edge("g", 1, 2), "[]")], TODAY).unwrap();
    // The same again takes no more room.
    team.store(&terms("here tiny"), "shop", &[review(edge("g", 1, 2), "[1]")], TODAY + 1).unwrap();
    let mut connection = server.connect();
    let mut lengths = BTreeSet::new();
    for key in keys(&server) {
        let left: u64 = connection.pttl(&key).unwrap();
        assert!(left > 59 * 86_400_000 && left <= 60 * 86_400_000, "{key}: {left}");
        assert!(key.starts_with("reviews:{hg:hookgate}"), "{key}");
        lengths.extend(connection.hlen::<_, usize>(&key).ok());
    }
    assert_eq!(lengths, BTreeSet::from([1, MOST_OF_ONE]));
    let fetched = team.fetch(&[edge("f", 1, 2).place], TODAY).unwrap();
    let newest = edge("f", 1, 161).new;
    assert!(fetched.known.values().flatten().any(|known| known.new == newest), "the newest stay");
}

/// The bound of all definitions is the script's third argument, which is tried with a small one.
#[test]
fn the_definitions_that_were_reviewed_longest_ago_go() {
    let server = RedisServer::start();
    let team = shared(&server, SECRET);
    let mut connection = server.connect();
    let script = Script::new(include_str!("share.lua"));
    for number in 0..6 {
        let mut invocation = script.prepare_invoke();
        invocation.key(team.key("")).key(team.key(&format!(":{number}")));
        invocation.arg(&["60000", "2", "4", "1", "field", "value"]);
        let () = invocation.invoke(&mut connection).unwrap();
        // The server counts in milliseconds, and equal times are ordered by name.
    }
    let left: BTreeSet<String> = keys(&server).into_iter().collect();
    let expected = ["", ":2", ":3", ":4", ":5"].map(|rest| team.key(rest));
    assert_eq!(left, BTreeSet::from(expected));
}

#[test]
fn forgetting_removes_nothing_that_is_no_definition() {
    let server = RedisServer::start();
    let team = shared(&server, SECRET);
    let mut connection = server.connect();
    let bucket = format!("{}:month:2026-11:user:ada", team.link.server().tag());
    let () = connection.hset(&bucket, "t", 1_000_000).unwrap();
    let () = connection.zadd(team.key(""), &bucket, TODAY).unwrap();
    let script = Script::new(include_str!("share.lua"));
    let mut invocation = script.prepare_invoke();
    invocation.key(team.key("")).key(team.key(":a"));
    invocation.arg(&["9000000000000", "2", "1", "1", "field", "value"]);
    let () = invocation.invoke(&mut connection).unwrap();
    assert_eq!(connection.hget::<_, _, u64>(&bucket, "t").unwrap(), 1_000_000);
    let named: Vec<String> = connection.zrange(team.key(""), 0, -1).unwrap();
    assert_eq!(named, [team.key(":a")]);
}

#[test]
fn a_server_that_is_away_is_an_error_and_no_wait() {
    let server = RedisServer::start();
    let mut team = shared(&server, SECRET);
    let edge = edge("f", 1, 2);
    team.store(&terms("here tiny"), "shop", &[review(edge, "[]")], TODAY).unwrap();
    drop(server);
    assert!(matches!(team.fetch(&[edge.place], TODAY), Err(SharedError::Store(_))));
    assert!(team.store(&terms("here tiny"), "shop", &[review(edge, "[]")], TODAY).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever becomes of a sealed review, it opens as it was sealed, or not at all.
    #[test]
    fn a_seal_holds(
        text in "\\PC{0,80}",
        at in any::<prop::sample::Index>(),
        change in 1_u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let keys = Keys::of(SECRET);
        let sealed = keys.seal("place", "review", &text).unwrap();
        prop_assert_eq!(keys.open("place", "review", &sealed), Some(text.clone()));
        prop_assert_eq!(keys.open("place", "reviews", &sealed), None);
        prop_assert_eq!(keys.open("places", "review", &sealed), None);
        prop_assert_eq!(Keys::of("another secret of a team").open("place", "review", &sealed), None);
        prop_assert_eq!(keys.open("place", "review", &sealed[..cut.index(sealed.len())]), None);
        let mut altered = sealed.clone();
        altered[at.index(sealed.len())] ^= change;
        prop_assert_eq!(keys.open("place", "review", &altered), None);
        prop_assert_ne!(keys.seal("place", "review", &text).unwrap(), sealed, "no nonce comes twice");
    }
}
