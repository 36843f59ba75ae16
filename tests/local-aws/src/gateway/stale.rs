//! Reads that come late: a write is acknowledged and in force, and DescribeTags, DescribeRules and DescribeListeners go on
//! showing what was there before it. Whether AWS does so nobody says, so it has to be taken to.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::Response;
use hyper::http::request::Parts;

use super::answer::Answer;
use super::log::lock;
use super::request::Request;
use super::upstream::Upstream;
use super::xml;

/// Which reads come late, and how late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleReads {
    tags: bool,
    rules: bool,
    lag: Duration,
    every_other: bool,
}

impl StaleReads {
    /// DescribeTags shows each AddTags and RemoveTags so much later.
    pub fn tags(lag: Duration) -> Self {
        Self { tags: true, rules: false, lag, every_other: false }
    }

    /// DescribeRules and DescribeListeners show each ModifyRule and ModifyListener so much later.
    pub fn rules(lag: Duration) -> Self {
        Self { tags: false, rules: true, lag, every_other: false }
    }

    /// Both.
    pub fn all(lag: Duration) -> Self {
        Self { tags: true, rules: true, lag, every_other: false }
    }

    /// Of the reads of one resource within that time, only the first, third, … is late: the others show what is there.
    #[must_use]
    pub fn every_other(self) -> Self {
        Self { every_other: true, ..self }
    }
}

/// A resource in one of the lists that reads answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Item {
    list: &'static str,
    arn: String,
}

/// What a resource was like before the last writes: each until its write is shown.
#[derive(Debug, Default)]
struct Past {
    states: VecDeque<(Instant, String)>,
    reads: usize,
}

/// The setting, and what is remembered for it.
#[derive(Debug, Default)]
pub(super) struct Stale {
    setting: Mutex<Option<StaleReads>>,
    past: Mutex<HashMap<Item, Past>>,
}

/// The list that a read answers, and the element that names its items.
const LISTS: [(&str, &str, &str); 3] = [
    ("DescribeTags", "TagDescriptions", "ResourceArn"),
    ("DescribeRules", "Rules", "RuleArn"),
    ("DescribeListeners", "Listeners", "ListenerArn"),
];

impl Stale {
    pub(super) fn set(&self, setting: Option<StaleReads>) {
        *lock(&self.setting) = setting;
        lock(&self.past).clear();
    }

    /// What a write is about to change, as reads show it now; nothing where they are not late.
    pub(super) async fn before(&self, upstream: &Upstream, parts: &Parts, request: &Request) -> Result<Before> {
        let setting = *lock(&self.setting);
        let Some(setting) = setting.filter(|_| request.service == "elasticloadbalancing") else {
            return Ok(Before(Vec::new()));
        };
        let reads: &[(&str, &str, &str)] = match request.action.as_str() {
            "AddTags" | "RemoveTags" if setting.tags => &[("DescribeTags", "ResourceArns.member.1", "ResourceArns.member.1")],
            "ModifyRule" if setting.rules => &[("DescribeRules", "RuleArns.member.1", "RuleArn")],
            "ModifyListener" if setting.rules => {
                // Its default action is shown as a rule, too.
                &[("DescribeListeners", "ListenerArns.member.1", "ListenerArn"), ("DescribeRules", "ListenerArn", "ListenerArn")]
            }
            _ => &[],
        };
        let mut before = Vec::new();
        for (action, parameter, named) in reads {
            let arn = request.query(named).unwrap_or_default();
            let query = [("Action", *action), ("Version", "2015-12-01"), (parameter, arn)];
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            let answer = upstream.pass_on(parts, query.into()).await?;
            // A write of what is not there is about to be refused.
            if answer.status().is_success() {
                before.extend(items(action, answer.body())?.into_iter().filter(|(_, xml)| is_written(&request.action, xml)));
            }
        }
        Ok(Before(before))
    }

    /// The write was acknowledged.
    pub(super) fn written(&self, before: Before) {
        let Some(setting) = *lock(&self.setting) else { return };
        let until = Instant::now() + setting.lag;
        let mut past = lock(&self.past);
        for (item, xml) in before.0 {
            past.entry(item).or_default().states.push_back((until, xml));
        }
    }

    /// The answer of a read, with what is late in place of what is there.
    pub(super) fn shown(&self, answer: Answer, request: &Request) -> Result<Answer> {
        let read = LISTS.iter().find(|(action, ..)| *action == request.action && request.service == "elasticloadbalancing");
        let (Some((action, list, _)), Some(setting)) = (read, *lock(&self.setting)) else {
            return Ok(answer);
        };
        let (parts, body) = answer.into_parts();
        let text = std::str::from_utf8(&body)?;
        let Some(found) = xml::list(text, list)? else {
            return Ok(Response::from_parts(parts, body));
        };
        let now = Instant::now();
        let mut past = lock(&self.past);
        let shown: String = items(action, &body)?
            .into_iter()
            .map(|(item, xml)| past.get_mut(&item).and_then(|past| past.at(now, setting.every_other)).unwrap_or(xml))
            .collect();
        let body = format!("{}{shown}{}", found.head, found.tail);
        Ok(Response::from_parts(parts, Bytes::from(body)))
    }
}

/// What a write is about to change.
pub(super) struct Before(Vec<(Item, String)>);

impl Past {
    /// The state that a read shows in place of what is there.
    fn at(&mut self, now: Instant, every_other: bool) -> Option<String> {
        self.states.retain(|(until, _)| *until > now);
        let (_, state) = self.states.front()?;
        self.reads += 1;
        (!every_other || self.reads % 2 == 1).then(|| state.clone())
    }
}

/// Of a listener's rules, ModifyListener changes the default one.
fn is_written(action: &str, xml: &str) -> bool {
    action != "ModifyListener" || xml::text(xml, "IsDefault") != Some("false")
}

/// The items of an answer.
fn items(action: &str, body: &[u8]) -> Result<Vec<(Item, String)>> {
    let (_, list, name) = LISTS.into_iter().find(|(read, ..)| *read == action).context("a read without a list")?;
    let Some(found) = xml::list(std::str::from_utf8(body)?, list)? else {
        return Ok(Vec::new());
    };
    let item = |xml: &&str| {
        let arn = xml::text(xml, name).context("an item without ARN")?.to_owned();
        Ok((Item { list, arn }, (*xml).to_owned()))
    };
    found.items.iter().map(item).collect()
}
