//! Lists in the answers of the Query protocol, found without reading what their items hold.

use anyhow::{Result, bail};
use quick_xml::events::Event;

/// An answer, taken apart at one of its lists.
pub(super) struct List<'a> {
    /// Up to and with the list's start tag.
    pub head: &'a str,
    /// Each `<member>` with its tags.
    pub items: Vec<&'a str>,
    /// From the list's end tag on.
    pub tail: &'a str,
}

/// Finds the list with this name; none where it is there but empty.
///
/// # Errors
/// An answer without this list.
pub(super) fn list<'a>(body: &'a str, name: &str) -> Result<Option<List<'a>>> {
    let mut reader = quick_xml::Reader::from_str(body);
    // Where each item ends, and where the first begins.
    let (mut ends, mut depth, mut inside) = (Vec::new(), 0_usize, false);
    loop {
        match reader.read_event()? {
            Event::Start(tag) if !inside && tag.name().as_ref() == name => {
                inside = true;
                ends.push(reader.buffer_position() as usize);
            }
            Event::Start(_) if inside => depth += 1,
            Event::End(_) if inside && depth == 0 => break,
            Event::End(_) if inside => {
                depth -= 1;
                if depth == 0 {
                    ends.push(reader.buffer_position() as usize);
                }
            }
            // <Rules/>
            Event::Empty(tag) if !inside && tag.name().as_ref() == name => return Ok(None),
            Event::Eof => bail!("an answer without {name}: {body}"),
            _ => {}
        }
    }
    let items = ends.windows(2).map(|bounds| &body[bounds[0]..bounds[1]]).collect();
    Ok(Some(List { head: &body[..ends[0]], items, tail: &body[ends[ends.len() - 1]..] }))
}

/// The text of the first element with this name.
pub(super) fn text<'a>(xml: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    Some(rest.split_once('<')?.0)
}
