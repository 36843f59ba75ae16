//! What holds for any bytes, by what reads them. The fuzz targets try random bytes; `tests/corpus` tries again those that
//! are kept in `fuzz/corpus`.
#![allow(dead_code, reason = "each fuzz target takes one of these")]

pub mod build_json;
pub mod event;
pub mod fence;
pub mod journal;
pub mod parameters;

/// Panics where something does not hold for these bytes.
pub type Property = fn(&[u8]);

/// Every property by the name of its fuzz target, which is also the folder of its corpus.
pub const ALL: [(&str, Property); 5] = [
    ("build_json", build_json::holds),
    ("event", event::holds),
    ("fence", fence::holds),
    ("journal", journal::holds),
    ("parameters", parameters::holds),
];

/// The most characters of a tag's value (ELB user guide, "Tags").
const MAX_VALUE: usize = 255;
/// The most characters of a tag's key.
const MAX_KEY: usize = 127;

/// A tag's value is short enough and of legal characters.
fn assert_fits_a_tag(value: &str) {
    assert_fits(value, MAX_VALUE);
}

/// So is a tag's key.
fn assert_fits_a_key(key: &str) {
    assert_fits(key, MAX_KEY);
}

fn assert_fits(text: &str, limit: usize) {
    assert!(text.chars().count() <= limit, "{} characters: {text:?}", text.chars().count());
    let legal = |c: char| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c);
    assert!(text.chars().all(legal), "{text:?}");
}

/// A message for people: there is one, and nothing in it moves a terminal's cursor or begins another log line.
fn assert_readable(message: &str) {
    assert!(!message.is_empty());
    assert!(!message.chars().any(char::is_control), "{message:?}");
}
