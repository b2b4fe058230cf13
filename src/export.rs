//! What `exportTo` of `lib/output-store.js` calls.

use gsd_session_core::store::export::{ExportProgress, Size};
use gsd_session_core::store::model::ExportFormat;
use gsd_session_core::store::outputs::Outputs;

use crate::background::promise;
use crate::convert::{Argument, new_file_path, optional};
use crate::error::Parsed;
use crate::natives::{Answer, Call, Native, natives};
use crate::progress::{Listener, Report, numbers};

/// The function.
pub const NATIVES: &[Native] = natives! {
    "OutputStore.exportTo": export_to;
};

/// What no terminal is wider or higher than.
const MAX_LENGTH: i64 = u16::MAX as i64;

/// the store, sessionId, file, format, columns, rows, who is told -> a promise of outputs, totalOutputs, bytes
fn export_to<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs: &Outputs = call.native()?;
    let [session_id, file, format, columns, rows, tell] = call.array(1)?;
    let session_id = Argument::new("sessionId", session_id).string()?;
    let target = new_file_path(&Argument::new("file", file), outputs.connection())?;
    let format =
        Argument::new("options.format", format).one_of(ExportFormat::parse, ExportFormat::TEXTS)?;
    let size = Size::default();
    let length = |name, value, default: u16| {
        let length =
            optional(Argument::new(name, value), |length| length.integer_in(1..=MAX_LENGTH))?;
        Parsed::Ok(length.and_then(|length| u16::try_from(length).ok()).unwrap_or(default))
    };
    let size = Size {
        columns: length("options.columns", columns, size.columns)?,
        rows: length("options.rows", rows, size.rows)?,
    };
    let mut listener = Listener::new(call.scope(), tell)?;
    let export = outputs.export(session_id, format, size)?;
    promise(call, numbers, move || {
        let written = export.write_to(&target, |progress| listener.tell(progress))?;
        written.ok_or_else(|| listener.failure())
    })
}

impl Report for ExportProgress {
    fn is_last(&self) -> bool {
        self.outputs == self.total_outputs
    }

    fn numbers(&self) -> Vec<f64> {
        vec![self.outputs as f64, self.total_outputs as f64, self.bytes as f64]
    }
}
