//! Pins: images by digest, with their tags kept as tags of the revision.

use serde_json::Value;

use super::definition::{TAG_OF, containers, containers_mut, name_of, set_tags, tags};
use super::image::{Reference, reference_of};

/// The images of a document that have no digest yet, by container.
#[must_use]
pub fn unpinned(document: &Value) -> Vec<(String, Reference)> {
    let unpinned = |container: &Value| Some((name_of(container).to_owned(), reference_of(container)?));
    containers(document).filter_map(unpinned).filter(|(_, image)| image.digest.is_none()).collect()
}

/// Pins a container's image, and keeps its tag as a tag of the revision.
pub fn pin(document: &mut Value, container: &str, digest: &str) {
    let mut tag = None;
    for found in containers_mut(document).filter(|found| name_of(found) == container) {
        if let Some(image) = reference_of(found) {
            tag = Some(image.tag.clone().unwrap_or_else(|| "latest".to_owned()));
            found["image"] = image.pinned(digest).to_string().into();
        }
    }
    let mut all = tags(document);
    if let (Some(tag), Some(fields)) = (tag, document.as_object_mut()) {
        all.insert(format!("{TAG_OF}{container}"), tag);
        set_tags(fields, &all);
    }
}

/// Takes off the tags that name image tags which no longer hold: of containers whose image is not pinned, or not there.
pub fn drop_stale_tags(document: &mut Value, changed: &[String]) {
    let mut all = tags(document);
    let names: Vec<String> = containers(document).map(|container| name_of(container).to_owned()).collect();
    all.retain(|key, _| {
        let Some(container) = key.strip_prefix(TAG_OF) else { return true };
        names.iter().any(|name| name == container) && !changed.iter().any(|name| name == container)
    });
    if let Some(fields) = document.as_object_mut() {
        set_tags(fields, &all);
    }
}
