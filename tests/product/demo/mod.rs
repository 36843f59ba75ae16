//! The demo as a person runs it: what it says, how it ends, and that it leaves nothing behind.

mod played;

use std::process::Command;
use std::time::{Duration, Instant};

use local_aws::world::binary;
use nix::sys::signal::Signal;

use played::Played;

/// A demo that a person watches takes a minute; here it shares its machine with other tests, and only a failure takes so long.
const WITHIN: Duration = Duration::from_secs(300);

#[test]
fn without_questions_it_flips_and_rolls_back_and_loses_no_request() {
    let ended = Played::start(&["--yes"], "").end(WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    let figures = ended.text.lines().find(|line| line.contains("over flip and roll-back")).unwrap();
    let requests: usize = figures.split(' ').next().unwrap().replace(',', "").parse().unwrap();
    assert!(requests >= 5_000 && figures.ends_with(", 0 failed"), "{figures}");
    assert!(ended.text.contains(r#"build.json: { "tag": "1.1", "Code1": "1.0", "Code2": "1.1" }"#), "{}", ended.text);
}

#[test]
fn with_roll_it_plays_a_roll_an_undo_a_task_and_a_release_of_four() {
    let ended = Played::start(&["--roll"], "").end(WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    let (mut rest, parts) = (
        ended.text.as_str(),
        [
            "main/web runs web:2",
            "container web ended with exit code 3",
            "web:2 runs again",
            "migrated 7 tables",
            "release 1.3 was not made: ingester: ",
            "Everything is as before",
            "reindexed for 1.4",
            "release 1.4 is made",
        ],
    );
    for part in parts {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not in {rest}")).1;
    }
    let failed = rest.lines().find(|line| line.contains("requests failed")).unwrap();
    assert!(failed.split_whitespace().any(|word| word == "0"), "{failed}");
}

#[test]
fn a_function_killed_mid_flip_gets_its_event_again_and_finishes() {
    // Approve, approve the roll-back, kill, approve that flip, look at the status meanwhile, let it go on, quit.
    let ended = Played::start(&[], "\n\nk\n\ns\n\nq\n").end(WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    let (_, killed) = ended.text.split_once("Killed as soon as").unwrap();
    for expected in
        ["answers 1.1", "deployer status --elb shop", "in 2 deliveries", "of 2 rules", "Code2 (target group shop-load-balancer-"]
    {
        assert!(killed.contains(expected), "{expected:?} not in {killed}");
    }
    assert_eq!(ended.text.matches("requests failed                        ┆ 0").count(), 3, "{}", ended.text);
}

#[test]
fn a_rejected_approval_changes_nothing_and_can_be_retried() {
    // Neither yes nor no, reject; retry and reject, retry and approve; status, quit.
    let ended = Played::start(&[], "what?\nn\n\nno\n\nyes\ns\nq\n").end(WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    let (before, after) = ended.text.split_once("It stays up").unwrap();
    assert!(before.contains(r#""what?" is neither yes nor no"#) && before.contains("Rejected"), "{before}");
    assert_eq!((after.matches("Retry of the stage").count(), after.matches("Rejected").count()), (2, 1), "{after}");
    assert!(after.contains("answers 1.0") && after.contains("approval until production answers 1.1"), "{after}");
    assert!(after.contains("80 live"), "{after}");
}

#[test]
fn every_approval_is_shown_what_it_would_do() {
    let ended = Played::start(&["--yes"], "").end(WITHIN);
    let checks = ended.text.matches("This is what an approval would do").count();
    assert_eq!((checks, ended.text.matches("[Enter or y approves").count()), (2, 2), "{}", ended.text);
}

#[test]
fn it_tells_how_to_point_the_deployer_at_it() {
    let mut demo = Played::start(&["--yes", "--stay"], "");
    let told = demo.wait_for("Enter, k, s, h or q?", WITHIN);
    let exported: Vec<_> = told.lines().filter_map(|line| line.trim().strip_prefix("export ")?.split_once('=')).collect();
    let commands = told.lines().filter_map(|line| line.trim().strip_prefix("target/release/deployer "));
    let run = |command: &str| {
        Command::new(binary("deployer")).env_clear().envs(exported.iter().copied()).args(command.split(' ')).output().unwrap()
    };
    let ended: Vec<_> = commands.map(|command| (command, run(command))).collect();
    demo.signal(Signal::SIGTERM);
    assert_eq!(demo.end(WITHIN).code, Some(130));
    for (verb, shows) in [("status", "80 live"), ("history", "taken back by you")] {
        let (_, output) = ended.iter().find(|(command, _)| command.starts_with(verb)).unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && shown.contains(shows), "{output:?}");
    }
}

#[test]
fn it_ends_quietly_where_nobody_reads_what_it_tells() {
    let ended = Played::start_unheard(&["--yes"]).end(WITHIN);
    assert_eq!(ended.code, Some(141), "{}", ended.text);
    assert!(!ended.text.contains("panicked"), "{}", ended.text);
    assert_eq!(ended.temporary_files, Vec::<String>::new());
}

#[test]
fn with_nobody_to_ask_it_says_so() {
    let ended = Played::start(&[], "").end(WITHIN);
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    assert!(ended.text.contains("Pass --yes"), "{}", ended.text);
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    for until in ["starting the local AWS", "The second build", "3  The approval", "4  The roll-back"] {
        let mut demo = Played::start(&["--yes", "--stay"], "");
        demo.wait_for(until, WITHIN);
        let started = demo.descendants();
        demo.signal(Signal::SIGINT);
        let ended = demo.end(WITHIN);
        assert_eq!(ended.code, Some(130), "{}", ended.text);
        assert_eq!(ended.temporary_files, Vec::<String>::new(), "after {until:?}");
        let deadline = Instant::now() + WITHIN;
        while started.iter().any(played::Process::lives) {
            assert!(Instant::now() < deadline, "after {until:?} some of {started:?} still run");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
