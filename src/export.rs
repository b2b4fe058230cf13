//! What `exportTo` of `lib/output-store.js` calls.

use gsd_session_core::store::export::{ExportProgress, Player};
use gsd_session_core::store::model::ExportFormat;
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::sizes::Wanted;

use crate::background::promise;
use crate::convert::{Argument, MAX_CELLS, new_file_path, optional};
use crate::error::Parsed;
use crate::js::Value;
use crate::natives::{Answer, Call, Native, natives};
use crate::progress::{Listener, Report, numbers};
use crate::redact::redact_of;

/// The function.
pub const NATIVES: &[Native] = natives! {
    "OutputStore.exportTo": export_to;
};

/// the store, sessionId, file, format, columns, rows, [name, script, hash, style] of the player, what secrets look like, who is
/// told -> a promise of outputs, totalOutputs, bytes
fn export_to<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs: &Outputs = call.native()?;
    let [session_id, file, format, columns, rows, player, redact, tell] = call.array(1)?;
    let session_id = Argument::new("sessionId", session_id).string()?;
    let target = new_file_path(&Argument::new("file", file), outputs.connection())?;
    let format =
        Argument::new("options.format", format).one_of(ExportFormat::parse, ExportFormat::TEXTS)?;
    let size = size_of(columns, rows)?;
    let player = optional(Argument::new("options.player", player), player_of)?;
    let redactor = redact_of(redact)?.map(|redact| redact.redactor);
    let mut listener = Listener::new(call.scope(), tell)?;
    let export = outputs.export(session_id, format, size, player, redactor)?;
    promise(call, numbers, move || {
        let written = export.write_to(&target, |progress| listener.tell(progress))?;
        written.ok_or_else(|| listener.failure())
    })
}

/// The player from an array of its texts.
fn player_of(player: &Argument<'_, '_>) -> Parsed<Player> {
    let text = |index| player.element(index)?.string();
    Ok(Player { name: text(0)?, script: text(1)?, hash: text(2)?, style: text(3)? })
}

/// The size of a terminal from the options `columns` and `rows`.
pub fn size_of(columns: Value<'_>, rows: Value<'_>) -> Parsed<Wanted> {
    let cells = |name, value| {
        let cells = optional(Argument::new(name, value), |cells| cells.integer_in(1..=MAX_CELLS))?;
        Parsed::Ok(cells.and_then(|cells| u16::try_from(cells).ok()))
    };
    Ok((cells("options.columns", columns)?, cells("options.rows", rows)?))
}

impl Report for ExportProgress {
    fn is_last(&self) -> bool {
        self.outputs == self.total_outputs
    }

    fn numbers(&self) -> Vec<f64> {
        vec![self.outputs as f64, self.total_outputs as f64, self.bytes as f64]
    }
}
