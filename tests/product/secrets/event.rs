//! Events in which every text is planted.

use serde_json::{Map, Value};

use crate::secrets::MARKER;

/// The event with the marker in every text but the job's id and its UserParameters: the credentials, the artifacts,
/// whatever AWS may add. Each object gets one more key.
pub fn planted(event: &Value) -> Value {
    plant(event, "")
}

fn plant(value: &Value, path: &str) -> Value {
    match value {
        Value::String(text) if path.ends_with("job/id") || path.ends_with("/UserParameters") => text.clone().into(),
        Value::String(text) => format!("{MARKER}{text}").into(),
        Value::Array(items) => items.iter().map(|item| plant(item, path)).collect(),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), plant(value, &format!("{path}/{key}"))));
            let more = (format!("{MARKER}Key"), Value::from(format!("{MARKER}Value")));
            entries.chain([more]).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

#[test]
fn every_text_is_planted() {
    let event = serde_json::json!({ "CodePipeline.job": { "id": "1", "data": {
        "actionConfiguration": { "configuration": { "FunctionName": "f", "UserParameters": "{}" } },
        "artifactCredentials": { "secretAccessKey": "s" }, "list": ["a", 7],
    } } });
    let planted = planted(&event);
    let data = &planted["CodePipeline.job"]["data"];
    assert_eq!(planted["CodePipeline.job"]["id"], "1");
    assert_eq!(data["actionConfiguration"]["configuration"]["UserParameters"], "{}");
    assert_eq!(planted.to_string().matches(MARKER).count(), 2 * 6 + 3, "{planted}");
}
