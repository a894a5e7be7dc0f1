//! The file of the cache: made where it is missing, set aside where it is damaged, and left alone
//! where it is somebody else's.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, TransactionBehavior};

use super::CacheError;

/// Marks a SQLite file as a cache of hookgate's: `hkgc` in ASCII.
const APPLICATION: i64 = 0x686b_6763;

/// The version that this program reads and writes.
pub(super) const VERSION: i64 = 1;

/// How long a step waits for other processes' steps: each takes a few milliseconds, and a review
/// that is paid twice is better than a commit that waits.
const BUSY: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    place BLOB NOT NULL,                -- BLAKE3 of path and name of the definition
    model TEXT NOT NULL,
    level TEXT NOT NULL,
    prompt BLOB NOT NULL,
    old BLOB NOT NULL,                  -- BLAKE3 of what the definition said; empty for nothing
    new BLOB NOT NULL,
    repository TEXT NOT NULL,
    time INTEGER NOT NULL,              -- ms since the epoch, of the review
    used INTEGER NOT NULL,              -- days since the epoch, of its last use
    tokens INTEGER NOT NULL,
    millis INTEGER NOT NULL,
    said TEXT NOT NULL,
    seal BLOB NOT NULL                  -- BLAKE3 of the above but for id and used
) STRICT;
CREATE INDEX reviews_place ON reviews (place);
CREATE INDEX reviews_used ON reviews (used);
CREATE TABLE lookups (
    day INTEGER NOT NULL,               -- days since the epoch
    outcome TEXT NOT NULL,              -- hit, or why it was a miss
    units INTEGER NOT NULL,
    tokens INTEGER NOT NULL,            -- saved
    millis INTEGER NOT NULL,
    PRIMARY KEY (day, outcome)
) STRICT, WITHOUT ROWID;
CREATE TABLE sweeps (day INTEGER NOT NULL) STRICT;
";

/// Makes an empty file for this user alone, where there is none. Its journal takes its mode from it.
pub(super) fn create(directory: &Path, path: &Path) -> Result<(), CacheError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => crate::meter::make_private(directory).and_then(|()| options.open(path)),
        _ => Err(error),
    });
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                CacheError::ReadOnly(path.to_path_buf())
            }
            _ => CacheError::Other { path: path.to_path_buf(), reason: error.to_string() },
        }),
        _ => Ok(()),
    }
}

/// Opens the file, and gives an empty one its tables.
pub(super) fn connect(path: &Path) -> Result<Connection, CacheError> {
    let failed = |error| explain(path, &error);
    let mut connection = open(path).map_err(failed)?;
    if connection.is_readonly(MAIN_DB).map_err(failed)? {
        return Err(CacheError::ReadOnly(path.to_path_buf()));
    }
    if marks(&connection).map_err(failed)? == (0, 0) {
        begin(&mut connection).map_err(failed)?;
    }
    match marks(&connection).map_err(failed)? {
        (APPLICATION, VERSION) => Ok(connection),
        (APPLICATION, version) if version > VERSION => Err(CacheError::Newer(path.to_path_buf())),
        _ => Err(CacheError::Foreign(path.to_path_buf())),
    }
}

/// An empty cache in memory.
pub(super) fn passing() -> Result<Connection, CacheError> {
    let made = Connection::open_in_memory().and_then(|connection| {
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    });
    made.map_err(|error| CacheError::Other { path: PathBuf::new(), reason: error.to_string() })
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    Ok(connection)
}

/// Whose file it is, and its version; zeros in a new one.
fn marks(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((number("application_id")?, number("user_version")?))
}

/// Makes the tables, unless another process was faster or somebody else has tables there.
fn begin(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

/// What a database error means to the user. A damaged file is set aside on the way.
pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> CacheError {
    let reason = error.to_string();
    let path = path.to_path_buf();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => CacheError::Locked(path),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => CacheError::ReadOnly(path),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => match set_aside(&path) {
            Ok(aside) => CacheError::Damaged { path, aside },
            Err(error) => CacheError::Other { path, reason: format!("{reason}, {error}") },
        },
        _ => CacheError::Other { path, reason },
    }
}

/// Renames the file, over the last one that was set aside. Its journal goes first: left alone, it
/// would be played back into the file that takes this one's place.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let with = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    match std::fs::remove_file(with("-journal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let aside = with(".damaged");
    std::fs::rename(path, &aside)?;
    Ok(aside)
}
