//! What is told of a result.

use serde_json::{Value, json};

use super::origin::Origin;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What happened, in a line.
    pub title: String,
    /// Whether it is good news.
    pub good: bool,
    /// Name and value, such as `from` and `web:41`.
    pub facts: Vec<(&'static str, String)>,
    /// Why it failed; empty where it did not.
    pub reason: String,
}

impl Message {
    /// Of a result; none where it is none that is known.
    #[must_use]
    pub fn of(result: &Value) -> Option<Self> {
        let has = |name: &str| result.get(name).is_some();
        match () {
            () if has("release") && has("members") => Some(Self::release(result)),
            () if has("service") && has("outcome") => Some(Self::roll(result)),
            () if has("Flip") && has("LiveImage") => Some(Self::flip(result)),
            () if has("Code1") && has("Code2") => Some(Self::build(result)),
            () => None,
        }
    }

    fn release(result: &Value) -> Self {
        let (release, outcome) = (text(result, "release"), text(result, "outcome"));
        let rows = result["members"].as_array().into_iter().flatten();
        let row =
            |row: &Value| format!("{} {} → {}: {}", text(row, "name"), text(row, "from"), text(row, "to"), text(row, "state"));
        let members = rows.map(row).collect::<Vec<_>>().join("\n");
        let facts = vec![("where", text(result, "cluster")), ("members", members), ("took", seconds(result))];
        Self {
            title: format!("Release {release}: {}", words(&outcome)),
            good: is_good(&outcome),
            facts,
            reason: text(result, "reason"),
        }
    }

    fn roll(result: &Value) -> Self {
        let (service, outcome) = (text(result, "service"), text(result, "outcome"));
        let facts = vec![("from", text(result, "from")), ("to", text(result, "to")), ("took", seconds(result))];
        let reason = text(result, "reason");
        Self { title: format!("{service}: {}", words(&outcome)), good: is_good(&outcome), facts, reason }
    }

    fn flip(result: &Value) -> Self {
        let live = format!("{} (image {})", text(result, "Live"), text(result, "LiveImage"));
        let test = format!("{} (image {})", text(result, "Test"), text(result, "TestImage"));
        let title = if result["Changed"] == true { "Production was flipped" } else { "Nothing to flip" };
        let facts = vec![("live", live), ("test side", test), ("what", text(result, "Summary"))];
        Self { title: title.to_owned(), good: true, facts, reason: String::new() }
    }

    fn build(result: &Value) -> Self {
        let facts = vec![("Code1", text(result, "Code1")), ("Code2", text(result, "Code2"))];
        Self { title: format!("Build {}", text(result, "tag")), good: true, facts, reason: String::new() }
    }

    /// As Slack takes it (Block Kit), with a text for notifications.
    #[must_use]
    pub fn slack(&self, origin: &Origin) -> Value {
        let mark = if self.good { ":white_check_mark:" } else { ":x:" };
        let mut lines = vec![format!("{mark} *{}*", escape(&self.title))];
        lines.extend(self.facts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| match value.contains('\n') {
            true => format!("{name}:\n{}", escape(value)),
            false => format!("{name}: {}", escape(value)),
        }));
        if !self.reason.is_empty() {
            lines.push(format!("> {}", escape(&self.reason)));
        }
        let by = origin.by.as_ref().map(|by| format!("by {}", escape(by)));
        let job = origin.job.as_ref().map(|job| format!("<{}|the job>", escape(job)));
        let from: Vec<String> = by.into_iter().chain(job).collect();
        let mut blocks = vec![json!({ "type": "section", "text": { "type": "mrkdwn", "text": clip(&lines.join("\n")) } })];
        if !from.is_empty() {
            blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": from.join(" · ") }] }));
        }
        json!({ "text": escape(&self.title), "blocks": blocks })
    }
}

fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn seconds(result: &Value) -> String {
    result["seconds"].as_u64().map(|seconds| format!("{seconds} s")).unwrap_or_default()
}

fn is_good(outcome: &str) -> bool {
    ["deployed", "released", "undone", "nothing", "ran", "planned"].contains(&outcome)
}

/// An outcome as a person says it.
fn words(outcome: &str) -> &str {
    match outcome {
        "nothing" => "nothing to do",
        "rolled-back" => "failed, and what ran before runs again",
        "mixed" => "failed, and the state is mixed",
        "superseded" => "superseded by another deployment",
        "rolling" => "still rolling",
        "task-failed" => "a one-off task failed",
        other => other,
    }
}

/// Slack's three characters (Slack API, "Escaping text").
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A section's text has 3000 characters at most (Slack API, "Section block").
fn clip(text: &str) -> String {
    if text.chars().count() <= 3000 { text.to_owned() } else { text.chars().take(2999).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::origin::Origin;
    use super::Message;

    fn shown(result: &Value) -> String {
        let origin = Origin { by: Some("ada".to_owned()), job: Some("https://ci/1?a=1&b=2".to_owned()) };
        Message::of(result).map(|message| message.slack(&origin).to_string()).unwrap_or_default()
    }

    #[test]
    fn a_roll_says_what_where_from_to_by_whom_with_a_link() {
        let result = json!({ "service": "main/web", "outcome": "rolled-back", "from": "web:41", "to": "web:42", "seconds": 68,
            "reason": "3 of its tasks <failed>", "exit": 6 });
        let text = shown(&result);
        for part in [
            "main/web: failed, and what ran before runs again",
            "from: web:41",
            "to: web:42",
            "&lt;failed&gt;",
            "by ada",
            "<https://ci/1?a=1&amp;b=2|the job>",
            ":x:",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn every_kind_of_result_is_known_and_nothing_else() {
        let release = json!({ "release": "7", "cluster": "main", "outcome": "released", "reason": "", "seconds": 9,
            "members": [{ "kind": "service", "name": "web", "from": "web:1", "to": "web:2", "state": "new" }] });
        assert!(shown(&release).contains("Release 7: released") && shown(&release).contains("web web:1 → web:2: new"));
        let flip = json!({ "Flip": "f", "Live": "Code2", "LiveImage": "1.5", "Test": "Code1", "TestImage": "1.4", "Changed": true,
            "Summary": "Code2 is live." });
        assert!(shown(&flip).contains("Production was flipped") && shown(&flip).contains("Code2 (image 1.5)"));
        assert!(shown(&json!({ "tag": "1.5", "Code1": "1.4", "Code2": "1.5" })).contains("Build 1.5"));
        assert_eq!(Message::of(&json!({ "tag": "1.5" })), None);
    }

    #[test]
    fn a_long_message_is_cut() {
        let result = json!({ "service": "s", "outcome": "mixed", "reason": "x".repeat(5000) });
        assert!(shown(&result).chars().count() < 3600);
    }
}
