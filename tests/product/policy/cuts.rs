//! A policy with one thing taken away.

use serde_json::Value;

/// A policy that lacks something, and what that is.
pub struct Cut {
    /// For a person: the statement, and what of it is gone.
    pub what: String,
    /// The actions of which one must now be refused.
    pub actions: Vec<String>,
    /// What is left.
    pub policy: String,
}

/// The policy without each statement, without each action of those that have several, without each tag key.
pub fn cuts(policy: &str) -> Vec<Cut> {
    let whole: Value = serde_json::from_str(policy).unwrap();
    let mut cuts = Vec::new();
    for (index, statement) in whole["Statement"].as_array().unwrap().iter().enumerate() {
        let sid = statement["Sid"].as_str().unwrap();
        let actions = texts(&statement["Action"]);
        let mut left = whole.clone();
        left["Statement"].as_array_mut().unwrap().remove(index);
        cuts.push(Cut { what: sid.to_owned(), actions: actions.clone(), policy: left.to_string() });
        if actions.len() > 1 {
            cuts.extend(actions.iter().map(|action| Cut {
                what: format!("{sid}: {action}"),
                actions: vec![action.clone()],
                policy: without(&whole, &format!("/Statement/{index}/Action"), action),
            }));
        }
        for operator in ["StringEquals", "StringLike"] {
            let keys = format!("/Statement/{index}/Condition/ForAllValues:{operator}/aws:TagKeys");
            let Some(tag_keys) = whole.pointer(&keys) else { continue };
            cuts.extend(texts(tag_keys).iter().map(|key| Cut {
                what: format!("{sid}: tag key {key}"),
                actions: actions.clone(),
                policy: without(&whole, &keys, key),
            }));
        }
    }
    cuts
}

fn without(policy: &Value, list: &str, text: &str) -> String {
    let mut left = policy.clone();
    left.pointer_mut(list).unwrap().as_array_mut().unwrap().retain(|item| item != text);
    left.to_string()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        other => panic!("neither a text nor a list: {other}"),
    }
}
