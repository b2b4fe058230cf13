//! What others have attached to a file, and would notice when rows go.

use rusqlite::Connection as Sqlite;

use crate::sqlite::{self, columns, firing};
use crate::store::{Error, Result, text};

/// Refuses a file of which others would notice that rows go.
pub(super) fn check(sqlite: &Sqlite) -> Result<()> {
    let refuse = |what: String| {
        Err(Error::OutOfRange {
            field: "options.force".into(),
            expected: format!(
                "true for this file: sealing removes rows of session_outputs, and {what}"
            ),
            received: "false".into(),
        })
    };
    let firing = firing(sqlite, "session_outputs")?;
    if let Some(broken) = firing.broken {
        return refuse(format!("SQLite removes none of this file: {broken}"));
    }
    if let Some(name) = firing.triggers.first() {
        return refuse(format!("that fires the trigger {name:?}"));
    }
    let keys = sqlite::foreign_keys(sqlite)?;
    if let Some(key) = keys.iter().find(|key| key.parent.eq_ignore_ascii_case("session_outputs")) {
        return refuse(format!("rows of the table {:?} refer to them", key.table));
    }
    let mut statement =
        sqlite.prepare("SELECT lower(name) FROM pragma_table_xinfo('session_outputs')")?;
    let mut names = statement.query([])?;
    while let Some(row) = names.next()? {
        let name = String::from_utf8_lossy(text(row.get_ref(0)?)).into_owned();
        if !columns("session_outputs").contains(&name.as_str()) {
            return refuse(format!("a block has no column {name:?}"));
        }
    }
    Ok(())
}
