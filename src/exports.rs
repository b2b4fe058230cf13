//! The classes that scripts make, on their way into the exports of the package.

use napi::bindgen_prelude::{JsValue, ToNapiValue};
use napi::{Env, Result, sys};

use super::environment::Environment;
use super::js::{Kept, Scope};

/// A value of the environment, found by this function, that is exported.
pub struct Exported(pub fn(&Environment) -> &Kept);

impl ToNapiValue for Exported {
    unsafe fn to_napi_value(env: sys::napi_env, exported: Self) -> Result<sys::napi_value> {
        let env = Env::from_raw(env);
        let environment = Environment::of(&env)?;
        Ok(Scope::new(&env).kept((exported.0)(&environment))?.unknown().raw())
    }
}
