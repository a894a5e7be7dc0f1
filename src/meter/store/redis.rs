//! The store of many machines: a Redis server that a team or a CI fleet shares.
//!
//! Each step is one script, which the server runs as a whole. Windows are counters rather than sums
//! over rows, since thousands of runners share them, and abandoned requests are found in an index by
//! the end of their lease, so that no step takes longer the more of them are open. Scripts touch the
//! keys that they declare and no others, and all keys of a namespace have one hash tag, as a cluster
//! wants it. Every key has a time to live.

mod about;
mod fault;
mod init;
mod ledger;
pub(crate) mod link;
mod memory;
mod row;
mod script;
mod server;
mod window;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::Script;

use self::about::Info;
use self::link::Link;
use self::memory::Memory;
use self::row::Held;
use self::window::{
    Asked, Day, bucket_names, cell_key, denial, experience_key, index_key, judged, most, ms, request_key,
    scopes,
};
use super::{
    About, Admission, Clock, Experience, LedgerRow, Request, ScopeTotals, Settlement, Store, StoreError,
    Totals, WindowTotals,
};
use crate::meter::{Attribution, Limits};
use crate::tokens::{PicoUsd, UsageSource};

pub use fault::Fault;
pub use init::Made;
pub use server::{Address, AddressError, Namespace, Password, Server};

const DAY_MS: u64 = 86_400_000;

/// How often a step is tried that others come in between of.
const TRIES: usize = 1_000;

/// The version of the keys that this program reads and writes.
const VERSION: u32 = 1;

/// Reservations and ledger on a server.
pub(super) struct RedisStore {
    server: Server,
    run: String,
    /// In tests; else the server's clock counts.
    clock: Option<Clock>,
    /// The server's time when it last said it, in ms: enough to know the day that keys are of, and
    /// corrected by the server where that is over.
    time: AtomicU64,
    link: Mutex<Link>,
    memory: Mutex<Memory>,
    /// What this run has reserved and not finished, so that it can be charged whatever the server
    /// has lost.
    held: Mutex<HashMap<String, Held>>,
}

impl RedisStore {
    /// Opens the store on `server` for the hook run `run`, which waits for nothing after `until`;
    /// `directory` is where this machine remembers what it saw.
    ///
    /// # Errors
    /// [`StoreError::Redis`] with what to do about it, [`StoreError::Directory`].
    pub(super) fn open(
        directory: &Path,
        server: &Server,
        run: &str,
        clock: Option<Clock>,
        until: Option<Instant>,
    ) -> Result<Self, StoreError> {
        let store = Self::unchecked(directory, server, run, clock, until)?;
        store.info()?.check().map_err(|fault| store.failed(fault))?;
        let now = store.call(&script::LOOK, &[store.key("root")], &[])?;
        store.time.store(number(now.get(3)), Ordering::Relaxed);
        Ok(store)
    }

    fn unchecked(
        directory: &Path,
        server: &Server,
        run: &str,
        clock: Option<Clock>,
        until: Option<Instant>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            server: server.clone(),
            run: run.to_owned(),
            clock,
            time: AtomicU64::new(0),
            link: Mutex::new(Link::new(server.clone(), until)),
            memory: Mutex::new(Memory::open(directory, server, until)?),
            held: Mutex::default(),
        })
    }

    fn info(&self) -> Result<Info, StoreError> {
        Info::of(&mut self.link())
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        lock(&self.link)
    }

    fn failed(&self, fault: Fault) -> StoreError {
        StoreError::Redis { place: self.server.address.to_string(), fault }
    }

    fn key(&self, name: &str) -> String {
        self.server.key(name)
    }

    fn keys(&self, names: &[String]) -> Vec<String> {
        names.iter().map(|name| self.server.key(name)).collect()
    }

    fn kept(&self) -> String {
        ms(self.server.keep).to_string()
    }

    /// `arguments` behind what every script is told.
    fn greeted(&self, arguments: &[String]) -> Vec<String> {
        let seen = lock(&self.memory).seen().clone();
        let clock = self.clock.as_ref().map_or_else(String::new, |clock| clock().to_string());
        let mut all = vec![seen.epoch, seen.seq.to_string(), clock];
        all.extend_from_slice(arguments);
        all
    }

    /// Runs a script; where the login lacks a command for it, the error names all that it lacks.
    fn run(&self, script: &Script, keys: &[String], arguments: &[String]) -> Result<Vec<String>, StoreError> {
        let reply = self.link().run(script, keys, &self.greeted(arguments));
        match reply {
            Err(StoreError::Redis { fault: Fault::Permission(said), .. }) => {
                Err(self.failed(self.refusal().unwrap_or(Fault::Permission(said))))
            }
            reply => reply,
        }
    }

    /// Why the server would take no step now, if it says so.
    fn refusal(&self) -> Option<Fault> {
        let arguments: &[String] = &[];
        let lacking: Result<Vec<String>, _> =
            self.link().run(&script::PROBE, &[self.key("probe")], arguments);
        match lacking {
            Ok(lacking) if lacking.is_empty() => None,
            Ok(lacking) => Some(Fault::Permission(format!("it lacks {}", lacking.join(", ")))),
            Err(StoreError::Redis { fault, .. }) => Some(fault),
            Err(_) => None,
        }
    }

    /// Runs a script, and checks that the server has lost nothing that this machine saw.
    fn call(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[String],
    ) -> Result<Vec<String>, StoreError> {
        for _ in 0..TRIES {
            let reply = self.run(script, keys, arguments)?;
            match (reply.first().map(String::as_str), &reply[..]) {
                (Some("done"), _) => {
                    self.remember(&reply)?;
                    return Ok(reply);
                }
                (Some("changed"), [_, epoch, seq]) => {
                    // Another machine made a new epoch; or the loss is ours.
                    let mut memory = lock(&self.memory);
                    let judged = memory.judge(epoch, seq);
                    judged.map_err(|fault| self.failed(fault))?;
                    memory.note(epoch, seq)?;
                }
                (Some("missing"), _) => {
                    let namespace = self.server.namespace.to_string();
                    let loss = match lock(&self.memory).seen().seq {
                        0 => "",
                        _ => " --accept-loss",
                    };
                    return Err(self.failed(Fault::Missing { namespace, loss }));
                }
                (Some("newer"), [_, found]) => {
                    let fault = Fault::Newer { found: found.clone(), known: VERSION };
                    return Err(self.failed(fault));
                }
                _ => return Ok(reply),
            }
        }
        Err(self.failed(Fault::Contended))
    }

    fn remember(&self, reply: &[String]) -> Result<(), StoreError> {
        match reply {
            [_, epoch, seq, ..] if !epoch.is_empty() => lock(&self.memory).note(epoch, seq),
            _ => Ok(()),
        }
    }

    fn unexpected(&self, reply: &[String]) -> StoreError {
        let word = reply.first().map_or("nothing", String::as_str);
        self.failed(Fault::Damaged(format!("a script answers {word:?}")))
    }

    /// The end of a transition: done, or not from here.
    fn transition(&self, id: &str, step: &'static str, reply: &[String]) -> Result<(), StoreError> {
        match reply {
            [done, ..] if done == "done" => Ok(()),
            [tag, state] if tag == "state" => {
                let state = super::State::from_word(state).map_or("unknown", super::State::as_str);
                Err(StoreError::Transition { id: id.to_owned(), state, step })
            }
            _ => Err(self.unexpected(reply)),
        }
    }

    /// Runs what depends on the day, as often as the server says that it is another one.
    fn on_the_day(
        &self,
        mut step: impl FnMut(&Day) -> Result<Vec<String>, StoreError>,
    ) -> Result<Vec<String>, StoreError> {
        for _ in 0..TRIES {
            let day = Day::of(self.time.load(Ordering::Relaxed));
            let reply = step(&day)?;
            match &reply[..] {
                [tag, now] if tag == "day" => self.time.store(number(Some(now)), Ordering::Relaxed),
                _ => return Ok(reply),
            }
        }
        Err(self.failed(Fault::Contended))
    }

    /// What this run holds of `id`, or what the server knows of it.
    fn held(&self, id: &str) -> Result<Held, StoreError> {
        if let Some(held) = lock(&self.held).get(id) {
            return Ok(held.clone());
        }
        let mut command = redis::cmd("HMGET");
        command.arg(self.key(&request_key(id))).arg("time").arg("row").arg("buckets");
        let (time, row, buckets): (Option<String>, Option<String>, Option<String>) =
            self.link().command(&command)?;
        Ok(Held {
            is_sent: false,
            time: number(time.as_ref()),
            row: row.unwrap_or_default(),
            buckets: buckets.and_then(|names| serde_json::from_str(&names).ok()).unwrap_or_default(),
        })
    }

    /// Writes a request: held if its limits allow it, else denied; or not made at all, where an
    /// `outcome` says why.
    fn write(
        &self,
        request: &Request<'_>,
        limits: &Limits,
        outcome: &str,
        insist: bool,
    ) -> Result<(Held, Vec<String>), StoreError> {
        let row = row::written(&self.run, request);
        let asked = Asked::of(request);
        let judged = judged(limits, request.attribution, &asked);
        let kept = self.kept();
        let reply = self.on_the_day(|day| {
            let buckets = bucket_names(&self.run, request.attribution, day);
            let names = ["root", "open", "begun", "days"].map(str::to_owned).into_iter();
            let names =
                names.chain([request_key(request.id), index_key(day.start)]).chain(buckets.iter().cloned());
            let keys = self.keys(&names.collect::<Vec<_>>());
            let mut arguments = vec![
                day.start.to_string(),
                day.end.to_string(),
                flag(insist),
                request.id.to_owned(),
                ms(request.lease).to_string(),
                row.clone(),
                serde_json::to_string(&buckets).unwrap_or_default(),
                asked.tokens.to_string(),
                asked.cost.map_or_else(String::new, |cost| cost.to_string()),
                kept.clone(),
                outcome.to_owned(),
            ];
            for (_, judged) in &judged {
                arguments.extend_from_slice(judged);
            }
            self.call(&script::RESERVE, &keys, &arguments)
        })?;
        let time = if reply.get(3).is_some_and(|word| word == "granted") { number(reply.get(4)) } else { 0 };
        // It may be held since the day before, where the answer was lost over midnight.
        let buckets = bucket_names(&self.run, request.attribution, &Day::of(time));
        Ok((Held { is_sent: false, time, row, buckets }, reply))
    }

    /// Resolves those of `ids` whose lease is over.
    fn resolve(&self, ids: &[String]) -> Result<u64, StoreError> {
        let mut buckets = redis::pipe();
        for id in ids {
            buckets.cmd("HGET").arg(self.key(&request_key(id))).arg("buckets");
        }
        let buckets: Vec<Option<String>> = self.link().commands(&buckets)?;
        let mut names = ["root", "open", "begun"].map(str::to_owned).to_vec();
        let mut arguments = Vec::new();
        for (id, buckets) in ids.iter().zip(buckets) {
            let buckets: Vec<String> =
                buckets.and_then(|names| serde_json::from_str(&names).ok()).unwrap_or_default();
            arguments.extend([id.clone(), buckets.len().to_string()]);
            names.push(request_key(id));
            names.extend(buckets);
        }
        let reply = self.call(&script::RESOLVE, &self.keys(&names), &arguments)?;
        match &reply[..] {
            [done, _, _, count] if done == "done" => Ok(number(Some(count))),
            _ => Err(self.unexpected(&reply)),
        }
    }
}

impl Store for RedisStore {
    fn reserve(&self, request: &Request<'_>, limits: &Limits) -> Result<Admission, StoreError> {
        for round in 0..TRIES {
            // What others left is cleared away some at a time, and all of it before a request is
            // denied for it.
            let (held, reply) = self.write(request, limits, "", round >= 4)?;
            match &reply[..] {
                [tag, ids @ ..] if tag == "abandoned" => {
                    self.resolve(ids)?;
                }
                [_, _, _, word, ..] if word == "granted" => {
                    lock(&self.held).insert(request.id.to_owned(), held);
                    return Ok(Admission::Granted);
                }
                [_, _, _, word, crossed, used, held] if word == "denied" => {
                    let asked = Asked::of(request);
                    let judged = judged(limits, request.attribution, &asked);
                    let crossed = usize::try_from(number(Some(crossed))).unwrap_or(usize::MAX);
                    let Some((limit, _)) = judged.get(crossed) else { return Err(self.unexpected(&reply)) };
                    return Ok(Admission::Denied(denial(limit, &asked, used, number(Some(held)))));
                }
                _ => {
                    self.transition(request.id, "reserved", &reply)?;
                    return Err(self.unexpected(&reply));
                }
            }
        }
        Err(self.failed(Fault::Contended))
    }

    fn dispatch(&self, id: &str, lease: Duration) -> Result<(), StoreError> {
        let keys = self.keys(&["root", "open", "begun", &request_key(id)].map(str::to_owned));
        let arguments = [id.to_owned(), ms(lease).to_string(), nonce()];
        let reply = self.call(&script::DISPATCH, &keys, &arguments)?;
        self.transition(id, "dispatched", &reply)?;
        if let Some(held) = lock(&self.held).get_mut(id) {
            held.is_sent = true;
        }
        Ok(())
    }

    fn settle(&self, id: &str, settlement: &Settlement<'_>) -> Result<(), StoreError> {
        let held = self.held(id)?;
        let usage = settlement.usage;
        let (provider, model, counted) =
            row::Written::read(&held.row).map(|written| written.counted()).unwrap_or_default();
        // As SQLite asks when it is read: see `rows::experience`.
        let is_answer = !matches!(settlement.outcome, "short_read" | "rejected");
        let is_experience =
            is_answer && usage.source == UsageSource::Reported && usage.input > 0 && counted > 0;
        let day = Day::of(held.time);
        let names = ["root", "open", "begun", "days"].map(str::to_owned).into_iter();
        let names = names.chain([request_key(id), index_key(day.start), experience_key(&provider, &model)]);
        let keys = self.keys(&names.chain(held.buckets.iter().cloned()).collect::<Vec<_>>());
        let optional = |amount: Option<u64>| amount.map_or_else(String::new, |amount| amount.to_string());
        let arguments = [
            id.to_owned(),
            flag(settlement.full),
            most(usage.total()).to_string(),
            optional(settlement.cost.map(|cost| most(cost.0))),
            row::usage(settlement),
            optional(settlement.energy.map(|energy| energy.0)),
            settlement.outcome.to_owned(),
            optional(settlement.latency.map(ms)),
            self.kept(),
            if is_experience { format!("{counted}:{}", usage.input) } else { String::new() },
            flag(held.is_sent),
            held.time.to_string(),
            held.row,
            serde_json::to_string(&held.buckets).unwrap_or_default(),
            day.start.to_string(),
        ];
        let reply = self.call(&script::SETTLE, &keys, &arguments)?;
        self.transition(id, "settled", &reply)?;
        lock(&self.held).remove(id);
        Ok(())
    }

    fn keepsake(&self, id: &str) -> Option<String> {
        serde_json::to_string(lock(&self.held).get(id)?).ok()
    }

    fn remind(&self, id: &str, keepsake: &str) {
        let held = serde_json::from_str(keepsake).ok();
        lock(&self.held).extend(held.map(|held| (id.to_owned(), held)));
    }

    fn release(&self, id: &str) -> Result<(), StoreError> {
        let held = self.held(id)?;
        let names = ["root", "open", "begun", &request_key(id)].map(str::to_owned);
        let keys = self.keys(&names.into_iter().chain(held.buckets).collect::<Vec<_>>());
        let reply = self.call(&script::RELEASE, &keys, &[id.to_owned()])?;
        self.transition(id, "released", &reply)?;
        lock(&self.held).remove(id);
        Ok(())
    }

    fn reap(&self) -> Result<u64, StoreError> {
        let keys = self.keys(&["root", "open", "begun"].map(str::to_owned));
        let mut resolved = 0;
        // As many as there may be; what is left after that is resolved by others, or next time.
        for _ in 0..TRIES / 64 {
            let reply = self.call(&script::OVER, &keys, &[])?;
            match &reply[..] {
                [tag] if tag == "abandoned" => break,
                [tag, ids @ ..] if tag == "abandoned" => resolved += self.resolve(ids)?,
                _ => return Err(self.unexpected(&reply)),
            }
        }
        Ok(resolved)
    }

    fn refuse(&self, request: &Request<'_>, outcome: &str) -> Result<(), StoreError> {
        let (_, reply) = self.write(request, &Limits::default(), outcome, true)?;
        match reply.get(3).map(String::as_str) {
            Some("denied" | "granted") => Ok(()),
            _ => Err(self.unexpected(&reply)),
        }
    }

    fn totals(&self, attribution: &Attribution) -> Result<WindowTotals, StoreError> {
        let reply = self.on_the_day(|day| {
            let names = std::iter::once("root".to_owned()).chain(bucket_names(&self.run, attribution, day));
            let keys = self.keys(&names.collect::<Vec<_>>());
            self.call(&script::LOOK, &keys, &[day.start.to_string(), day.end.to_string()])
        })?;
        let mut amounts = reply.iter().skip(5).map(|amount| number(Some(amount)));
        let mut next = || {
            let mut amount = || amounts.next().unwrap_or(0);
            let (tokens, held, cost, held_cost, unpriced) =
                (amount(), amount(), amount(), amount(), amount());
            Totals {
                used: tokens.saturating_sub(held),
                reserved: held,
                used_cost: PicoUsd(cost.saturating_sub(held_cost)),
                reserved_cost: PicoUsd(held_cost),
                unpriced,
            }
        };
        let (time, clock) = (number(reply.get(3)), number(reply.get(4)));
        let mut totals = WindowTotals { time, clock, run: next(), ..WindowTotals::default() };
        for (scope, _) in scopes(attribution) {
            totals.scopes.insert(scope, ScopeTotals { day: next(), month: next() });
        }
        Ok(totals)
    }

    fn ledger(&self, since: u64) -> Result<Vec<LedgerRow>, StoreError> {
        self.rows(since)
    }

    fn experience(&self, provider: &str, model: &str, most: usize) -> Result<Vec<Experience>, StoreError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("ZREVRANGE");
        command.arg(self.key(&experience_key(provider, model))).arg(0).arg(most - 1);
        let members: Vec<String> = self.link().command(&command)?;
        let read = |member: &String| {
            let mut fields = member.split(':').skip(1).map(str::parse);
            Some(Experience { counted: fields.next()?.ok()?, reported: fields.next()?.ok()? })
        };
        Ok(members.iter().filter_map(read).collect())
    }

    fn update(
        &self,
        cell: &str,
        change: &mut dyn FnMut(u64, Option<&str>) -> Option<String>,
    ) -> Result<(), StoreError> {
        let keys = || {
            let ticket = format!("ticket:{}", nonce());
            self.keys(&["root", "cells", &cell_key(cell), &ticket].map(str::to_owned))
        };
        let named = [cell.to_owned(), self.kept()];
        let read = [&named[..], &["read".to_owned()]].concat();
        let mut reply = self.call(&script::UPDATE, &keys(), &read)?;
        for _ in 0..TRIES {
            let [tag, now, is_there, text] = &reply[..] else { return Err(self.unexpected(&reply)) };
            if tag != "found" {
                return Err(self.unexpected(&reply));
            }
            let text = (is_there == "1").then_some(text.as_str());
            let Some(new) = change(number(Some(now)), text) else { return Ok(()) };
            let written = ["write".to_owned(), is_there.clone(), text.unwrap_or("").to_owned(), new];
            let next = self.call(&script::UPDATE, &keys(), &[&named[..], &written].concat())?;
            if next.first().is_some_and(|tag| tag == "done") {
                return Ok(());
            }
            reply = next;
        }
        Err(self.failed(Fault::Contended))
    }

    fn cells(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let mut range = redis::cmd("ZRANGEBYLEX");
        // No name has the byte 255, which stands in no UTF-8.
        range
            .arg(self.key("cells"))
            .arg(format!("[{prefix}"))
            .arg([b"(", prefix.as_bytes(), b"\xff"].concat());
        let names: Vec<String> = self.link().command(&range)?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = redis::cmd("MGET");
        for name in &names {
            read.arg(self.key(&cell_key(name)));
        }
        let texts: Vec<Option<String>> = self.link().command(&read)?;
        Ok(names.into_iter().zip(texts).filter_map(|(name, text)| Some((name, text?))).collect())
    }

    fn about(&self) -> Result<About, StoreError> {
        let info = self.info()?;
        let open: u64 = self.link().command(redis::cmd("ZCARD").arg(self.key("open")))?;
        let refusal = self.refusal().map(|fault| self.failed(fault).to_string());
        Ok(About { refusal, ..about::about(&mut self.link(), &info, open) })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic leaves at worst a connection that is closed and opened anew.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn flag(is_so: bool) -> String {
    if is_so { "1" } else { "0" }.to_owned()
}

fn number(text: Option<&String>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// 64 random bits in hexadecimal; see [`random_id`](crate::meter::budget).
fn nonce() -> String {
    format!("{:016x}", RandomState::new().hash_one(0u8))
}
