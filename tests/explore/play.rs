//! Plays a story against the table: its world, its deliveries, and what each of them remembers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use blue_green::release::id::Digest;
use blue_green::release::invocation::Invocation;
use blue_green::release::record::Closing;
use blue_green::release::several::Decision;
use blue_green::seen::pair::Pair;
use blue_green::seen::side::Side;
use histories::{Group, Half, Rule, State, Step as Told};

use crate::steps::{Step, begins, steps, undoes};
use crate::world::{Group as Tags, Interned, Job, Looked, Odd, RULES, Rules, job, shape, view};

/// How long a delivery waits before it looks again, where a look may only be late.
const SOON: Duration = Duration::from_secs(1);
/// How long it waits for other jobs' plans to end.
const LONG: Duration = Duration::from_secs(20);

/// One delivery at work.
struct Delivery {
    job: Job,
    plan: VecDeque<Step>,
    invocation: Invocation,
    /// What was read first, where rules and tags are read apart.
    half: (Option<Rules>, Option<[u32; 2]>),
}

/// The world of a story.
pub struct Play {
    interned: Interned,
    pair: Pair,
    now: Instant,
    rules: Rules,
    marks: [u32; 2],
    fit: bool,
    odd: Odd,
    denied: Option<Rule>,
    kept: Option<Rule>,
    deliveries: BTreeMap<String, Delivery>,
    /// Writes of dead deliveries that are still on their way.
    late: BTreeMap<String, Step>,
    /// The rows that this step went through, and its answers.
    rows: Vec<String>,
    answers: Vec<String>,
}

impl Play {
    pub fn new() -> Self {
        let mut interned = Interned::default();
        let empty = interned.number(Tags::new());
        Self {
            interned,
            pair: Pair { first: "Code1".to_owned(), second: "Code2".to_owned() },
            now: Instant::now(),
            rules: shape(Side::First),
            marks: [empty; 2],
            fit: true,
            odd: Odd::default(),
            denied: None,
            kept: None,
            deliveries: BTreeMap::new(),
            late: BTreeMap::new(),
            rows: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Takes one step of a story; none where it cannot be taken here.
    pub fn take(&mut self, step: &Told) -> Option<()> {
        match step {
            Told::Deliver(name, calls) => {
                self.begin(name);
                self.work(name, *calls)
            }
            Told::Kill(name, calls) => {
                self.begin(name);
                self.work(name, Some(*calls))?;
                self.deliveries.remove(name).map(drop)
            }
            Told::Look(name) => {
                self.begin(name);
                self.look(name)
            }
            Told::Read(name, half) => {
                self.begin(name);
                self.deliveries.get_mut(name)?.half = match half {
                    Half::Rules => (Some(self.rules), None),
                    Half::Tags => (None, Some(self.marks)),
                };
                Some(())
            }
            Told::GoOn(name, calls) => self.work(name, *calls),
            Told::Die(name) => self.deliveries.remove(name).map(drop),
            Told::DieCalling(name) => {
                let call = self.deliveries.remove(name)?.plan.pop_front()?;
                self.late.insert(name.clone(), call);
                Some(())
            }
            Told::Land(name) => {
                let call = self.late.remove(name)?;
                self.write(&call);
                Some(())
            }
            Told::OutOfTime(name) => {
                self.deliveries.remove(name)?;
                self.answers.push(format!("{name} unfinished"));
                Some(())
            }
            world => {
                self.change(world);
                Some(())
            }
        }
    }

    /// What others do.
    fn change(&mut self, step: &Told) {
        match step {
            Told::Edit(rule, group) => self.rules[*rule as usize] = side(*group),
            Told::EditAll(group) => self.rules = shape(side(*group)),
            Told::Keep(rule) => self.kept = Some(*rule),
            Told::Deny(rule) => self.denied = Some(*rule),
            Told::Delete(rule) => self.odd.gone = Some(*rule as usize),
            Told::WipeTags(group) => self.marks[side(*group) as usize] = self.interned.number(Tags::new()),
            Told::LoseClosings(group) => {
                let mark = &mut self.marks[side(*group) as usize];
                let mut group = self.interned.group(*mark).clone();
                group.retain(|key, _| !key.starts_with("bluegreen:job."));
                *mark = self.interned.number(group);
            }
            Told::Guard(fit) => self.fit = *fit,
            Told::Fence(rebuilt) => self.odd.fenced = rebuilt.then_some("other"),
            Told::Image(right) => self.odd.wrong_image = !right,
            Told::Share(shares) => self.odd.shared = *shares,
            other => unreachable!("{other:?} is a step of a delivery"),
        }
    }

    fn begin(&mut self, name: &str) {
        let new = || Delivery {
            job: job(name.chars().next().unwrap()),
            plan: VecDeque::new(),
            invocation: Invocation::default(),
            half: (None, None),
        };
        self.deliveries.entry(name.to_owned()).or_insert_with(new);
    }

    /// Works until its end, until so many calls were made, or until it has to wait for another one's plan.
    fn work(&mut self, name: &str, calls: Option<usize>) -> Option<()> {
        let mut left = calls.unwrap_or(200);
        while left > 0 {
            let Some(step) = self.deliveries.get_mut(name)?.plan.pop_front() else {
                self.look(name)?;
                continue;
            };
            match step {
                Step::Wait => {
                    let busy = |other: &Delivery| matches!(other.plan.front(), Some(Step::Tag { .. } | Step::Rule { .. }));
                    let others_work = self.deliveries.iter().any(|(other, delivery)| other != name && busy(delivery));
                    let delivery = self.deliveries.get_mut(name)?;
                    if others_work {
                        delivery.plan.push_front(Step::Wait);
                        return Some(());
                    }
                    delivery.invocation.waited(&self.pair);
                    self.now += LONG;
                }
                Step::Unfinished => return self.end(name, "unfinished"),
                Step::Answer(verdict) => {
                    return self.end(name, if verdict.to_string() == "S" { "succeeded" } else { "failed" });
                }
                Step::Tag { .. } | Step::Untag { .. } | Step::Rule { .. } => {
                    self.call(name, &step)?;
                    left -= 1;
                }
            }
        }
        Some(())
    }

    fn end(&mut self, name: &str, how: &str) -> Option<()> {
        self.answers.push(format!("{name} {how}"));
        self.deliveries.remove(name).map(drop)
    }

    /// One call: its effect, and what the delivery remembers of it.
    fn call(&mut self, name: &str, step: &Step) -> Option<()> {
        let delivery = self.deliveries.get_mut(name)?;
        match step {
            Step::Rule { rule, serves, .. } => {
                let gone = self.odd.gone == Some(*rule);
                let refused = gone || self.denied.is_some_and(|denied| denied as usize == *rule);
                delivery.invocation.wrote(&self.pair, RULES[*rule], *serves, (!refused).then_some(self.now));
                if refused {
                    delivery.invocation.refused(&self.pair, gone);
                    // What is of the same phase is written all the same.
                    let of_phase = |other: &Step| matches!(other, Step::Rule { rule: other, .. } if (*other < 2) == (*rule < 2));
                    delivery.plan.retain(of_phase);
                    return Some(());
                }
            }
            Step::Tag { .. } if begins(step) || undoes(step) => delivery.invocation.recorded(&self.pair),
            _ => {}
        }
        self.write(step);
        Some(())
    }

    /// Looks, and again where the look may only be late.
    fn look(&mut self, name: &str) -> Option<()> {
        loop {
            let delivery = self.deliveries.get_mut(name)?;
            let (rules, marks) = std::mem::take(&mut delivery.half);
            let (rules, marks) = (rules.unwrap_or(self.rules), marks.unwrap_or(self.marks));
            let view = view(rules, self.interned.journal(marks), self.fit, self.odd);
            delivery.invocation.look(&self.pair, &view, self.now);
            let memory = vec![delivery.invocation.of(&self.pair)];
            let (fit, odd, job) = (self.fit, self.odd, delivery.job);
            let looked = Looked { rules: vec![rules], marks: vec![marks], fit, odd, job, memory };
            let decision = self.interned.decide(&looked);
            note(&mut self.rows, rows(&decision));
            let mut plan: VecDeque<Step> = steps(&decision, &looked.rules).into();
            plan.retain(|step| !matches!(step, Step::Rule { rule, .. } if odd.gone == Some(*rule) || (odd.shared && *rule == 0)));
            let before = plan.len();
            plan.retain(|step| !matches!(step, Step::Rule { rule, serves, .. } if delivery.invocation.doubts(&self.pair, RULES[*rule], *serves, self.now)));
            if plan.is_empty() && before > 0 {
                self.now += SOON;
                continue;
            }
            delivery.plan = plan;
            return Some(());
        }
    }

    fn write(&mut self, step: &Step) {
        match step {
            Step::Tag { on, tags, .. } => {
                let mark = &mut self.marks[*on as usize];
                let mut group = self.interned.group(*mark).clone();
                group.extend(tags.iter().cloned());
                *mark = self.interned.number(group);
            }
            Step::Rule { rule, .. } if self.kept.is_some_and(|kept| kept as usize == *rule) => {}
            Step::Rule { rule, serves, .. } => self.rules[*rule] = *serves,
            Step::Untag { .. } | Step::Wait | Step::Answer(_) | Step::Unfinished => {}
        }
    }

    /// What is there after a step.
    pub fn state(&mut self) -> State {
        let journal = self.interned.journal(self.marks);
        let newest = |(on, flip): (Side, _)| {
            let blue_green::release::record::Flip { id, generation, phase, .. } = flip;
            format!("{id}.{generation} {phase} {}", group(on))
        };
        let closed = |closing: &Closing| {
            let name = "ARBCDU".chars().find(|name| Digest::of(&name.to_string()) == closing.job);
            format!("{} {}", name.unwrap_or('?'), closing.reason)
        };
        let gone = self.odd.gone;
        let serves = |rule: usize| if gone == Some(rule) { "gone" } else { group(self.rules[rule]) };
        State {
            rules: [0, 1, 2].map(|rule| serves(rule).to_owned()),
            newest: journal.newest().map(newest),
            closed: journal.closings().iter().map(|(_, closing)| closed(closing)).collect::<BTreeSet<_>>(),
            rows: std::mem::take(&mut self.rows),
            answers: std::mem::take(&mut self.answers),
        }
    }
}

/// The rows of a decision, once where looks repeat it.
fn note(rows: &mut Vec<String>, row: String) {
    if rows.last() != Some(&row) {
        rows.push(row);
    }
}

/// A decision as stories write it: rows without their R.
fn rows(decision: &Decision) -> String {
    decision.to_string().replace('R', "")
}

fn side(group: Group) -> Side {
    Side::BOTH[group as usize]
}

fn group(side: Side) -> &'static str {
    ["Code1", "Code2"][side as usize]
}
