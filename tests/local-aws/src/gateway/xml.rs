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

/// An answer with the items of every list of this name in reverse. Lists of one name do not lie inside each other.
///
/// # Errors
/// A list that does not end.
pub(super) fn reversed(body: &str, name: &str) -> Result<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (mut rest, mut out) = (body, String::new());
    while let Some(at) = rest.find(&open) {
        let Some(end) = rest[at..].find(&close) else { bail!("a list {name} without its end: {body}") };
        let end = at + end + close.len();
        let Some(List { head, items, tail }) = list(&rest[at..end], name)? else { bail!("no list {name} in {body}") };
        out.extend([&rest[..at], head].into_iter().chain(items.into_iter().rev()).chain([tail]));
        rest = &rest[end..];
    }
    Ok(out + rest)
}

/// The text of the first element with this name.
pub(super) fn text<'a>(xml: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    Some(rest.split_once('<')?.0)
}

#[cfg(test)]
mod tests {
    use super::{reversed, text};

    #[test]
    fn every_list_of_a_name_is_turned_round_and_nothing_else() -> anyhow::Result<()> {
        let body =
            "<A><L><member>1<M><member>x</member></M></member><member>2</member></L></A><L></L><B>b</B><L><member>3</member></L>";
        let turned =
            "<A><L><member>2</member><member>1<M><member>x</member></M></member></L></A><L></L><B>b</B><L><member>3</member></L>";
        assert_eq!(reversed(body, "L")?, turned);
        assert_eq!(reversed(body, "None")?, body);
        assert_eq!(text(body, "B"), Some("b"));
        Ok(())
    }
}
