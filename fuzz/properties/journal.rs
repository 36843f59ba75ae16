//! The records of flips: any tag is a record or counts as absent, what is read survives being written and read again, and
//! what is written fits a tag.

use std::collections::BTreeMap;

use blue_green::asked::words::{MAX_ID, is_word};
use blue_green::release::id::{Digest, FlipId, MAX_JOB};
use blue_green::release::journal::{Journal, Tags};
use blue_green::release::record::{Closing, Flip, Phase, Reason, Record, Verdict};
use jiff::Timestamp;

use super::{assert_fits_a_key, assert_fits_a_tag};

const PHASES: [Phase; 4] = [Phase::Moving, Phase::Done, Phase::Undoing, Phase::Undone];
const REASONS: [Reason; 8] = [
    Reason::Made,
    Reason::NoOp,
    Reason::Refused,
    Reason::Outdated,
    Reason::Undone,
    Reason::Edited,
    Reason::Conflict,
    Reason::Setup,
];

/// Reads the bytes as tags, `KEY=VALUE` a line, and writes records with their lines as words.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let tags: BTreeMap<String, String> =
        text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    tags.iter().for_each(|(key, value)| reads(key, value));
    pair(&tags);
    if let [origin, name, job, partner, generation, ..] = text.lines().collect::<Vec<_>>()[..] {
        writes(origin, name, job, partner, generation);
    }
}

/// A tag that anybody may have edited.
fn reads(key: &str, value: &str) {
    let Some(record) = Record::parse(key, value) else { return };
    assert!(Record::is_key(key), "{key:?}");
    // A time may be written in more digits than it is kept with, and a generation with zeros in front.
    let written = Record::parse(&record.key(), &record.value());
    let again = written.as_ref().map(|record| (record.key(), record.value()));
    assert_eq!(again, Some((record.key(), record.value())), "{record:?}");
}

/// Whatever the tags of a pair are, its journal is consistent: nothing is lost without a word, nothing needed is old.
fn pair(tags: &BTreeMap<String, String>) {
    let none = BTreeMap::new();
    let group = |tags, tail| Tags { tags, tail };
    let journal = Journal::read([group(tags, "green/1"), group(&none, "blue/1")]);
    let records = tags.keys().filter(|key| Record::is_key(key)).count();
    assert_eq!(journal.flips().len() + journal.closings().len() + journal.unreadable().len(), records);
    let highest = journal.highest();
    assert!(journal.flips().iter().all(|(_, flip)| flip.generation <= highest && flip.partner == "blue/1"));
    let Some((side, newest)) = journal.newest() else { return };
    assert!(journal.flips().iter().all(|(_, flip)| flip.generation <= newest.generation));
    assert!(!journal.old()[side].contains(&Record::Flip(newest).key()));
}

/// What a flip writes: ids of legal length, groups as AWS names them (`name/hash`, at most 32 + 1 + 16 characters).
fn writes(origin: &str, name: &str, job: &str, partner: &str, generation: &str) {
    let named = |c: char| c.is_ascii_alphanumeric() || "-/".contains(c);
    let legal = is_word(origin) && origin.len() <= MAX_ID && is_word(job) && job.len() <= MAX_JOB;
    let Ok(generation) = generation.parse::<u32>().map(u64::from) else { return };
    if !legal || !(1..=49).contains(&partner.len()) || !partner.chars().all(named) {
        return;
    }
    let id = if name.is_empty() { FlipId::new(origin, &[]) } else { FlipId::new(origin, &[name.to_owned()]) };
    assert!(id.is_of(origin));
    let time = Timestamp::UNIX_EPOCH + std::time::Duration::from_millis(1_800_000_000_123);
    let digest = Digest::of(job);
    for phase in PHASES {
        let (id, job, partner) = (id.clone(), digest.clone(), partner.to_owned());
        is_kept(&Record::Flip(Flip { id, generation, job, phase, partner, time }));
    }
    for (reason, verdict) in REASONS.into_iter().flat_map(|reason| [Verdict::Failed, Verdict::Succeeded].map(|v| (reason, v))) {
        for called in [job.to_owned(), digest.to_string()] {
            let (flip, job) = (id.clone(), digest.clone());
            is_kept(&Record::Closing(Closing { flip, job, called, verdict, generation, reason, time }));
        }
    }
}

fn is_kept(record: &Record) {
    assert_fits_a_key(&record.key());
    assert_fits_a_tag(&record.value());
    assert_eq!(Record::parse(&record.key(), &record.value()).as_ref(), Some(record));
}
