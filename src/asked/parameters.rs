//! What a flip is asked for: the UserParameters of the pipeline's action, or the payload of a direct invocation.
//!
//! Read strictly: an unknown key is an error that lists the known ones, and all mistakes are named at once.

use serde_json::Value;

use crate::asked::entries::Entries;
use crate::asked::words::{is_execution, is_word, unresolved};
use crate::seen::ports::{self, PortPair};
use crate::seen::setup_error::SetupError;

/// More keys are not looked at one by one.
const MOST_KEYS: usize = 100;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Make the rehearsal production.
    #[default]
    Flip,
    /// Say what a flip would do; write nothing but labels.
    Check,
}

/// A request as it was asked, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The load balancer's name.
    pub elb_name: String,
    /// Flip or check.
    pub action: Action,
    /// Identifiers, names or ARNs of the groups to make live; empty where the test listener tells.
    pub promote_to: Vec<String>,
    /// The image tag that the promoted group must run.
    pub promote_image: Option<String>,
    /// The pipeline execution that asks.
    pub execution: Option<String>,
    /// Percent (0 to 100) of the retired group's healthy targets that the promoted one must have.
    pub min_capacity: u8,
    /// Whether health and capacity are passed over.
    pub force: bool,
    /// The ports to flip.
    pub ports: Vec<PortPair>,
}

/// The known keys, each with what it takes.
pub const KEYS: [(&str, &str); 8] = [
    ("ElbName", "the load balancer's name: 1 to 32 letters, digits and hyphens (required)"),
    ("Action", "\"flip\" (unless given) or \"check\""),
    ("PromoteTo", "Identifier, name or ARN of the target group to make live; several comma-separated"),
    ("PromoteImage", "the image tag that must be promoted"),
    (
        "Execution",
        "the pipeline execution, \"#{codepipeline.PipelineExecutionId}\": letters, digits and + - = . _ : / @, at most 100",
    ),
    ("MinCapacity", "a whole number from 0 to 100, percent (100 unless given)"),
    ("Force", "true or false (unless given)"),
    ("Ports", "LIVE:TEST pairs, \"80:8080,443:8443\" unless given"),
];

/// Whether `text` is an image tag that a registry takes (OCI distribution specification).
#[must_use]
pub fn is_image_tag(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '_')
        && text.len() <= 128
        && chars.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

impl Parameters {
    /// Reads the JSON text of UserParameters.
    ///
    /// # Errors
    /// [`SetupError::Parameters`] with every mistake: the key, what was found, what is allowed.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let wrong = |mistake: String| SetupError::Parameters(vec![mistake]);
        if text.trim().is_empty() {
            return Err(wrong(format!("UserParameters is empty, expected a JSON object; {}", known_keys())));
        }
        let entries = serde_json::from_str::<Entries<Value>>(text).map_err(|error| {
            if error.is_data() {
                wrong(format!("UserParameters is not a JSON object but {}; {}", kind_of_text(text), known_keys()))
            } else {
                wrong(format!(
                    "UserParameters is not JSON (line {}, column {}), expected an object; {}",
                    error.line(),
                    error.column(),
                    known_keys()
                ))
            }
        })?;
        if entries.0.len() > MOST_KEYS {
            return Err(wrong(format!("UserParameters has {} keys; {}", entries.0.len(), known_keys())));
        }
        Self::from_entries(entries.0)
    }

    fn from_entries(entries: Vec<(String, Value)>) -> Result<Self, SetupError> {
        let mut read = Reader { entries, mistakes: Vec::new() };
        read.check_keys();
        let elb_name = read.text("ElbName", is_load_balancer_name);
        if elb_name.is_none() && !read.entries.iter().any(|(key, _)| key == "ElbName") {
            read.mistakes.push(format!("ElbName is missing; it takes {}", takes("ElbName")));
        }
        let parameters = Self {
            elb_name: elb_name.unwrap_or_default(),
            action: match read.text("Action", |text| matches!(text, "flip" | "check")).as_deref() {
                Some("check") => Action::Check,
                _ => Action::Flip,
            },
            promote_to: read
                .text("PromoteTo", |text| text.split(',').all(|name| is_word(name.trim())))
                .map(|text| text.split(',').map(|name| name.trim().to_owned()).collect())
                .unwrap_or_default(),
            promote_image: read.text("PromoteImage", is_image_tag),
            execution: read.text("Execution", is_execution),
            min_capacity: read.percent("MinCapacity"),
            force: read.flag("Force"),
            ports: read.ports(),
        };
        if read.mistakes.is_empty() { Ok(parameters) } else { Err(SetupError::Parameters(read.mistakes)) }
    }
}

struct Reader {
    entries: Vec<(String, Value)>,
    mistakes: Vec<String>,
}

impl Reader {
    fn check_keys(&mut self) {
        for (index, (key, _)) in self.entries.iter().enumerate() {
            if !KEYS.iter().any(|(known, _)| known == key) {
                self.mistakes.push(format!("unknown key {}; {}", quoted(key), known_keys()));
            } else if self.entries.iter().take(index).any(|(earlier, _)| earlier == key) {
                self.mistakes.push(format!("{key} is given twice"));
            }
        }
    }

    fn take(&self, key: &str) -> Option<Value> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn wrong(&mut self, key: &str, found: &Value) {
        self.mistakes.push(format!("{key} is {}; it takes {}", found_value(found), takes(key)));
    }

    fn text(&mut self, key: &str, allowed: impl Fn(&str) -> bool) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if allowed(&text) => Some(text),
            found => {
                match found.as_str().and_then(|text| Some((text, unresolved(text)?))) {
                    Some((text, why)) => self.mistakes.push(format!("{key} is {}: {why}", quoted(text))),
                    None => self.wrong(key, &found),
                }
                None
            }
        }
    }

    fn percent(&mut self, key: &str) -> u8 {
        let Some(found) = self.take(key) else { return 100 };
        match found.as_u64().and_then(|number| u8::try_from(number).ok()).filter(|percent| *percent <= 100) {
            Some(percent) => percent,
            None => {
                self.wrong(key, &found);
                100
            }
        }
    }

    fn flag(&mut self, key: &str) -> bool {
        match self.take(key) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(found) => {
                self.wrong(key, &found);
                false
            }
        }
    }

    fn ports(&mut self) -> Vec<PortPair> {
        let Some(text) = self.text("Ports", |_| true) else { return ports::DEFAULT.to_vec() };
        ports::parse(&text).unwrap_or_else(|mistake| {
            self.mistakes.push(format!("Ports: {mistake}"));
            Vec::new()
        })
    }
}

/// Whether `text` may be a load balancer's name (Elastic Load Balancing, CreateLoadBalancer).
#[must_use]
pub fn is_load_balancer_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn takes(key: &str) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == key).map_or("", |(_, takes)| takes)
}

fn known_keys() -> String {
    let keys: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
    format!("known keys are {}", keys.join(", "))
}

/// A found value for a message: short, and with control characters escaped.
fn found_value(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}

fn kind_of_text(text: &str) -> &'static str {
    match text.trim_start().chars().next() {
        Some('[') => "a list",
        Some('"') => "a string",
        Some('t' | 'f') => "true or false",
        Some('n') => "null",
        _ => "a number",
    }
}
