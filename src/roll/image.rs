//! Image references, and which containers a new one is for.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

use super::definition::{containers, containers_mut, name_of};

/// An image reference: `REPOSITORY`, `REPOSITORY:TAG` or `REPOSITORY@DIGEST`; the repository with its registry, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Such as `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web`.
    pub repository: String,
    /// The tag, where there is one.
    pub tag: Option<String>,
    /// `sha256:…`, where there is one.
    pub digest: Option<String>,
}

/// A repository of ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrRepository {
    /// The account that owns it.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// Its name.
    pub name: String,
}

/// A text that is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not an image; expected REPOSITORY:TAG or REPOSITORY@sha256:DIGEST")]
pub struct NoImage(pub String);

impl FromStr for Reference {
    type Err = NoImage;

    fn from_str(text: &str) -> Result<Self, NoImage> {
        let no_image = || NoImage(text.to_owned());
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match name[last..].find(':') {
            Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
            None => (name, None),
        };
        let legal = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:".contains(c));
        let digest_is = |digest: &str| {
            digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        if !legal(repository) || repository.ends_with('/') || tag.is_some_and(|tag| !crate::asked::parameters::is_image_tag(tag))
        {
            return Err(no_image());
        }
        if digest.is_some_and(|digest| !digest_is(digest)) {
            return Err(no_image());
        }
        Ok(Self { repository: repository.to_owned(), tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        match (&self.digest, &self.tag) {
            // ECS takes a tag or a digest (ContainerDefinition, image).
            (Some(digest), _) => write!(f, "@{digest}"),
            (None, Some(tag)) => write!(f, ":{tag}"),
            (None, None) => Ok(()),
        }
    }
}

impl Reference {
    /// The repository in ECR; none where the registry is another one.
    #[must_use]
    pub fn ecr(&self) -> Option<EcrRepository> {
        let (host, name) = self.repository.split_once('/')?;
        let (account, rest) = host.split_once(".dkr.ecr")?;
        let (region, _) = rest.trim_start_matches("-fips").strip_prefix('.')?.split_once(".amazonaws.com")?;
        let right = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        right.then(|| EcrRepository { account: account.to_owned(), region: region.to_owned(), name: name.to_owned() })
    }

    /// The same image by its digest.
    #[must_use]
    pub fn pinned(&self, digest: &str) -> Self {
        Self { digest: Some(digest.to_owned()), ..self.clone() }
    }
}

/// `--image`: a new image, for one container or for every container of its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// The container, where one is named.
    pub container: Option<String>,
    /// Its image.
    pub image: Reference,
}

impl FromStr for NewImage {
    type Err = NoImage;

    fn from_str(text: &str) -> Result<Self, NoImage> {
        let (container, image) = text.split_once('=').map_or((None, text), |(name, image)| (Some(name), image));
        let image: Reference = image.parse()?;
        if image.tag.is_none() && image.digest.is_none() {
            return Err(NoImage(text.to_owned()));
        }
        match container {
            Some("") => Err(NoImage(text.to_owned())),
            container => Ok(Self { container: container.map(str::to_owned), image }),
        }
    }
}

/// An image that no container of the definition takes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("--image {image}: no container {what}; the task definition has {there}")]
pub struct NoContainer {
    image: String,
    what: String,
    there: String,
}

/// Puts images into a task definition. Other containers keep theirs.
///
/// # Errors
/// An image that no container takes.
pub fn put(document: &mut Value, images: &[NewImage]) -> Result<(), NoContainer> {
    for new in images {
        let takes = |container: &Value| match &new.container {
            Some(name) => name_of(container) == name,
            None => reference_of(container).is_some_and(|reference| reference.repository == new.image.repository),
        };
        if !containers(document).any(&takes) {
            let what = match &new.container {
                Some(name) => format!("is named {name}"),
                None => format!("runs an image of {}", new.image.repository),
            };
            let there = containers(document)
                .map(|container| format!("{} ({})", name_of(container), container["image"].as_str().unwrap_or("no image")));
            let there = there.collect::<Vec<_>>().join(", ");
            return Err(NoContainer { image: new.image.to_string(), what, there });
        }
        for container in containers_mut(document).filter(|container| takes(container)) {
            container["image"] = new.image.to_string().into();
        }
    }
    Ok(())
}

/// The image of a container.
#[must_use]
pub fn reference_of(container: &Value) -> Option<Reference> {
    container["image"].as_str()?.parse().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use serde_json::json;

    use super::{NewImage, Reference, put};

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_port_of_a_registry_is_no_tag() {
        let image: Reference = "registry.example:5000/shop/web".parse().unwrap();
        assert_eq!((image.repository.as_str(), image.tag), ("registry.example:5000/shop/web", None));
        let image: Reference = format!("registry.example:5000/web:1@{DIGEST}").parse().unwrap();
        assert_eq!((image.tag.as_deref(), image.to_string()), (Some("1"), format!("registry.example:5000/web@{DIGEST}")));
    }

    #[test]
    fn repositories_of_ecr_are_known_in_every_partition() {
        let ecr = |text: &str| text.parse::<Reference>().unwrap().ecr().map(|r| format!("{} {} {}", r.account, r.region, r.name));
        assert_eq!(ecr("123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b:1").as_deref(), Some("123456789012 us-east-1 a/b"));
        assert_eq!(ecr("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/a").as_deref(), Some("123456789012 us-east-1 a"));
        assert_eq!(ecr("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a").as_deref(), Some("123456789012 cn-north-1 a"));
        assert_eq!(ecr("public.ecr.aws/datadog/agent:7"), None);
    }

    #[test]
    fn nonsense_is_no_image() {
        for text in ["", ":1", "a b:1", "a@sha256:12", "a:", "repo/", "=a:1", "web=", "web=repo"] {
            assert!(text.parse::<NewImage>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_image_goes_to_all_containers_of_its_repository_only() {
        let mut document = json!({ "containerDefinitions": [
            { "name": "web", "image": "r/app:1" }, { "name": "log", "image": "datadog:7" }, { "name": "cron", "image": "r/app:1" },
        ] });
        put(&mut document, &["r/app:2".parse().unwrap()]).unwrap();
        let images: Vec<_> = document["containerDefinitions"].as_array().unwrap().iter().map(|c| &c["image"]).collect();
        assert_eq!(images, ["r/app:2", "datadog:7", "r/app:2"]);
        put(&mut document, &["log=other/agent:8".parse().unwrap()]).unwrap();
        assert_eq!(document["containerDefinitions"][1]["image"], "other/agent:8");
    }

    #[test]
    fn an_image_that_no_container_takes_is_an_error_that_shows_what_is_there() {
        let mut document = json!({ "containerDefinitions": [{ "name": "web", "image": "r/app:1" }] });
        let error = put(&mut document, &["r/other:2".parse().unwrap()]).unwrap_err().to_string();
        assert!(error.contains("no container runs an image of r/other; the task definition has web (r/app:1)"), "{error}");
    }
}
