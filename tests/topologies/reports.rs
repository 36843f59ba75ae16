//! What a check and a flip tell: who is live, in names that `PromoteTo` takes, and what a flip would do.

use std::fs;
use std::path::Path;

use blue_green::asked::parameters::Parameters;
use blue_green::release::id::Asker;
use blue_green::report::foresee::{Foreseen, foresee};
use blue_green::report::would::{Would, would_flip, would_write};
use blue_green::report::{Report, Sides};
use blue_green::seen::topology::Topology;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::notation::{Case, read};
use crate::simulate::{deliver, surveyed};

/// A shop and a cart; all four groups share two Identifiers.
const TWO_SERVICES: &str = "
group shop-a 2/2 Identifier=Code1 Image=1.0 IsProduction=true
group shop-b 2/2 Identifier=Code2 Image=1.1 IsProduction=false
group cart-a 2/2 Identifier=Code1 Image=2.0 IsProduction=false
group cart-b 2/2 Identifier=Code2 Image=2.1 IsProduction=true
port 80
  10 path-pattern /cart/*: forward cart-a 0, cart-b 100
  default: forward shop-a 100, shop-b 0
port 8080
  10 path-pattern /cart/*: forward cart-a 100, cart-b 0
  default: forward shop-a 0, shop-b 100
ask {\"PromoteTo\":\"shop-b,cart-b\"}
";

fn case(name: &str) -> Case {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topologies/cases").join(name);
    let text = fs::read_to_string(file).unwrap();
    read(text.split_once("---\n").unwrap().0)
}

fn now() -> Timestamp {
    "2026-01-02T10:00:00Z".parse().unwrap()
}

/// What a check says, with the sides as they are now.
fn checked(case: &Case) -> Report {
    let Case { topology, asked, asker } = case;
    let survey = surveyed(topology, asked);
    let Foreseen { plan, would } = foresee(topology, &survey, asked, asker, now()).unwrap();
    let summary = format!("{} {}", would_flip(topology, &survey, &plan, &would), would_write(&plan));
    let sides = |would: &Would| {
        let (Sides { live, test }, pair) = (would.sides(), &would.pair);
        if survey.is_live(pair, &live) == Some(true) { Sides { live, test } } else { Sides { live: test, test: live } }
    };
    let sides: Vec<Sides> = would.iter().map(sides).collect();
    Report::new(asker.flip.as_str(), topology, &sides, false, &summary)
}

fn flipped(topology: &Topology, asked: &Parameters, job: &str) -> (Topology, Report) {
    let asker = Asker::new(asked.execution.as_deref(), &asked.promote_to, job);
    let delivered = deliver(topology, asked, &asker, now());
    assert!(delivered.succeeded(), "{:?}", delivered.ends);
    let report = Report::new(asker.flip.as_str(), &delivered.topology, &delivered.sides(), true, "");
    (delivered.topology, report)
}

fn promote(names: &str) -> Parameters {
    Parameters::parse(&Value::to_string(&json!({ "ElbName": "shop", "PromoteTo": names }))).unwrap()
}

#[test]
fn the_output_test_takes_a_flip_back_also_with_shared_identifiers() {
    let Case { topology, asked, .. } = case("services-two-of-three.txt");
    let (there, report) = flipped(&topology, &asked, "job-1");
    assert_eq!((report.live.as_str(), report.test.as_str()), ("cart-b,shop-b", "cart-a,shop-a"));
    let (back, report) = flipped(&there, &promote(&report.test), "job-2");
    assert_eq!((report.live.as_str(), report.test.as_str()), ("cart-a,shop-a", "cart-b,shop-b"));
    assert_eq!(back.listeners, topology.listeners);
}

#[test]
fn a_check_says_who_is_live_service_by_service() {
    let report = checked(&read(TWO_SERVICES));
    assert_eq!((report.live.as_str(), report.live_image.as_str()), ("shop-a,cart-b", "1.0,2.1"));
    assert_eq!((report.test.as_str(), report.test_image.as_str()), ("shop-b,cart-a", "1.1,2.0"));
    assert!(report.summary.contains("A flip would make Code2 (target group shop-b, image 1.1) live"), "{}", report.summary);
    let live = "Code2 (target group cart-b, image 2.1) is live already: a flip would change no rule.";
    assert!(report.summary.contains(live), "{}", report.summary);
}

#[test]
fn a_flip_of_the_test_port_alone_is_told_as_that() {
    // Live serves Code2 everywhere; of two test rules one was left behind.
    let off = read(
        "
group blue 2/2 Identifier=Code1 Image=1.0 IsProduction=false
group green 2/2 Identifier=Code2 Image=1.1 IsProduction=true
port 80
  10 path-pattern /api/*: forward blue 0, green 100
  default: forward blue 0, green 100
port 8080
  10 path-pattern /api/*: forward blue 0, green 100
  default: forward blue 100, green 0
ask {\"PromoteTo\":\"Code2\"}
",
    );
    let report = checked(&off);
    assert_eq!((report.live.as_str(), report.test.as_str()), ("Code2", "Code1"));
    let told = "Code2 (target group green, image 1.1) is live already: a flip would only put Code1 (target group blue, image 1.0) \
                on the test port.";
    assert!(report.summary.contains(told) && !report.summary.contains("would make"), "{}", report.summary);
}

#[test]
fn a_flip_of_which_only_the_closing_is_left_is_told_as_that() {
    let report = checked(&case("half-done-labels.txt"));
    assert_eq!((report.live.as_str(), report.test.as_str()), ("Code2", "Code1"));
    assert!(report.summary.contains("is live already: a flip would change no rule."), "{}", report.summary);
}

#[test]
fn clients_that_are_bound_to_the_other_group_are_told() {
    let report = checked(&case("sticky-group-live-already.txt"));
    assert_eq!((report.live.as_str(), report.test.as_str()), ("Code2", "Code1"));
    assert!(report.summary.contains("would only move the clients that are still bound to Code1"), "{}", report.summary);
}

#[test]
fn live_rules_that_disagree_are_told() {
    let report = checked(&read(
        "
group blue 2/2 Identifier=Code1 Image=1.0 IsProduction=true
group green 2/2 Identifier=Code2 Image=1.1 IsProduction=false
flip run-1 1 by job-0 to green from blue is moving since 2026-01-02T09:00:00Z
port 80
  10 path-pattern /api/*: forward blue 0, green 100
  default: forward blue 100, green 0
port 8080
  10 path-pattern /api/*: forward blue 0, green 100
  default: forward blue 0, green 100
",
    ));
    assert_eq!((report.live.as_str(), report.test.as_str()), ("Code1", "Code2"));
    let told = "The live rules disagree about which version is live: a flip would make Code2 (target group green, image 1.1) live \
                on all of them";
    assert!(report.summary.contains(told), "{}", report.summary);
}
