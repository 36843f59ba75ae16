//! Where the output of a container goes: CloudWatch Logs, as the awslogs driver sends it (stream `PREFIX/CONTAINER/TASK-ID`).

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use aws_sdk_ecs::types::ContainerDefinition;
use serde_json::json;

use super::wire::{LOGS, Wire};

/// The stream of one container.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    group: String,
    name: String,
}

impl Stream {
    /// The stream of a container of a task, made; none where its definition names no group.
    ///
    /// # Errors
    /// The API does not answer.
    pub async fn open(wire: &Wire, container: &ContainerDefinition, task: &str) -> Result<Option<Self>> {
        let options = container.log_configuration().and_then(|logs| logs.options());
        let option = |name: &str| options.and_then(|options| options.get(name));
        let (Some(group), Some(prefix)) = (option("awslogs-group"), option("awslogs-stream-prefix")) else { return Ok(None) };
        let id = task.rsplit('/').next().unwrap_or(task);
        let stream = Self { group: group.clone(), name: format!("{prefix}/{}/{id}", container.name().unwrap_or_default()) };
        // What is there already is refused, and that is well.
        wire.call(&LOGS, "CreateLogGroup", &json!({ "logGroupName": stream.group })).await?;
        wire.call(&LOGS, "CreateLogStream", &json!({ "logGroupName": stream.group, "logStreamName": stream.name })).await?;
        Ok(Some(stream))
    }

    /// Writes one line.
    ///
    /// # Errors
    /// The API does not answer.
    pub async fn write(&self, wire: &Wire, line: &str) -> Result<()> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
        let event = json!({ "timestamp": time, "message": line });
        let put = json!({ "logGroupName": self.group, "logStreamName": self.name, "logEvents": [event] });
        wire.call(&LOGS, "PutLogEvents", &put).await.map(drop)
    }
}
