//! Events: whatever holds a readable job id is that job, so that it can be failed; nothing else is a job.

use blue_green::asked::event::{Invocation, decode};
use serde_json::Value;
use serde_json::value::RawValue;

use super::assert_readable;

const ID: &str = "11111111-2222-3333-4444-555555555555";
const SECRET: &str = "wJalrXUtnFEMI";

/// Reads the bytes as an event, as a part of one, and as a key of one.
pub fn holds(data: &[u8]) {
    // What is no JSON never gets here: the runtime answers it.
    let Ok(event) = serde_json::from_slice::<Box<RawValue>>(data) else { return };
    let invocation = decode(&event);
    match &invocation {
        Ok(Invocation::Job { parameters, .. } | Invocation::Direct(parameters)) => {
            if let Err(setup_error) = parameters {
                assert_readable(&setup_error.to_string());
            }
        }
        Err(unreadable) => assert_readable(&unreadable.to_string()),
    }
    if let Ok(value) = serde_json::from_str::<Value>(event.get()) {
        let id = value.pointer("/CodePipeline.job/id").and_then(Value::as_str).filter(|id| is_id(id));
        let read = match &invocation {
            Ok(Invocation::Job { id, .. }) => Some(id.as_str()),
            _ => None,
        };
        assert_eq!(id, read);
    }
    let any = event.get();
    let secret = format!(r#""artifactCredentials":{{"secretAccessKey":"{SECRET}","more":{any}}}"#);
    is_job(&format!(r#"{{"more":{any},"CodePipeline.job":{{"more":{any},"id":"{ID}","data":{any}}},"last":{any}}}"#));
    is_job(&format!(
        r#"{{"CodePipeline.job":{{"data":{{{secret},"actionConfiguration":{{"configuration":{{"UserParameters":{any}}}}}}},"id":"{ID}"}}}}"#
    ));
    // A text may also be a key, unless it is one that counts.
    let known = serde_json::from_str(any).is_ok_and(|key: String| ["CodePipeline.job", "id", "data"].contains(&key.as_str()));
    if any.starts_with('"') && !known {
        is_job(&format!(r#"{{{any}:1,"CodePipeline.job":{{{any}:{any},"id":"{ID}",{any}:2}},{any}:3}}"#));
    }
}

fn is_job(event: &str) {
    let event = RawValue::from_string(event.to_owned()).unwrap_or_else(|error| panic!("{error}: {event}"));
    let invocation = decode(&event);
    assert!(matches!(&invocation, Ok(Invocation::Job { id, .. }) if id == ID), "{invocation:?}: {event}");
    assert!(event.get().matches(SECRET).count() > 1 || !format!("{invocation:?}").contains(SECRET), "{invocation:?}");
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
