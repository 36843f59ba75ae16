//! build.json: what the build step hands over (`tag`, the new image tag), and what the deployer adds to it (`Code1` and
//! `Code2`, the image tag of each side). Pure: text in, text out.
//!
//! Everything else in the file stays, byte for byte and in its order; a number is never read and written again.

use serde_json::value::RawValue;
use thiserror::Error;

use crate::asked::entries::Entries;
use crate::asked::parameters::is_image_tag;

/// The key of the new image tag.
pub const TAG: &str = "tag";
/// The keys of both sides' image tags: the Identifiers of their groups.
pub const IDENTIFIERS: [&str; 2] = ["Code1", "Code2"];

/// A build.json that was read and holds a legal `tag`.
#[derive(Clone, Debug)]
pub struct BuildFile {
    entries: Vec<(String, Box<RawValue>)>,
    tag: String,
}

/// What is wrong with a build.json.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildFileError {
    /// The text is no JSON.
    #[error("is not JSON (line {line}, column {column}: {reason}); expected an object such as {{\"tag\":\"1.4.2\"}}")]
    NotJson {
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake, from 1.
        column: usize,
        /// The parser's words.
        reason: String,
    },
    /// It is text of two bytes a character.
    #[error("is UTF-16; expected UTF-8. Let the build step write it so (PowerShell: Set-Content -Encoding utf8)")]
    Utf16,
    /// It is JSON, but no object.
    #[error("is not a JSON object ({0}); expected one such as {{\"tag\":\"1.4.2\"}}")]
    NotObject(String),
    /// There is no `tag`.
    #[error("has no \"tag\" (found {}); the build step must write the new image tag there", listed(.0))]
    NoTag(Vec<String>),
    /// There are several, and nothing says which one is meant.
    #[error("has \"tag\" {0} times; expected it once")]
    SeveralTags(usize),
    /// The tag is no text, or none that a registry takes.
    #[error(
        "has the \"tag\" {0}; expected an image tag: a string of 1 to 128 letters, digits, _ . and -, not beginning with . or -"
    )]
    NotATag(String),
}

fn listed(keys: &[String]) -> String {
    if keys.is_empty() { "an empty object".to_owned() } else { format!("the keys {}", keys.join(", ")) }
}

impl BuildFile {
    /// Reads the bytes of a build.json.
    ///
    /// # Errors
    /// A [`BuildFileError`] that says what was found and what was expected; it completes "build.json …".
    pub fn parse(bytes: &[u8]) -> Result<Self, BuildFileError> {
        if matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [_, 0, ..] | [0, _, ..]) {
            return Err(BuildFileError::Utf16);
        }
        // A byte order mark says nothing in UTF-8, and some editors write it.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let entries = serde_json::from_slice::<Entries<Box<RawValue>>>(bytes).map_err(|error| {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let reason = error.to_string().replace(&place, "");
            if error.is_data() {
                BuildFileError::NotObject(reason)
            } else {
                BuildFileError::NotJson { line: error.line(), column: error.column(), reason }
            }
        })?;
        let entries = entries.0;
        let tags: Vec<&RawValue> = entries.iter().filter(|(key, _)| key == TAG).map(|(_, value)| &**value).collect();
        let tag = match tags.as_slice() {
            [] => return Err(BuildFileError::NoTag(entries.iter().map(|(key, _)| shown(&format!("{key:?}"))).collect())),
            [tag] => serde_json::from_str::<String>(tag.get()).ok().filter(|text| is_image_tag(text)),
            several => return Err(BuildFileError::SeveralTags(several.len())),
        };
        let tag = tag.ok_or_else(|| BuildFileError::NotATag(shown(tags[0].get())))?;
        Ok(Self { entries, tag })
    }

    /// The new image tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The file's text with these keys set, each to a text: where a key is there already its value is replaced, else it
    /// comes at the end. One key a line.
    #[must_use]
    pub fn with_codes(&self, codes: &[(&str, &str)]) -> String {
        let is_code = |key: &str| codes.iter().any(|(code, _)| *code == key);
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let kept =
            self.entries.iter().filter(|(key, _)| !is_code(key)).map(|(key, value)| (key.as_str(), value.get().to_owned()));
        let codes = codes.iter().map(|(key, value)| (*key, text(value)));
        let lines: Vec<String> = kept.chain(codes).map(|(key, value)| format!("  {}: {value}", text(key))).collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

/// A found value for a message: short, in JSON's own form, and with the control characters escaped that JSON takes as
/// they are (line ends between values, DEL and C1 within a text).
fn shown(text: &str) -> String {
    let mut short = String::new();
    for c in text.chars().take(60) {
        if c.is_control() { short.extend(c.escape_unicode()) } else { short.push(c) }
    }
    if text.chars().count() > 60 { format!("{short}…") } else { short }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use super::{BuildFile, BuildFileError};

    fn written(text: &str) -> Option<String> {
        Some(BuildFile::parse(text.as_bytes()).ok()?.with_codes(&[("Code1", "v1"), ("Code2", "v2")]))
    }

    #[test]
    fn other_keys_stay_as_they_are() {
        assert_eq!(
            written(r#"{"zeta":1.50,"tag":"v2","big":123456789012345678901234567890,"deep":{"b":1,"a":[ ]}}"#).as_deref(),
            Some(
                "{\n  \"zeta\": 1.50,\n  \"tag\": \"v2\",\n  \"big\": 123456789012345678901234567890,\n  \"deep\": {\"b\":1,\"a\":[ ]},\n  \"Code1\": \"v1\",\n  \"Code2\": \"v2\"\n}\n"
            )
        );
    }

    #[test]
    fn codes_that_are_there_are_replaced() {
        let once = written(r#"{"Code2":"old","tag":"v2","Code1":7,"Code1":8}"#).unwrap_or_default();
        assert_eq!(once, "{\n  \"tag\": \"v2\",\n  \"Code1\": \"v1\",\n  \"Code2\": \"v2\"\n}\n");
        assert_eq!(written(&once).as_deref(), Some(once.as_str()));
    }

    #[test]
    fn a_file_without_a_legal_tag_is_told_what_is_wrong() {
        let wrong = |text: &str| BuildFile::parse(text.as_bytes()).map(drop).unwrap_err();
        assert!(matches!(wrong(""), BuildFileError::NotJson { .. }));
        assert!(matches!(wrong("{\"tag\":\"v1\"} more"), BuildFileError::NotJson { .. }));
        assert_eq!(written("\u{feff}{\"tag\":\"v1\"}"), written("{\"tag\":\"v1\"}"));
        for utf16 in [&b"\xFF\xFE{\0"[..], b"\xFE\xFF\0{", b"{\0}\0"] {
            assert_eq!(BuildFile::parse(utf16).map(drop), Err(BuildFileError::Utf16));
        }
        for text in ["[]", "\"v1\"", "null", "7"] {
            assert!(matches!(wrong(text), BuildFileError::NotObject(_)), "{text}");
        }
        assert_eq!(wrong("{\"Tag\":\"v1\"}"), BuildFileError::NoTag(vec!["\"Tag\"".to_owned()]));
        assert_eq!(wrong("{\"tag\":\"v1\",\"tag\":\"v2\"}"), BuildFileError::SeveralTags(2));
        for value in ["7", "null", "[\"v1\"]", "\"\"", "\"a b\"", "\".v1\"", "\"v1\\n\"", "\"v1:2\""] {
            assert_eq!(wrong(&format!("{{\"tag\":{value}}}")), BuildFileError::NotATag(value.to_owned()));
        }
        assert!(matches!(wrong(&format!("{{\"tag\":\"{}\"}}", "a".repeat(129))), BuildFileError::NotATag(_)));
    }
}
