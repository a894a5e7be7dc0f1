//! Reading the rows of the ledger.

use std::collections::HashSet;

use super::window::{index_key, request_key};
use super::{DAY_MS, Fault, RedisStore, row, script};
use crate::meter::store::{LedgerRow, StoreError};

/// Rows of one answer, of some 2 KB each: it has to arrive within the server's timeout.
const TOGETHER: usize = 100;

impl RedisStore {
    /// The rows of requests made at or after `since`, oldest first.
    pub(super) fn rows(&self, since: u64) -> Result<Vec<LedgerRow>, StoreError> {
        self.call(&script::LOOK, &[self.key("root")], &[])?;
        let mut days = redis::cmd("ZRANGEBYSCORE");
        days.arg(self.key("days")).arg(since - since % DAY_MS).arg("+inf");
        let days: Vec<u64> = self.link().command(&days)?;
        let mut members: Vec<String> = Vec::new();
        for day in days {
            let mut index = redis::cmd("ZRANGEBYSCORE");
            index.arg(self.key(&index_key(day))).arg(since).arg("+inf");
            members.extend(self.link().command::<Vec<String>>(&index)?);
        }
        let mut met = HashSet::new();
        let ids = members.iter().filter_map(|member| Some(member.split_once(':')?.1));
        let ids: Vec<&str> = ids.filter(|&id| met.insert(id)).collect();
        let mut rows = Vec::with_capacity(ids.len());
        for some in ids.chunks(TOGETHER) {
            let mut hashes = redis::pipe();
            for id in some {
                hashes.cmd("HGETALL").arg(self.key(&request_key(id)));
            }
            let hashes: row::Hashes = self.link().commands(&hashes)?;
            for (id, hash) in some.iter().zip(hashes).filter(|(_, hash)| !hash.is_empty()) {
                let row = row::ledger_row(id, &hash);
                let damaged = || self.failed(Fault::Damaged(format!("request {id} is no row")));
                rows.push(row.ok_or_else(damaged)?);
            }
        }
        Ok(rows)
    }
}
