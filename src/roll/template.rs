//! Templates: a task definition in JSON whose strings hold `${name}`.
//!
//! The JSON is parsed first and its strings are filled in afterwards, so that no value can add a field or end a string.
//! `$${name}` is a literal `${name}`.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

/// What `pull` writes in place of a value that was not asked for.
pub const MASK: &str = "***";

/// Why a template cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// No JSON.
    #[error("the template is not JSON: {0}. A placeholder belongs inside a string: \"${{name}}\"")]
    NotJson(String),
    /// JSON, but no object.
    #[error("the template is not a JSON object; expected a task definition, as `deployer roll pull` writes it")]
    NoObject,
    /// A placeholder without a value.
    #[error("{place}: ${{{name}}} has no value; pass it with --set {name}=VALUE, or write $${{{name}}} for the text itself")]
    Unset {
        /// Where in the template, as a JSON pointer.
        place: String,
        /// The placeholder's name.
        name: String,
    },
    /// Something that begins like a placeholder and is none.
    #[error("{place}: \"{text}\" is not a placeholder; expected ${{name}} with letters, digits and _, or $${{ for a literal ${{")]
    Malformed {
        /// Where in the template, as a JSON pointer.
        place: String,
        /// What stands there, from `${` on, at most 20 characters.
        text: String,
    },
    /// A value that `pull` left out.
    #[error("{place}: the value was masked by `deployer roll pull`; put the real value there, or pull again with --values")]
    Masked {
        /// Where in the template, as a JSON pointer.
        place: String,
    },
    /// A value that no placeholder names.
    #[error("--set {0}: the file has no ${{{0}}}; check the name")]
    Unused(String),
}

/// Renders a template.
///
/// # Errors
/// A [`TemplateError`].
pub fn render(text: &str, values: &BTreeMap<String, String>) -> Result<Value, TemplateError> {
    let mut document: Value = serde_json::from_str(text).map_err(|error| TemplateError::NotJson(error.to_string()))?;
    if !document.is_object() {
        return Err(TemplateError::NoObject);
    }
    let mut used = Vec::new();
    walk(&mut document, "", &mut |place, text| {
        if text == MASK {
            return Err(TemplateError::Masked { place: place.to_owned() });
        }
        fill(place, text, values, &mut used)
    })?;
    match values.keys().find(|name| !used.contains(*name)) {
        Some(name) => Err(TemplateError::Unused(name.clone())),
        None => Ok(document),
    }
}

/// A text in which a template's placeholders are literal.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

/// A document whose strings are literal in a template.
pub fn escape_all(document: &mut Value) {
    // Escaping cannot fail.
    let _ = walk(document, "", &mut |_, text| Ok(escape(text)));
}

fn walk(
    value: &mut Value,
    place: &str,
    change: &mut dyn FnMut(&str, &str) -> Result<String, TemplateError>,
) -> Result<(), TemplateError> {
    match value {
        Value::String(text) => *text = change(if place.is_empty() { "/" } else { place }, text)?,
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, &format!("{place}/{index}"), change)?;
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                walk(field, &format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), change)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// Fills in one text; the names of the values that it used are added to `used`.
///
/// # Errors
/// A [`TemplateError`].
pub fn fill(place: &str, text: &str, values: &BTreeMap<String, String>, used: &mut Vec<String>) -> Result<String, TemplateError> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("${") {
        if at > 0 && rest.as_bytes()[at - 1] == b'$' {
            filled.push_str(&rest[..at - 1]);
            filled.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        filled.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let name = inside.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        let Some(name) = name else {
            return Err(TemplateError::Malformed { place: place.to_owned(), text: rest[at..].chars().take(20).collect() });
        };
        let value = values.get(name).ok_or_else(|| TemplateError::Unset { place: place.to_owned(), name: name.to_owned() })?;
        used.push(name.to_owned());
        filled.push_str(value);
        rest = &inside[name.len() + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Whether this can be a placeholder's name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use serde_json::json;

    use super::{TemplateError, escape, render};

    fn rendered(text: &str, values: &[(&str, &str)]) -> Result<serde_json::Value, TemplateError> {
        render(text, &values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn placeholders_are_filled_inside_strings() {
        let document = rendered(r#"{"image":"repo:${version}","list":["${a}${a}"]}"#, &[("version", "1.2"), ("a", "x")]);
        assert_eq!(document, Ok(json!({ "image": "repo:1.2", "list": ["xx"] })));
    }

    #[test]
    fn a_value_cannot_inject_fields_or_further_placeholders() {
        let document = rendered(r#"{"image":"${v}"}"#, &[("v", r#"x","privileged":"${v}"#)]).unwrap();
        assert_eq!(document, json!({ "image": r#"x","privileged":"${v}"# }));
    }

    #[test]
    fn a_placeholder_without_a_value_is_named_with_its_place() {
        let error = rendered(r#"{"containerDefinitions":[{"image":"r:${version}"}]}"#, &[]).unwrap_err().to_string();
        assert!(error.contains("/containerDefinitions/0/image") && error.contains("--set version=VALUE"), "{error}");
    }

    #[test]
    fn two_dollars_are_a_literal_placeholder() {
        assert_eq!(rendered(r#"{"c":"echo $${HOME} $5"}"#, &[]), Ok(json!({ "c": "echo ${HOME} $5" })));
        assert_eq!(escape("a ${b} $c"), "a $${b} $c");
    }

    #[test]
    fn empty_values_stay() {
        assert_eq!(rendered(r#"{"a":"","b":[],"c":"${e}"}"#, &[("e", "")]), Ok(json!({ "a": "", "b": [], "c": "" })));
    }

    #[test]
    fn what_is_no_placeholder_is_refused() {
        assert!(matches!(rendered(r#"{"a":"${a b}"}"#, &[]), Err(TemplateError::Malformed { .. })));
        assert!(matches!(rendered(r#"{"a":"${a"}"#, &[]), Err(TemplateError::Malformed { .. })));
        assert!(matches!(rendered(r#"{"a":${b}}"#, &[]), Err(TemplateError::NotJson(_))));
        assert_eq!(rendered("[]", &[]), Err(TemplateError::NoObject));
        assert_eq!(rendered("{}", &[("verson", "1")]), Err(TemplateError::Unused("verson".to_owned())));
        assert!(matches!(rendered(r#"{"a":"***"}"#, &[]), Err(TemplateError::Masked { .. })));
    }
}
