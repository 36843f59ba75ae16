//! Plays a story against the function's binary: its world, its deliveries, and what is there after each step.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use blue_green::release::fence::{BUILD, NO_FENCE};
use blue_green::release::id::Digest;
use blue_green::release::record::Closing;
use blue_green::seen::side::Side;
use histories::{Group, Rule, State, Step, Story};
use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::jobs::JobState;
use serde_json::json;

use crate::faults::arena::Arena;
use crate::faults::rules::weights;
use crate::stories::delivery::{Delivery, Gate, Over, called};

const GROUPS: [&str; 2] = ["a-code1", "a-code2"];

/// A story on its way.
pub struct Play<'a> {
    arena: &'a Arena,
    story: &'a Story,
    /// The jobs by their letters.
    jobs: BTreeMap<char, String>,
    deliveries: BTreeMap<String, Delivery>,
    /// Dead deliveries with a write that is still on its way.
    late: BTreeMap<String, Delivery>,
    denied: Option<Rule>,
    /// The group that L1 served before it shared its traffic.
    shared: Option<Group>,
    targets: Vec<TargetDescription>,
    /// The rows that each delivery should have gone through so far.
    rows: BTreeMap<String, Vec<String>>,
    answers: Vec<String>,
    wrong: Vec<String>,
}

/// What went otherwise than the story says; empty where nothing did.
pub async fn play(arena: &mut Arena, story: &Story) -> Vec<String> {
    arena.reset().await;
    let mut play = Play::new(arena, story).await;
    for line in &story.lines {
        let before = play.state().await;
        if let Some(name) = line.step.delivery() {
            // Nobody has to wait here.
            let rows = line.expected.rows.iter().filter(|row| *row != "wait").cloned();
            play.rows.entry(name.to_owned()).or_default().extend(rows);
        }
        if let Err(what) = play.take(&line.step, &before, &line.expected).await {
            play.wrong.push(format!("{}:{}: {}: {what}", story.file, line.number, line.text));
            break;
        }
        let found = play.state().await;
        let found = State { rows: line.expected.rows.clone(), answers: std::mem::take(&mut play.answers), ..found };
        if found != line.expected {
            play.wrong.push(story.wrong(line, &found));
        }
    }
    play.finish().await
}

impl<'a> Play<'a> {
    async fn new(arena: &'a Arena, story: &'a Story) -> Self {
        let health = arena.world.elb().describe_target_health().target_group_arn(arena.balancer.group(GROUPS[1]).unwrap());
        let health = health.send().await.unwrap();
        let targets = health.target_health_descriptions().iter().map(|health| health.target().unwrap().clone()).collect();
        Self {
            arena,
            story,
            jobs: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            late: BTreeMap::new(),
            denied: None,
            shared: None,
            targets,
            rows: BTreeMap::new(),
            answers: Vec::new(),
            wrong: Vec::new(),
        }
    }

    async fn take(&mut self, step: &Step, before: &State, after: &State) -> Result<(), String> {
        match step {
            Step::Deliver(name, None) => {
                self.begin(name, false).await;
                self.end(name).await;
            }
            Step::Deliver(name, Some(calls)) => {
                self.begin(name, true).await;
                self.pass(name, *calls, before, after).await?;
            }
            Step::Kill(name, calls) => {
                self.begin(name, true).await;
                self.pass(name, *calls, before, after).await?;
                let over = self.delivery(name)?.kill().await;
                self.compare(name, &over);
            }
            Step::Look(name) => {
                if !self.deliveries.contains_key(name) {
                    self.begin(name, true).await;
                }
                let delivery = self.deliveries.get_mut(name).ok_or("it did not begin")?;
                delivery.look();
                delivery.reached(None).await?;
            }
            Step::GoOn(name, None) => self.end(name).await,
            Step::GoOn(name, Some(calls)) => self.pass(name, *calls, before, after).await?,
            Step::Die(name) => {
                let over = self.delivery(name)?.kill().await;
                self.compare(name, &over);
            }
            Step::DieCalling(name) => {
                let delivery = self.delivery(name)?;
                delivery.reached(Some(Gate::Rule(Rule::L1))).await?;
                let (delivery, over) = delivery.kill_calling().await;
                self.compare(name, &over);
                self.late.insert(name.clone(), delivery);
            }
            Step::Land(name) => {
                let delivery = self.late.remove(name).ok_or("nothing of it is late")?;
                delivery.land(Gate::Rule(Rule::L1)).await?;
            }
            Step::OutOfTime(name) => {
                let over = self.delivery(name)?.end_held().await;
                self.compare(name, &over);
                self.answered(name, &over);
            }
            Step::Read(..) | Step::Keep(_) | Step::Delete(_) => return Err("this is not played against the binary".to_owned()),
            world => self.change(world, before).await,
        }
        Ok(())
    }

    fn delivery(&mut self, name: &str) -> Result<Delivery, String> {
        self.deliveries.remove(name).ok_or_else(|| format!("{name} is not at work"))
    }

    async fn begin(&mut self, name: &str, holds: bool) {
        let letter = name.chars().next().unwrap();
        if !self.jobs.contains_key(&letter) {
            let job = self.arena.world.jobs.create_job(&self.parameters(letter).to_string());
            self.jobs.insert(letter, job);
        }
        let event = self.arena.world.jobs.event(&self.jobs[&letter]);
        if let Some(rule) = self.denied {
            self.deny(name, rule).await;
        }
        let hasty = self.story.lines.iter().any(|line| line.step == Step::OutOfTime(name.to_owned()));
        let delivery = Delivery::begin(self.arena, name, event, holds, hasty).await;
        self.deliveries.insert(name.to_owned(), delivery);
    }

    /// What a job asks for: A and its Retry R, and C, promote Code2; B and D promote Code1; U names nothing.
    fn parameters(&self, letter: char) -> serde_json::Value {
        let execution = if letter == 'R' { 'a' } else { letter.to_ascii_lowercase() };
        let mut parameters = json!({ "ElbName": "shop", "Execution": execution });
        let promoted = match letter {
            'A' | 'R' | 'C' => Some("Code2"),
            'B' | 'D' => Some("Code1"),
            _ => None,
        };
        if let Some(promoted) = promoted {
            parameters["PromoteTo"] = json!(promoted);
        }
        let asks_for_images = self.story.lines.iter().any(|line| matches!(line.step, Step::Image(_)));
        if asks_for_images && promoted == Some("Code2") {
            parameters["PromoteImage"] = json!("v2");
        }
        parameters
    }

    async fn deny(&self, name: &str, rule: Rule) {
        let role = &*name.to_owned().leak();
        for denied in self.rules_called(rule).await {
            let (action, resource) = match denied.is_default() {
                Some(true) => ("ModifyListener", self.arena.listener_of(&denied).to_owned()),
                _ => ("ModifyRule", denied.rule_arn().unwrap().to_owned()),
            };
            let at = At::By { role, action: Some(action), resource: Some(resource) };
            self.arena.world.gateway.inject(Fault { at, kind: FaultKind::AccessDenied, lasts: Lasts::ForGood });
        }
    }

    /// Lets so many calls of a story pass: those of the rules that differ afterwards, and else of tags.
    async fn pass(&mut self, name: &str, calls: usize, before: &State, after: &State) -> Result<(), String> {
        let delivery = self.deliveries.get_mut(name).ok_or_else(|| format!("{name} is not at work"))?;
        let changed = |rule: &Rule| before.rules[*rule as usize] != after.rules[*rule as usize];
        let rules: Vec<Gate> = Rule::ALL.into_iter().filter(changed).map(Gate::Rule).collect();
        let tags = calls.checked_sub(rules.len()).ok_or("more rules than calls change")?;
        let gates: Vec<Gate> = std::iter::repeat_n(Gate::Tags, tags).chain(rules).collect();
        delivery.pass(&gates).await
    }

    async fn end(&mut self, name: &str) {
        let Some(delivery) = self.deliveries.remove(name) else {
            self.wrong.push(format!("{}: {name} is not at work", self.story.file));
            return;
        };
        let over = delivery.end().await;
        self.compare(name, &over);
        self.answered(name, &over);
    }

    fn answered(&mut self, name: &str, over: &Over) {
        let state = self.arena.world.jobs.state(&self.jobs[&name.chars().next().unwrap()]).unwrap();
        let unfinished =
            matches!(&state, JobState::Failed { message, .. } if message.contains("finishes the flip, or undoes it"));
        let how = over.answer.map(|how| if unfinished { "unfinished" } else { how });
        self.answers.push(format!("{name} {}", how.unwrap_or("did not answer")));
    }

    /// Whether a delivery that is over went through the rows that the story says.
    fn compare(&mut self, name: &str, over: &Over) {
        let mut expected = self.rows.remove(name).unwrap_or_default();
        let mut found: Vec<String> = over.rows.iter().filter(|row| *row != "wait").cloned().collect();
        expected.dedup();
        found.dedup();
        if expected != found {
            self.wrong.push(format!("{}: {name} went through {}, not {}", self.story.file, found.join(" "), expected.join(" ")));
        }
    }

    /// What others do.
    async fn change(&mut self, step: &Step, before: &State) {
        match step {
            Step::Edit(rule, group) => self.set(*rule, *group).await,
            Step::EditAll(group) => {
                let other = if *group == Group::Code1 { Group::Code2 } else { Group::Code1 };
                for (rule, group) in [(Rule::L1, *group), (Rule::L2, *group), (Rule::T, other)] {
                    self.set(rule, group).await;
                }
            }
            Step::Deny(rule) => self.denied = Some(*rule),
            Step::WipeTags(group) => self.wipe(*group, "bluegreen:").await,
            Step::LoseClosings(group) => self.wipe(*group, "bluegreen:job.").await,
            Step::Guard(fits) => self.resize(*fits).await,
            Step::Fence(true) => self.arena.tag(GROUPS[1], BUILD, "v1 another v9 2026-01-01T00:00:00Z").await,
            Step::Fence(false) => self.arena.tag(GROUPS[1], BUILD, NO_FENCE).await,
            Step::Image(right) => self.arena.deployed(GROUPS[1], if *right { "v2" } else { "v9" }).await,
            Step::Share(true) => {
                self.shared = Some(if before.rules[0] == "Code1" { Group::Code1 } else { Group::Code2 });
                let rules = self.rules_called(Rule::L1).await;
                self.arena.weigh(&rules[0], |_, _| 50).await;
            }
            Step::Share(false) => {
                if let Some(group) = self.shared.take() {
                    self.set(Rule::L1, group).await;
                }
            }
            other => self.wrong.push(format!("{}: {other:?} is a step of a delivery", self.story.file)),
        }
    }

    async fn rules_called(&self, rule: Rule) -> Vec<aws_sdk_elasticloadbalancingv2::types::Rule> {
        let rules = self.arena.rules().await;
        rules.into_iter().filter(|candidate| called(self.arena, candidate) == rule).collect()
    }

    async fn set(&self, rule: Rule, group: Group) {
        for rule in self.rules_called(rule).await {
            self.arena.weigh(&rule, |name, _| if name == GROUPS[group as usize] { 100 } else { 0 }).await;
        }
    }

    async fn wipe(&self, group: Group, prefix: &str) {
        let arn = self.arena.balancer.group(GROUPS[group as usize]).unwrap();
        self.arena.world.wipe_tags(&[arn], prefix).await.unwrap();
    }

    /// Takes the targets of Code2 away, or brings them back and waits until they are healthy.
    async fn resize(&self, fits: bool) {
        let (elb, arn) = (self.arena.world.elb(), self.arena.balancer.group(GROUPS[1]).unwrap());
        let targets = Some(self.targets.clone());
        if !fits {
            elb.deregister_targets().target_group_arn(arn).set_targets(targets).send().await.unwrap();
            return;
        }
        elb.register_targets().target_group_arn(arn).set_targets(targets).send().await.unwrap();
        loop {
            let health = elb.describe_target_health().target_group_arn(arn).send().await.unwrap();
            let states = health.target_health_descriptions().iter();
            let healthy = |state: &str| state == "healthy";
            if states.filter_map(|health| health.target_health()?.state()).all(|state| healthy(state.as_str())) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// What is there, as stories write it, but for rows and answers.
    async fn state(&self) -> State {
        let mut served: [BTreeSet<String>; 3] = Default::default();
        for rule in self.arena.rules().await {
            let all = weights(&rule).into_iter().find(|(_, weight)| *weight == 100).map(|(name, _)| name);
            let group = all
                .and_then(|name| GROUPS.iter().position(|group| *group == name))
                .map(|group| [Group::Code1, Group::Code2][group]);
            let serves = group.or(self.shared).map_or("nothing", Group::name);
            served[called(self.arena, &rule) as usize].insert(serves.to_owned());
        }
        let journal = self.arena.journal().await;
        let group = |side: Side| ["Code1", "Code2"][side as usize];
        let newest = journal.newest().map(|(on, flip)| {
            let id = flip.id.to_string();
            let execution = id.split('@').next().unwrap_or_default();
            format!("{execution}.{} {} {}", flip.generation, flip.phase, group(on))
        });
        let closed = |closing: &Closing| {
            let job = self.jobs.iter().find(|(_, job)| Digest::of(job) == closing.job);
            format!("{} {}", job.map_or('?', |(letter, _)| *letter), closing.reason)
        };
        State {
            rules: served.map(|served| served.into_iter().collect::<Vec<_>>().join("+")),
            newest,
            closed: journal.closings().iter().map(|(_, closing)| closed(closing)).collect(),
            ..State::default()
        }
    }

    /// Ends what is still at work, brings the targets back, and says what was wrong.
    async fn finish(mut self) -> Vec<String> {
        for (_, delivery) in std::mem::take(&mut self.deliveries) {
            delivery.kill().await;
        }
        self.resize(true).await;
        self.wrong
    }
}
