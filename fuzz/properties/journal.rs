//! The journal: what is read survives being written and read again, and what is written fits a tag.

use std::collections::BTreeMap;

use blue_green::release::journal::{BUILD, FLIP, Flip, FlipId, MAX_ID, Marks, PAST, Past, group_mark, is_word};
use jiff::Timestamp;

use super::assert_fits_a_tag;

/// Reads the bytes as tags, and writes a journal with their lines as its words.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(flip) = Flip::parse(text) {
        assert_eq!(Flip::parse(&flip.to_string()), Some(flip));
    }
    let past = Past::parse(text);
    assert_eq!(Past::parse(&past.to_string()), past);
    let lines: Vec<&str> = text.lines().collect();
    read(&lines);
    if let [origin, name, promoted, retired, ..] = lines[..] {
        write(origin, name, [promoted, retired], &past);
    }
}

/// Tags that anybody may have edited.
fn read(lines: &[&str]) {
    let tags: BTreeMap<String, String> = [FLIP, PAST, BUILD].iter().zip(lines).map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let marks = Marks::parse(&tags);
    assert!(marks.flip.is_none_or(|flip| is_word(flip.id.as_str()) && is_word(&flip.promoted) && is_word(&flip.retired)));
}

/// What a flip writes: an id of legal length, groups as AWS names them (`name/hash`, at most 32 + 1 + 16 characters).
fn write(origin: &str, name: &str, groups: [&str; 2], past: &Past) {
    let named = |group: &str| group.chars().all(|c| c.is_ascii_alphanumeric() || "-/".contains(c));
    if !is_word(origin) || origin.len() > MAX_ID || !groups.iter().all(|group| (1..=49).contains(&group.len()) && named(group)) {
        return;
    }
    let id = if name.is_empty() { FlipId::new(origin, &[]) } else { FlipId::new(origin, &[name.to_owned()]) };
    assert!(id.is_of(origin));
    let [promoted, retired] = groups.map(str::to_owned);
    let time = Timestamp::UNIX_EPOCH + std::time::Duration::from_millis(1_800_000_000_123);
    for id in [id.clone(), id.kept(), FlipId::over(origin)] {
        let flip = Flip { id: id.clone(), promoted: promoted.clone(), retired: retired.clone(), time };
        assert_fits_a_tag(&flip.to_string());
        assert_eq!(Flip::parse(&flip.to_string()).as_ref(), Some(&flip));
        let with = past.with(&id, groups[0]);
        assert_fits_a_tag(&with.to_string());
        assert_eq!(with.find(&id), Some(group_mark(groups[0]).as_str()));
        assert_eq!(Past::parse(&with.to_string()), with);
        assert_eq!(with.without(&id).find(&id), None);
    }
}
