//! The face: one file per JavaScript class, and what converts between JavaScript and the model.

mod background;
pub mod connection;
mod convert;
mod database;
pub mod environment;
pub mod error;
mod exit;
mod export;
pub mod exports;
mod follow;
mod js;
pub mod maintenance;
pub mod output_store;
mod progress;
pub mod retention;
mod rows;
mod search;
pub mod session_store;
mod statement;
mod warnings;
mod write_behind;

#[cfg(test)]
mod tests {
    use regex::Regex;
    use std::fs;

    #[test]
    fn every_function_that_javascript_calls_turns_panics_into_errors() {
        let function = Regex::new(r"(?s)#\[(?:napi_derive::)?napi(.*?)\]\s*pub fn (\w+)").unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/node");
        let mut found = 0;
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for [attribute, name] in function.captures_iter(&source).map(|found| found.extract().1)
            {
                found += 1;
                assert!(attribute.contains("catch_unwind"), "{name} in {}", path.display());
            }
        }
        assert!(found >= 10, "{found}");
    }
}
