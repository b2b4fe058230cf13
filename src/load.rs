//! Where the addon is loaded: it exports `bind`, which gives `lib/` its functions.

use gsd_session_core::store::model::{OutputType, SessionStatus};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::environment::Environment;
use crate::js::{Scope, function};
use crate::natives::Native;
use crate::{
    blocks, connection, convert, database, exit, export, follow, maintenance, output_store,
    recording, redact, retention, sealing, search, session_store, statement, terminal,
};

/// The functions, by the names that `lib/` has for their tables.
const NATIVES: [(&str, &[Native]); 16] = [
    ("connection", connection::NATIVES),
    ("maintenance", maintenance::NATIVES),
    ("retention", retention::NATIVES),
    ("follow", follow::NATIVES),
    ("database", database::NATIVES),
    ("statement", statement::NATIVES),
    ("sessions", session_store::NATIVES),
    ("outputs", output_store::NATIVES),
    ("sealing", sealing::NATIVES),
    ("blocks", blocks::NATIVES),
    ("search", search::NATIVES),
    ("exports", export::NATIVES),
    ("terminal", terminal::NATIVES),
    ("recording", recording::NATIVES),
    ("redact", redact::NATIVES),
    ("values", convert::NATIVES),
];

/// One value for the main thread and each Worker. It is dropped when their environment ends.
struct Loaded;

impl Drop for Loaded {
    fn drop(&mut self) {
        exit::end();
    }
}

/// Gives an evaluation of `lib/` its functions, for what `lib/rows.js` passes.
#[napi(catch_unwind)]
pub fn bind<'env>(env: &'env Env, lib: Unknown<'env>) -> Result<Unknown<'env>> {
    if env.get_instance_data::<Loaded>()?.is_none() {
        env.set_instance_data(Loaded, (), |_| ())?;
    }
    let scope = Scope::new(env);
    let lib = scope.adopt(lib);
    let environment = Environment::new(scope, lib)?;
    let bound = scope.object()?;
    for (file, natives) in NATIVES {
        let functions = scope.object()?;
        for native in natives {
            let made = function(scope, &environment, (native.call, native.work), lib)?;
            scope.define(functions, &camel_case(native.name), made)?;
        }
        scope.define(bound, file, functions)?;
    }
    let names =
        |texts: &[&str]| scope.array_of(texts.iter().map(|text| scope.string(text.as_bytes())));
    scope.define(bound, "statuses", names(SessionStatus::TEXTS)?)?;
    scope.define(bound, "types", names(OutputType::TEXTS)?)?;
    Ok(bound.unknown())
}

/// `snake_case` as `snakeCase`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (start, rest) = word.split_at(word.len().min(1));
        name + &start.to_uppercase() + rest
    })
}
