//! `outputs.exportTo()`: the output of a session as a file of its own.

use std::path::PathBuf;

use napi::bindgen_prelude::JsValue;

use super::background::promise;
use super::convert::{Argument, Parsed, optional};
use super::js::{Arguments, Scope, Value};
use super::maintenance::new_file_path;
use super::output_store::outputs;
use super::progress::{Listener, Report};
use gsd_session_core::store::export::{Export, ExportProgress as Progress, Size};
use gsd_session_core::store::model::ExportFormat;
use gsd_session_core::store::outputs::Outputs;

/// sessionId, file, options. Every failure but that of the receiver rejects the promise.
pub fn export_to<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    let env = scope.env();
    let promise = promise(&env, "OutputStore.exportTo", Report::object, || {
        let (target, mut listener, export) = prepare(scope, outputs, &arguments)?;
        Ok(move || {
            let written = export.write_to(&target, |progress| listener.tell(progress))?;
            written.ok_or_else(|| listener.failure())
        })
    })?;
    Ok(scope.adopt(promise.to_unknown()))
}

fn prepare(
    scope: Scope<'_>,
    outputs: &Outputs,
    arguments: &Arguments<'_, '_>,
) -> Parsed<(PathBuf, Listener<Progress>, Export)> {
    let session_id = Argument::new("sessionId", arguments.get(1)?).string()?;
    let target = new_file_path(&Argument::new("file", arguments.get(2)?), outputs.connection())?;
    let options = Argument::new("options", arguments.get(3)?).object()?;
    let format = options.field(c"format")?.one_of(ExportFormat::parse, ExportFormat::TEXTS)?;
    let listener = Listener::of(&scope.env(), options)?;
    let size = Size::default();
    let length = |name, default: u16| {
        let length = optional(options.field(name)?, |length| length.integer_in(1..=MAX_LENGTH))?;
        Parsed::Ok(length.and_then(|length| u16::try_from(length).ok()).unwrap_or(default))
    };
    let size =
        Size { columns: length(c"columns", size.columns)?, rows: length(c"rows", size.rows)? };
    Ok((target, listener, outputs.export(session_id, format, size)?))
}

/// What no terminal is wider or higher than.
const MAX_LENGTH: i64 = u16::MAX as i64;

impl Report for Progress {
    fn is_last(&self) -> bool {
        self.chunks == self.total_chunks
    }

    fn object(scope: Scope<'_>, progress: Self) -> napi::Result<Value<'_>> {
        scope.object(&[
            (c"chunks", scope.number(progress.chunks as f64)?),
            (c"totalChunks", scope.number(progress.total_chunks as f64)?),
            (c"bytes", scope.number(progress.bytes as f64)?),
        ])
    }
}
