//! The digests of images in ECR.

use serde_json::json;

use super::Reader;
use super::parse;
use crate::aws::failure::{AwsFailure, Class};
use crate::aws::json::ECR;
use crate::roll::image::Reference;

/// ECR's codes for an image that is not there.
const NOT_THERE: [&str; 2] = ["ImageNotFoundException", "RepositoryNotFoundException"];

impl Reader {
    /// The digest of an image in ECR; none where its registry is another one.
    ///
    /// # Errors
    /// An [`AwsFailure`], of the class [`Class::NotFound`] where the image is not there.
    pub async fn digest(&self, image: &Reference) -> Result<Option<String>, AwsFailure> {
        const ACTION: &str = "ecr:DescribeImages";
        let Some(repository) = image.ecr() else { return Ok(None) };
        let id = match &image.digest {
            Some(digest) => json!({ "imageDigest": digest }),
            None => json!({ "imageTag": image.tag.as_deref().unwrap_or("latest") }),
        };
        let parameters = json!({ "registryId": repository.account, "repositoryName": repository.name, "imageIds": [id] });
        let json = self.json.in_region(&repository.region);
        let answer = json.call(&self.caller, &ECR, ACTION, &image.to_string(), &parameters).await;
        let answer = answer.map_err(|failure| match failure.code.as_deref() {
            Some(code) if NOT_THERE.contains(&code) => AwsFailure { class: Class::NotFound, ..failure },
            _ => failure,
        })?;
        let digest = parse::list(&answer["imageDetails"]).find_map(|image| image["imageDigest"].as_str());
        digest
            .map(|digest| Some(digest.to_owned()))
            .ok_or_else(|| AwsFailure::incomplete(ACTION, &image.to_string(), "imageDigest"))
    }
}
