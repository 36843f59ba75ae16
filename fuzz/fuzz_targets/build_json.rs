//! Fuzzes `properties::build_json`.
#![no_main]

#[path = "../properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::build_json::holds(data));
