//! What is done to a database as a whole: what `verify()`, `backup()`, `salvage()` and `restore()` of `lib/` call.

use gsd_session_core::sqlite::Progress;
use gsd_session_core::store::restore::{self, Restored};
use gsd_session_core::store::salvage::{self, Salvaged};
use gsd_session_core::store::verify;

use crate::background::promise;
use crate::convert::{Argument, file_path, new_file_path};
use crate::js::{Scope, Value};
use crate::natives::{Answer, Call, Native, connection, natives};
use crate::progress::{Listener, Report, numbers};

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "DatabaseConnection.verify": verify;
    "DatabaseConnection.backup": backup;
    "salvage": salvage;
    "restore": restore;
};

/// the connection -> problems, orphanedOutputs, schemaVersion
fn verify<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = connection(call)?;
    let report = verify::verify(connection)?;
    let scope = call.scope();
    Ok(scope.array_of([
        strings(scope, &report.problems),
        scope.number(report.orphaned_outputs as f64),
        scope.number(report.schema_version as f64),
    ])?)
}

/// the connection, path, who is told -> a promise of totalPages, remainingPages
fn backup<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = connection(call)?;
    let target = new_file_path(&Argument::new("path", call.get(1)?), connection)?;
    let mut listener = Listener::new(call.scope(), call.get(2)?)?;
    let source = connection.backup_source()?;
    promise(call, numbers, move || {
        let copied = source.copy_to(&target, |progress| listener.tell(progress))?;
        copied.ok_or_else(|| listener.failure())
    })
}

impl Report for Progress {
    fn is_last(&self) -> bool {
        self.remaining_pages == 0
    }

    fn numbers(&self) -> Vec<f64> {
        vec![self.total_pages.into(), self.remaining_pages.into()]
    }
}

/// path, newPath -> a promise of sessions, outputs, the sessions, outputs and pages that are lost, problems
fn salvage<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let path = file_path(&Argument::new("path", call.get(0)?))?;
    let new_path = file_path(&Argument::new("newPath", call.get(1)?))?;
    promise(call, salvaged, move || Ok(salvage::salvage(&path, &new_path)?))
}

/// backup, path, who is told -> a promise of totalPages, and where the old database is now, if there was one
fn restore<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let backup = file_path(&Argument::new("backup", call.get(0)?))?;
    let path = file_path(&Argument::new("path", call.get(1)?))?;
    let mut listener = Listener::new(call.scope(), call.get(2)?)?;
    promise(call, restored, move || {
        let restored = restore::restore(&backup, &path, |progress| listener.tell(progress))?;
        restored.ok_or_else(|| listener.failure())
    })
}

fn restored(scope: Scope<'_>, restored: Restored) -> napi::Result<Value<'_>> {
    let kept = match &restored.kept {
        Some(kept) => scope.string(kept.to_string_lossy().as_bytes()),
        None => scope.null(),
    };
    scope.array_of([scope.number(restored.pages.into()), kept])
}

fn salvaged(scope: Scope<'_>, report: Salvaged) -> napi::Result<Value<'_>> {
    let number = |count: u64| scope.number(count as f64);
    scope.array_of([
        number(report.sessions),
        number(report.outputs),
        number(report.lost.sessions),
        number(report.lost.outputs),
        number(report.lost.pages),
        strings(scope, &report.problems),
    ])
}

fn strings<'env>(scope: Scope<'env>, texts: &[String]) -> napi::Result<Value<'env>> {
    scope.array_of(texts.iter().map(|text| scope.string(text.as_bytes())))
}
