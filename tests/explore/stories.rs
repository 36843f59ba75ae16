//! The stories of `tests/histories`, against the table.

use std::collections::BTreeSet;

use histories::Story;

use crate::play::Play;
use crate::rows::ROWS;
use crate::scenarios::SCENARIOS;

/// The rows that a story went through, and what was not as it says.
fn play(story: &Story) -> (BTreeSet<String>, Vec<String>) {
    let (mut play, mut rows, mut wrong) = (Play::new(), BTreeSet::new(), Vec::new());
    for line in &story.lines {
        let taken = play.take(&line.step).is_some();
        let found = play.state();
        rows.extend(found.rows.iter().flat_map(|row| row.split(',')).map(str::to_owned));
        if !taken {
            wrong.push(format!("{}:{}: this step cannot be taken here", story.file, line.number));
        } else if found != line.expected {
            wrong.push(story.wrong(line, &found));
        }
    }
    (rows, wrong)
}

#[test]
fn every_story_goes_as_it_is_written() {
    let wrong: Vec<String> = Story::all().iter().flat_map(|story| play(story).1).collect();
    assert!(wrong.is_empty(), "\n{}\n{} steps are not as written", wrong.join("\n"), wrong.len());
}

#[test]
fn every_row_has_a_story_that_goes_through_it() {
    let stories = Story::all();
    for (name, _) in ROWS {
        let tells = |story: &&Story| story.about.iter().any(|about| about == name);
        assert!(stories.iter().any(|story| tells(&story) && play(story).0.contains(name)), "row {name} has no story");
    }
}

#[test]
fn every_row_has_a_story_on_the_binary() {
    let stories = Story::all();
    for (name, _) in ROWS {
        let tells = |story: &Story| story.on_binary && story.about.iter().any(|about| about == name);
        assert!(stories.iter().any(tells), "row {name} has no story that is played against the binary");
    }
    let on_binary = stories.iter().filter(|story| story.on_binary).count();
    assert!(on_binary * 3 >= stories.len(), "{on_binary} of {} stories are played against the binary", stories.len());
}

#[test]
fn every_scenario_of_one_pair_has_a_story() {
    let stories = Story::all();
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.pairs == 1) {
        let tells = |story: &Story| story.about.iter().any(|about| about == scenario.name);
        assert!(stories.iter().any(tells), "no story tells of \"{}\"", scenario.name);
    }
}
