//! Task definitions as JSON: nothing of them is typed, so that nothing is lost.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use thiserror::Error;

use super::release::journal;

/// What DescribeTaskDefinition adds and RegisterTaskDefinition refuses (service model ecs 2014-11-13).
pub const ADDED: [&str; 9] = [
    "compatibilities",
    "deleteRequestedAt",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
];
/// The tag of a revision that keeps a container's image tag, whose image is pinned to a digest; the container's name follows.
pub const TAG_OF: &str = "bluegreen:tag.";
/// The largest task definition and the most containers (Amazon ECS service quotas).
const LARGEST: usize = 64 * 1024;
const MOST_CONTAINERS: usize = 10;
/// The most tags of a revision.
const MOST_TAGS: usize = 50;

/// Why a document cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unregistrable {
    /// It has no family.
    #[error("the task definition has no \"family\"; add it to the template")]
    NoFamily,
    /// It has no containers.
    #[error("the task definition has no \"containerDefinitions\"; add at least one container")]
    NoContainers,
    /// Too many.
    #[error("the task definition has {0} containers; ECS takes 10 at most")]
    Containers(usize),
    /// A container lacks its name or its image.
    #[error("container {place} has no \"{field}\"; add it to the template")]
    Lacks {
        /// Its name, or its number.
        place: String,
        /// What it lacks.
        field: &'static str,
    },
    /// A null: ECS refuses it.
    #[error("{0} is null, which ECS refuses; leave the field out")]
    Null(String),
    /// Too large.
    #[error("the task definition has {0} bytes; ECS takes 65536 at most")]
    Size(usize),
    /// Too many tags.
    #[error("the revision would have {0} tags; ECS takes 50 at most")]
    Tags(usize),
}

/// The containers of a document.
pub fn containers(document: &Value) -> impl Iterator<Item = &Value> {
    document["containerDefinitions"].as_array().into_iter().flatten()
}

/// The containers of a document, to change.
pub fn containers_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    document.get_mut("containerDefinitions").and_then(Value::as_array_mut).into_iter().flatten()
}

/// A container's name.
#[must_use]
pub fn name_of(container: &Value) -> &str {
    container["name"].as_str().unwrap_or_default()
}

/// A described definition (or a template) as it is registered: without what describing adds, with its tags but AWS's own, and but
/// those of the release that registered it.
#[must_use]
pub fn registrable(described: &Value, tags: &BTreeMap<String, String>) -> Value {
    let mut document = described.as_object().cloned().unwrap_or_default();
    ADDED.iter().for_each(|field| drop(document.remove(*field)));
    let mut tags = tags.clone();
    tags.retain(|key, _| !journal::ALL.contains(&key.as_str()) && !key.starts_with(journal::DIGEST_OF));
    set_tags(&mut document, &tags);
    Value::Object(document)
}

/// The tags of a document.
#[must_use]
pub fn tags(document: &Value) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str().unwrap_or_default().to_owned()));
    document["tags"].as_array().into_iter().flatten().filter_map(pair).collect()
}

/// Sets the tags of a document; AWS's own are left out.
pub fn set_tags(document: &mut Map<String, Value>, tags: &BTreeMap<String, String>) {
    let own = tags.iter().filter(|(key, _)| !key.to_lowercase().starts_with("aws:"));
    let list: Vec<Value> = own.map(|(key, value)| serde_json::json!({ "key": key, "value": value })).collect();
    if list.is_empty() {
        document.remove("tags");
    } else {
        document.insert("tags".to_owned(), list.into());
    }
}

/// Checks what ECS would refuse.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(document: &Value) -> Result<(), Unregistrable> {
    if document["family"].as_str().is_none_or(str::is_empty) {
        return Err(Unregistrable::NoFamily);
    }
    match containers(document).count() {
        0 => return Err(Unregistrable::NoContainers),
        number if number > MOST_CONTAINERS => return Err(Unregistrable::Containers(number)),
        _ => {}
    }
    for (number, container) in containers(document).enumerate() {
        for field in ["name", "image"] {
            if container[field].as_str().is_none_or(str::is_empty) {
                let place = container["name"].as_str().map_or_else(|| number.to_string(), str::to_owned);
                return Err(Unregistrable::Lacks { place, field });
            }
        }
    }
    if let Some(place) = null(document, "") {
        return Err(Unregistrable::Null(place));
    }
    let size = document.to_string().len();
    if size > LARGEST {
        return Err(Unregistrable::Size(size));
    }
    let number = tags(document).len();
    if number > MOST_TAGS { Err(Unregistrable::Tags(number)) } else { Ok(()) }
}

fn null(value: &Value, place: &str) -> Option<String> {
    match value {
        Value::Null => Some(place.to_owned()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| null(item, &format!("{place}/{index}"))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| null(field, &format!("{place}/{name}"))),
        _ => None,
    }
}

/// Whether two documents make the same tasks: tags, and what ECS fills in by itself, do not count.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    normal(one) == normal(other)
}

/// A document without tags and defaults, its name-value lists in order.
#[must_use]
pub fn normal(document: &Value) -> Value {
    let mut fields = document.as_object().cloned().unwrap_or_default();
    ADDED.iter().chain(&["tags"]).for_each(|field| drop(fields.remove(*field)));
    if fields.get("networkMode").is_some_and(|mode| mode == "bridge") {
        fields.remove("networkMode");
    }
    let mut document = Value::Object(fields);
    for container in containers_mut(&mut document) {
        for (field, default) in [("cpu", Value::from(0)), ("essential", Value::from(true))] {
            if container[field] == default {
                container.as_object_mut().map(|fields| fields.remove(field));
            }
        }
        for port in container.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten() {
            let same_port = port["hostPort"] == 0 || port["hostPort"] == port["containerPort"];
            if let Some(port) = port.as_object_mut() {
                port.retain(|name, value| !(name == "protocol" && value == "tcp" || name == "hostPort" && same_port));
            }
        }
    }
    without_empty(&mut document);
    document
}

fn without_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(without_empty);
            // An empty text is a value; an empty list or object is what ECS fills in.
            fields
                .retain(|_, field| !matches!(field, Value::Array(items) if items.is_empty()) && *field != serde_json::json!({}));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(without_empty);
            if items.iter().all(|item| item["name"].is_string() && (item["value"].is_string() || item["valueFrom"].is_string())) {
                items.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{ADDED, check, registrable, same, tags};
    use crate::roll::pins::pin;

    #[test]
    fn what_describing_adds_is_left_out_and_everything_else_is_kept() {
        let mut described =
            json!({ "family": "shop", "memory": "512", "newField": { "deep": [1.5, ""] }, "containerDefinitions": [] });
        for field in ADDED {
            described[field] = json!("added");
        }
        let tags =
            BTreeMap::from([("team".to_owned(), "a".to_owned()), ("aws:cloudformation:stack-name".to_owned(), "s".to_owned())]);
        let expected = json!({ "family": "shop", "memory": "512", "newField": { "deep": [1.5, ""] }, "containerDefinitions": [],
            "tags": [{ "key": "team", "value": "a" }] });
        assert_eq!(registrable(&described, &tags), expected);
    }

    #[test]
    fn what_ecs_fills_in_makes_no_difference() {
        let template = json!({ "family": "f", "containerDefinitions": [
            { "name": "a", "image": "i:1", "environment": [{ "name": "B", "value": "" }, { "name": "A", "value": "1" }],
              "portMappings": [{ "containerPort": 80 }] }] });
        let described = json!({ "family": "f", "revision": 3, "networkMode": "bridge", "volumes": [], "containerDefinitions": [
            { "name": "a", "image": "i:1", "cpu": 0, "essential": true, "mountPoints": [],
              "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "" }],
              "portMappings": [{ "containerPort": 80, "hostPort": 0, "protocol": "tcp" }] }] });
        assert!(same(&template, &described));
        let mut other = described;
        other["containerDefinitions"][0]["environment"][1]["value"] = json!("x");
        assert!(!same(&template, &other));
    }

    #[test]
    fn what_ecs_refuses_is_named() {
        let says = |document: Value, word: &str| assert!(check(&document).unwrap_err().to_string().contains(word), "{document}");
        says(json!({ "containerDefinitions": [] }), "family");
        says(json!({ "family": "f", "containerDefinitions": [] }), "containerDefinitions");
        says(json!({ "family": "f", "containerDefinitions": [{ "name": "a" }] }), "\"image\"");
        says(
            json!({ "family": "f", "containerDefinitions": [{ "name": "a", "image": "i", "links": null }] }),
            "/containerDefinitions/0/links",
        );
        says(json!({ "family": "f", "containerDefinitions": [{ "name": "a", "image": "i".repeat(70_000) }] }), "65536");
        assert_eq!(check(&json!({ "family": "f", "containerDefinitions": [{ "name": "a", "image": "i" }] })), Ok(()));
    }

    #[test]
    fn a_pinned_image_keeps_its_tag_as_a_tag_of_the_revision() {
        let mut document = json!({ "family": "f", "containerDefinitions": [{ "name": "a", "image": "r/i:1" }] });
        let digest = format!("sha256:{}", "0".repeat(64));
        pin(&mut document, "a", &digest);
        assert_eq!(document["containerDefinitions"][0]["image"], format!("r/i@{digest}"));
        assert_eq!(tags(&document), BTreeMap::from([("bluegreen:tag.a".to_owned(), "1".to_owned())]));
    }
}
