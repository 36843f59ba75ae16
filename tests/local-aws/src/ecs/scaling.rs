//! Application Auto Scaling, as far as rolls ask for it: the bounds of a service (API reference, RegisterScalableTarget and
//! DescribeScalableTargets). It holds them, and scales nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::gateway::{Request, lock};

/// The scalable targets of one account, by resource id.
#[derive(Debug, Default)]
pub(crate) struct Targets(Mutex<BTreeMap<String, Value>>);

impl Targets {
    /// The answer to a call.
    pub fn answer(&self, request: &Request) -> Value {
        let mut targets = lock(&self.0);
        let field = |name: &str| request.json(name).cloned().unwrap_or_default();
        if request.action == "RegisterScalableTarget" {
            let id = field("ResourceId").as_str().unwrap_or_default().to_owned();
            let target = ["ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity"];
            targets.insert(id, target.into_iter().map(|name| (name.to_owned(), field(name))).collect());
            return json!({});
        }
        let asked = field("ResourceIds");
        let wanted = |id: &String| asked.as_array().is_none_or(|ids| ids.iter().any(|wanted| wanted == id.as_str()));
        let found: Vec<&Value> = targets.iter().filter(|(id, _)| wanted(id)).map(|(_, target)| target).collect();
        json!({ "ScalableTargets": found })
    }
}
