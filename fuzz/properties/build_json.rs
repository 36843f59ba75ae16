//! build.json: the codes come in, everything else stays, and a second time changes nothing.

use blue_green::asked::build_file::{BuildFile, TAG};
use blue_green::asked::parameters::is_image_tag;
use serde_json::Value;

use super::assert_readable;

const CODES: [(&str, &str); 2] = [("Code1", "v1"), ("Code2", "v2")];

/// Reads the bytes as a build.json.
pub fn holds(data: &[u8]) {
    let file = match BuildFile::parse(data) {
        Ok(file) => file,
        Err(error) => return assert_readable(&error.to_string()),
    };
    assert!(is_image_tag(file.tag()), "{}", file.tag());
    let written = file.with_codes(&CODES);
    let again = BuildFile::parse(written.as_bytes()).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(again.tag(), file.tag());
    assert_eq!(again.with_codes(&CODES), written);
    // Not all that is JSON is a value: a text may hold half a surrogate pair, a number may be too large.
    let Ok(mut before) = serde_json::from_slice::<Value>(data) else { return };
    for (code, image) in CODES {
        before[code] = image.into();
    }
    let after: Value = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(after, before);
    assert_eq!(after[TAG], file.tag());
}
