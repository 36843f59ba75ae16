//! The last lines that a container printed, where they go to CloudWatch Logs.

use serde_json::{Value, json};

use super::Reader;
use super::parse;
use crate::aws::failure::AwsFailure;
use crate::aws::json::LOGS;
use crate::roll::definition::{containers, name_of};
use crate::roll::seen::short;

impl Reader {
    /// The last lines of a container of a task; none where its output goes elsewhere, or it printed nothing.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn log_tail(&self, definition: &Value, container: &str, task: &str, lines: u32) -> Result<Vec<String>, AwsFailure> {
        let Some(stream) = stream(definition, container, task) else { return Ok(Vec::new()) };
        let parameters =
            json!({ "logGroupName": stream.group, "logStreamName": stream.name, "limit": lines, "startFromHead": false });
        let json = match &stream.region {
            Some(region) => self.json.in_region(region),
            None => self.json.clone(),
        };
        let resource = format!("{}:{}", stream.group, stream.name);
        match json.call(&self.caller, &LOGS, "logs:GetLogEvents", &resource, &parameters).await {
            Ok(answer) => {
                Ok(parse::list(&answer["events"]).filter_map(|event| event["message"].as_str().map(str::to_owned)).collect())
            }
            // The stream comes with the first line.
            Err(failure) if failure.code.as_deref() == Some("ResourceNotFoundException") => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }
}

struct Stream {
    group: String,
    name: String,
    region: Option<String>,
}

/// `PREFIX/CONTAINER/TASK-ID` (developer guide, awslogs-stream-prefix).
fn stream(definition: &Value, container: &str, task: &str) -> Option<Stream> {
    let found = containers(definition).find(|found| name_of(found) == container)?;
    let logs = &found["logConfiguration"];
    let option = |name: &str| logs["options"][name].as_str();
    let (group, prefix) = (option("awslogs-group")?, option("awslogs-stream-prefix")?);
    (logs["logDriver"] == "awslogs").then(|| Stream {
        group: group.to_owned(),
        name: format!("{prefix}/{container}/{}", short(task)),
        region: option("awslogs-region").map(str::to_owned),
    })
}
