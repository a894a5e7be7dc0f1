//! The ledger with a write-ahead log, which it is made with, and with a rollback journal: the file
//! remembers what it is told.

use super::{Options, race, scale};

pub(crate) fn measure(options: &Options) {
    for mode in ["delete", "wal"] {
        println!("# {mode}: a race");
        let ledger = options.store();
        drop(ledger.budget(0));
        let connection = rusqlite::Connection::open(ledger.file()).unwrap();
        let set: String =
            connection.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0)).unwrap();
        assert_eq!(set, mode);
        drop(connection);
        race::once(options, &ledger, 400, 0);
        println!("# {mode}: a hook's own time, a process for each");
        scale::alone(&ledger, options.number("runs", 200));
    }
}
