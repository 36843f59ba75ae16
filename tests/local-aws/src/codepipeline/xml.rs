//! Answers of the Query protocol as JSON, for whoever reads a few fields of them.

use anyhow::{Context, Result};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event as Xml;
use serde_json::{Map, Value};

/// What is inside an element: a text, a list of its `member`s, or its elements by name.
pub(super) fn element(reader: &mut quick_xml::Reader<&[u8]>) -> Result<Value> {
    let (mut fields, mut members, mut text) = (Map::new(), Vec::new(), String::new());
    loop {
        let (name, inner) = match reader.read_event()? {
            Xml::Start(tag) => {
                let name = tag.name().as_ref().to_owned();
                (name, element(reader)?)
            }
            Xml::Empty(tag) => (tag.name().as_ref().to_owned(), Value::String(String::new())),
            Xml::Text(part) => {
                text += &part;
                continue;
            }
            Xml::CData(part) => {
                text += &part;
                continue;
            }
            Xml::GeneralRef(entity) => {
                match entity.resolve_char_ref()? {
                    Some(sign) => text.push(sign),
                    None => text += resolve_predefined_entity(&entity).context("an entity that is not known")?,
                }
                continue;
            }
            Xml::End(_) | Xml::Eof => break,
            _ => continue,
        };
        if name == "member" { members.push(inner) } else { drop(fields.insert(name, inner)) }
    }
    if !members.is_empty() {
        return Ok(Value::Array(members));
    }
    Ok(if fields.is_empty() { Value::String(text) } else { Value::Object(fields) })
}
