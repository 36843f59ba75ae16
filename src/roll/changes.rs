//! What a new revision changes, for people: no value of an environment is shown.

use serde::Serialize;
use serde_json::Value;

use super::definition::{containers, name_of, normal, tags};

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The container, where it is a container's field.
    pub container: Option<String>,
    /// The field's path.
    pub field: String,
    /// Its value before; none where it was not there.
    pub from: Option<String>,
    /// Its value after; none where it is not there any more.
    pub to: Option<String>,
}

/// What is shown of a value that may be secret.
const HIDDEN: &str = "(value not shown)";

/// The fields that differ between two documents, tags included.
#[must_use]
pub fn changes(from: &Value, to: &Value) -> Vec<Change> {
    let (old, new) = (normal(from), normal(to));
    let mut found = Vec::new();
    let top = |document: &Value| {
        let mut document = document.clone();
        document.as_object_mut().map(|fields| fields.remove("containerDefinitions"));
        document
    };
    compare(None, "", &top(&old), &top(&new), &mut found);
    let by_name = |document: &Value, name: &str| containers(document).find(|c| name_of(c) == name).cloned();
    let mut names: Vec<&str> = containers(&old).chain(containers(&new)).map(name_of).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        match (by_name(&old, name), by_name(&new, name)) {
            (Some(old), Some(new)) => compare(Some(name), "", &old, &new, &mut found),
            (old, new) => found.push(Change {
                container: Some(name.to_owned()),
                field: "container".to_owned(),
                from: old.map(|old| shown("image", &old["image"])),
                to: new.map(|new| shown("image", &new["image"])),
            }),
        }
    }
    let (old, new) = (tags(from), tags(to));
    let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
    let differing = keys.filter(|key| !key.to_lowercase().starts_with("aws:") && old.get(*key) != new.get(*key));
    found.extend(differing.map(|key| Change {
        container: None,
        field: format!("tag {key}"),
        from: old.get(key).cloned(),
        to: new.get(key).cloned(),
    }));
    found
}

fn compare(container: Option<&str>, path: &str, old: &Value, new: &Value, found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (named(old), named(new)) {
        (Some(old), Some(new)) => {
            let mut keys: Vec<&String> = old.iter().chain(&new).map(|(key, _)| key).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let of = |list: &[(String, Value)]| {
                    list.iter().find(|(name, _)| name == key).map_or(Value::Null, |(_, value)| value.clone())
                };
                compare(container, &below(key), &of(&old), &of(&new), found);
            }
        }
        _ => found.push(Change {
            container: container.map(str::to_owned),
            field: path.to_owned(),
            from: (!old.is_null()).then(|| shown(path, old)),
            to: (!new.is_null()).then(|| shown(path, new)),
        }),
    }
}

/// The members of an object, or of a list of named things; none where it is neither. What is not there has no members.
fn named(value: &Value) -> Option<Vec<(String, Value)>> {
    match value {
        Value::Object(fields) => Some(fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect()),
        Value::Array(items) if items.iter().all(|item| item["name"].is_string()) => {
            Some(items.iter().map(|item| (item["name"].as_str().unwrap_or_default().to_owned(), item.clone())).collect())
        }
        _ => None,
    }
}

/// A value as it is shown: of environments and options only that there is one.
fn shown(path: &str, value: &Value) -> String {
    let secret = ["environment", "options", "command", "entryPoint", "dockerLabels", "healthCheck"];
    if secret.iter().any(|name| path.split('.').any(|part| part == *name)) && !path.ends_with(".name") {
        return HIDDEN.to_owned();
    }
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changes;

    #[test]
    fn changed_fields_are_named_and_values_of_environments_are_not_shown() {
        let from = json!({ "family": "f", "cpu": "256", "containerDefinitions": [
            { "name": "web", "image": "r:1", "environment": [{ "name": "KEY", "value": "s3cret" }, { "name": "OLD", "value": "x9x" }] }] });
        let to = json!({ "family": "f", "cpu": "512", "containerDefinitions": [
            { "name": "web", "image": "r:2", "environment": [{ "name": "KEY", "value": "0ther" }] },
            { "name": "log", "image": "l:1" }] });
        let lines: Vec<String> = changes(&from, &to)
            .iter()
            .map(|c| format!("{:?} {} {:?} {:?}", c.container.as_deref().unwrap_or("-"), c.field, c.from, c.to))
            .collect();
        let text = lines.join("\n");
        assert!(!text.contains("s3cret") && !text.contains("0ther") && !text.contains("x9x"), "{text}");
        for part in [
            "\"-\" cpu Some(\"256\") Some(\"512\")",
            "\"web\" image Some(\"r:1\") Some(\"r:2\")",
            "environment.KEY.value",
            "\"log\" container None",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
