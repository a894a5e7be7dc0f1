//! SIGKILL at any moment. The truth is what a server has counted: after every kill the ledger has
//! charged at least that, and nothing stays held. Of a request that takes more than it holds, the
//! surplus is charged where the client lived to tell.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookgate::meter::budget::{Budget, Charge};
use hookgate::meter::store::State;
use rusqlite::Connection;

use super::provider::{Provider, Reply};
use super::repo::Repo;
use super::{LEASE, Ledger, Options, estimate, told, used};

/// What a request may take, and so what its reservation holds.
const MOST: u64 = 1000;

/// A server frees what a dead client held when its lease ends: so many seconds.
const SERVER_LEASE: u64 = 2;

/// Where a client stops for ever, and waits for its death.
const STEPS: [&str; 7] = ["opened", "reserved", "dispatched", "sent", "received", "settled", "released"];

pub(crate) fn measure(options: &Options) {
    let kills = options.number("kills", 1000);
    // A tenth at the named steps in turn, the program itself for a quarter, the rest at random.
    let (named, whole) = (kills / 10, kills / 4);
    steps(options, named);
    random(options, kills - named - whole);
    if options.word("store").is_none() {
        program(options, whole);
    }
}

/// Kills clients that stand at a known step.
fn steps(options: &Options, kills: u64) {
    let ledger = options.store();
    let server = Server::start();
    let mut freed = Duration::ZERO;
    for number in 0..kills {
        let step = STEPS[number as usize % STEPS.len()];
        let mut child = client(&ledger, &server, step);
        // It says when it is there.
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        kill(child);
        freed = freed.max(check(&ledger, &server));
    }
    report(&format!("at {} steps", STEPS.len()), kills, &ledger, &server, freed);
}

/// Kills four clients that work without a pause, each after a time of its own.
fn random(options: &Options, kills: u64) {
    let ledger = options.store();
    let server = Server::start();
    let mut freed = Duration::ZERO;
    let mut random = Random(options.number("seed", 1));
    let kills = kills.next_multiple_of(4);
    for _ in 0..kills / 4 {
        let mut children = [(); 4].map(|()| client(&ledger, &server, "never"));
        for child in &mut children {
            child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        }
        for child in children {
            std::thread::sleep(Duration::from_micros(random.below(12_000)));
            kill(child);
        }
        freed = freed.max(check(&ledger, &server));
    }
    report("at random", kills, &ledger, &server, freed);
}

/// Kills the real program, in a real repository, at a random moment of `run pre-commit`.
fn program(options: &Options, kills: u64) {
    // Every other request is under way for ever, so that hooks die in the midst of one too.
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let provider = Provider::answering(move |_| {
        if count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { Reply::stall() } else { Reply::nothing() }
    });
    let module = |version: u64| -> String {
        (0..20).map(|n| format!("def f{n}(a, b):\n    return a * {version} + b - {n}\n\n\n")).collect()
    };
    let repo = Repo::with(&[("a.py", &module(1))]);
    let state = repo.home().join("state");
    repo.configure_user(&format!(
        "[state]\ndirectory = {state:?}\n[providers.here]\ndialect = \"ollama\"\nbase_url = {:?}\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n[limits]\ncall_tokens = 1500\n",
        provider.base_url()
    ));
    let hook = || {
        let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
        command.args(["run", "pre-commit"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    // How long it takes to its first request, which is not answered.
    repo.stage("a.py", module(0));
    let began = Instant::now();
    let first = hook();
    while asked.load(Ordering::SeqCst) == 0 && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let whole = began.elapsed().as_micros() as u64;
    kill(first);
    assert!(asked.load(Ordering::SeqCst) > 0, "the program asks no model");
    let mut random = Random(options.number("seed", 1));
    let (mut charged, mut freed) = (0, Duration::ZERO);
    for number in 0..kills {
        repo.stage("a.py", module(number + 2));
        let child = hook();
        std::thread::sleep(Duration::from_micros(random.below(whole * 2)));
        kill(child);
        // What the dead hook had sent is read and counted first.
        let served = settled(|| provider.served_tokens());
        if !state.join("ledger.sqlite").exists() {
            continue;
        }
        let began = Instant::now();
        let budget = super::budget("sqlite", &state, "ada", u64::MAX);
        freed = freed.max(began.elapsed());
        let (used, reserved) = super::day(&budget);
        assert_eq!(reserved, 0, "something is held after the death of its hook");
        assert!(used >= served, "the server counted {served} tokens, and the ledger {used}");
        sound(&state.join("ledger.sqlite"));
        charged = used;
    }
    println!(
        "the program at random: {kills} kills, {} requests, {} tokens served, {charged} charged; all freed within {:.1} ms of asking",
        provider.requests().len(),
        provider.served_tokens(),
        freed.as_secs_f64() * 1e3,
    );
}

fn report(what: &str, kills: u64, ledger: &Ledger, server: &Server, freed: Duration) {
    println!(
        "clients {what}: {kills} kills, {} requests, {} tokens served, {} charged; all freed within {:.1} ms of asking",
        server.requests(),
        server.served(),
        ledger.totals().0,
        freed.as_secs_f64() * 1e3,
    );
}

/// What must hold after any death; how long the next client waited for what the dead one held.
fn check(ledger: &Ledger, server: &Server) -> Duration {
    let served = settled(|| server.owed());
    let began = Instant::now();
    let (budget, used) = loop {
        let budget = ledger.budget(u64::MAX);
        let (used, reserved) = super::day(&budget);
        if reserved == 0 {
            break (budget, used);
        }
        // A server waits for the lease, a ledger on this machine for nothing.
        let patience =
            if ledger.is_sqlite() { Duration::ZERO } else { Duration::from_secs(SERVER_LEASE + 1) };
        assert!(began.elapsed() <= patience, "something is held after the death of its client");
        std::thread::sleep(Duration::from_millis(20));
    };
    let freed = began.elapsed();
    assert!(used >= served, "the server counted {served} tokens, and the ledger {used}");
    if ledger.is_sqlite() {
        sound(&ledger.file());
    }
    each_request_is_charged(&budget, server);
    freed
}

/// Request by request, which sums could hide.
fn each_request_is_charged(budget: &Budget, server: &Server) {
    let mut charged = BTreeMap::new();
    for row in budget.ledger(0).unwrap() {
        let tokens = row.usage.map_or(0, |usage| usage.input + usage.output);
        charged.insert(row.payload_hash, (row.state, tokens));
    }
    for (request, &tokens) in server.counted.lock().unwrap().iter() {
        let (state, charged) = charged.get(request).copied().unwrap_or((State::Denied, 0));
        let is_paid = if state == State::Settled { charged == tokens } else { charged >= tokens.min(MOST) };
        assert!(is_paid, "request {request} was served {tokens}, charged {charged} and is {state:?}");
    }
}

fn sound(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let said: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(said, "ok");
}

/// A figure that has stopped growing: a killed client's last bytes may still be on their way.
fn settled(figure: impl Fn() -> u64) -> u64 {
    loop {
        let before = figure();
        std::thread::sleep(Duration::from_millis(3));
        if figure() == before {
            return before;
        }
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn client(ledger: &Ledger, server: &Server, step: &str) -> Child {
    let lease = if ledger.is_sqlite() { LEASE } else { SERVER_LEASE };
    let options =
        [("server", server.address.clone()), ("stop", step.to_owned()), ("lease", lease.to_string())];
    ledger.client("kill-child", &options)
}

/// Asks without end, and stops for ever at the step that it is told.
pub(crate) fn child(options: &Options) {
    let stop = options.word("stop").unwrap();
    let at = |step: &str| {
        if step == stop || (stop == "never" && step == "opened") {
            let mut out = std::io::stdout();
            out.write_all(b"\n").unwrap();
            out.flush().unwrap();
        }
        if step == stop {
            loop {
                std::thread::park();
            }
        }
    };
    let budget = told(options, u64::MAX);
    at("opened");
    for number in 0_u64.. {
        let id = format!("{}-{number}", std::process::id());
        // Up to a quarter more than it holds.
        let tokens = (u64::from(std::process::id()) * 7919 + number) % (MOST + MOST / 4) + 1;
        let asked = hookgate::meter::budget::Estimate { payload_hash: id.clone(), ..estimate(MOST, 0) };
        let reservation = budget.reserve(&asked).unwrap();
        at("reserved");
        if number % 4 == 1 || stop == "released" {
            drop(reservation);
            at("released");
            continue;
        }
        let dispatched = reservation.dispatch().unwrap();
        at("dispatched");
        let mut stream = TcpStream::connect(options.word("server").unwrap()).unwrap();
        writeln!(stream, "{id} {tokens}").unwrap();
        at("sent");
        BufReader::new(&stream).read_line(&mut String::new()).unwrap();
        at("received");
        dispatched.settle(Charge::Usage(used(tokens, 0)), "ok", Duration::ZERO).unwrap();
        at("settled");
    }
}

/// A server that counts what it serves, by the requests' names.
struct Server {
    address: String,
    counted: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Server {
    /// Its thread ends with the program.
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let counted = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = Arc::clone(&counted);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut line = String::new();
                let read = BufReader::new(&stream).read_line(&mut line);
                // A client that died within the line has asked for nothing.
                if read.is_ok()
                    && let Some((id, tokens)) = line.strip_suffix('\n').and_then(|line| line.split_once(' '))
                {
                    *shared.lock().unwrap().entry(id.to_owned()).or_insert(0) +=
                        tokens.parse::<u64>().unwrap();
                }
                // One that died since does not hear of it.
                drop((&stream).write_all(b"served\n"));
            }
        });
        Self { address, counted }
    }

    fn served(&self) -> u64 {
        self.counted.lock().unwrap().values().sum()
    }

    /// What is charged whatever becomes of the clients.
    fn owed(&self) -> u64 {
        self.counted.lock().unwrap().values().map(|&tokens| tokens.min(MOST)).sum()
    }

    fn requests(&self) -> usize {
        self.counted.lock().unwrap().len()
    }
}

/// Marsaglia's xorshift64: the same kills for the same seed, as far as the machine plays along.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
