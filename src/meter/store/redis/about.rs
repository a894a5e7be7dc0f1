//! What a server's settings allow to be promised.

use std::collections::HashMap;

use super::fault::Fault;
use super::link::Link;
use crate::meter::store::{About, StoreError};

/// The lines of INFO.
pub(super) struct Info(HashMap<String, String>);

impl Info {
    /// Asks for the sections that are needed here.
    pub(super) fn of(link: &mut Link) -> Result<Self, StoreError> {
        let text: String = link.command(&redis::cmd("INFO"))?;
        Ok(Self::parse(&text))
    }

    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A limit cannot be hard where its counter may be removed. What a server does not say is left to
    /// [`about`] to tell.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match (self.get("maxmemory"), self.get("maxmemory_policy")) {
            ("" | "0", _) | (_, "noeviction") => Ok(()),
            (_, policy) => Err(Fault::Evicting(policy.to_owned())),
        }
    }
}

/// What the server is, and what its settings keep of the promise that no limit is crossed.
pub(super) fn about(link: &mut Link, info: &Info, open: u64) -> About {
    let replicas: u64 = info.get("connected_slaves").parse().unwrap_or(0);
    let server = match info.get("redis_mode") {
        "cluster" => format!("Redis {} (node of a cluster)", info.get("redis_version")),
        _ => format!("Redis {}", info.get("redis_version")),
    };
    let mut facts = vec![server, format!("namespace {}", link.server().namespace), format!("{open} open")];
    let mut warnings = Vec::new();
    warnings.extend(unknown_eviction(info));
    warnings.extend(clock_ahead(link));
    match durability(link, info) {
        Durability::Always if replicas == 0 => {
            facts.push("limits hold through power loss (one primary, appendfsync always)".to_owned());
        }
        Durability::Always => {}
        Durability::EverySecond => warnings.push(
            "power loss may take up to a second of acknowledged writes (appendfsync everysec): limits may then be \
             overrun by what was reserved in that second; set appendfsync always"
                .to_owned(),
        ),
        Durability::System => warnings.push(
            "the system decides when to write to disk (appendfsync no): power loss may take half a minute of \
             acknowledged writes, and limits may be overrun by what was reserved in it; set appendfsync always"
                .to_owned(),
        ),
        Durability::Unknown => warnings.push(
            "the login may not read the settings appendfsync and save (CONFIG GET), so it cannot be told what a \
             crash or power loss takes"
                .to_owned(),
        ),
        Durability::Snapshots => warnings.push(
            "only snapshots are kept: a crash takes what was acknowledged since the last one, which machines that \
             saw it notice, and then make no call; set appendonly yes and appendfsync always"
                .to_owned(),
        ),
        Durability::Nothing => warnings.push(
            "nothing is kept on disk: a restart forgets all that was used, which is noticed, and no call is made \
             until `hookgate store init`; set appendonly yes and appendfsync always"
                .to_owned(),
        ),
    }
    if replicas > 0 {
        warnings.push(format!(
            "it has {replicas} replicas, which may lag behind: a failover may take acknowledged writes, which \
             machines that saw them notice; limits may be overrun by what was reserved in the lag"
        ));
    }
    if link.server().address.is_open_to_listeners() {
        warnings.push(
            "the connection is not encrypted: use rediss:// outside of a network of your own".to_owned(),
        );
    }
    About { place: link.server().address.to_string(), facts, warnings, refusal: None }
}

/// A server in front of the store may keep its settings to itself.
pub(super) fn unknown_eviction(info: &Info) -> Option<String> {
    let is_told = info.0.contains_key("maxmemory") && info.0.contains_key("maxmemory_policy");
    let warning = "it does not say whether it removes keys when its memory is full (INFO names no maxmemory or no \
                   maxmemory_policy), so it cannot be told whether limits are hard; see that maxmemory-policy is \
                   noeviction";
    (!is_told).then(|| warning.to_owned())
}

/// Windows never open twice, so that a clock that was ahead once keeps its day until the clock is there.
fn clock_ahead(link: &mut Link) -> Option<String> {
    let root = link.server().key("root");
    let shown: Option<u64> = link.command(redis::cmd("HGET").arg(root).arg("clock")).ok()?;
    let (seconds, _): (u64, u64) = link.command(&redis::cmd("TIME")).ok()?;
    let hours = shown?.saturating_sub(seconds * 1_000) / 3_600_000;
    (hours > 0).then(|| {
        format!(
            "its clock was {hours} hours ahead of what it shows now: days and months go on from there when it has \
             caught up, and until then requests count for the later day"
        )
    })
}

/// What survives power loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durability {
    Always,
    EverySecond,
    System,
    Snapshots,
    Nothing,
    Unknown,
}

fn durability(link: &mut Link, info: &Info) -> Durability {
    let mut setting = |name: &str| -> Option<String> {
        let answer: Vec<String> = link.command(redis::cmd("CONFIG").arg("GET").arg(name)).ok()?;
        answer.into_iter().nth(1)
    };
    if info.get("aof_enabled") != "1" {
        return match setting("save").as_deref() {
            Some("") => Durability::Nothing,
            Some(_) => Durability::Snapshots,
            None => Durability::Unknown,
        };
    }
    match setting("appendfsync").as_deref() {
        Some("always") => Durability::Always,
        Some("everysec") => Durability::EverySecond,
        Some("no") => Durability::System,
        _ => Durability::Unknown,
    }
}
