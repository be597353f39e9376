//! A copy of a SQLite database while it is served.
use super::Error;
use rusqlite::{Connection, OpenFlags};

/// Writes a whole, consistent copy to a new file. Writers go on meanwhile.
pub fn backup(from: &str, to: &str) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(from, flags)?;
    db.busy_timeout(super::PATIENCE)?;
    super::sqlite::make_private(to);
    db.execute("VACUUM INTO ?1", [to])?;
    Ok(())
}
