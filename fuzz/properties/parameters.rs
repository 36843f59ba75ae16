//! UserParameters: what is taken is legal and survives being written and read again, what is not is told.

use blue_green::asked::parameters::{Action, Parameters, is_image_tag, is_load_balancer_name};
use blue_green::asked::words::{is_execution, is_word};
use blue_green::release::id::FlipId;
use serde_json::json;

use super::{assert_fits_a_tag, assert_readable};

/// Reads the bytes as UserParameters.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = match Parameters::parse(text) {
        Ok(read) => read,
        Err(setup_error) => return assert_readable(&setup_error.to_string()),
    };
    assert!(is_load_balancer_name(&read.elb_name), "{read:?}");
    assert!(read.promote_to.iter().all(|name| is_word(name)), "{read:?}");
    assert!(read.promote_image.iter().all(|tag| is_image_tag(tag)), "{read:?}");
    assert!(read.execution.iter().all(|id| is_execution(id)), "{read:?}");
    assert!(read.min_capacity <= 100 && !read.ports.is_empty(), "{read:?}");
    assert_eq!(Parameters::parse(&written(&read)).as_ref(), Ok(&read));
    let id = FlipId::new(read.execution.as_deref().unwrap_or("11111111-2222-3333-4444-555555555555"), &read.promote_to);
    assert_fits_a_tag(id.as_str());
    assert!(read.execution.iter().all(|execution| id.is_of(execution)), "{id}");
}

fn written(parameters: &Parameters) -> String {
    let Parameters { elb_name, action, promote_to, promote_image, execution, min_capacity, force, ports } = parameters;
    let mut written = json!({
        "ElbName": elb_name,
        "Action": match action {
            Action::Flip => "flip",
            Action::Check => "check",
        },
        "MinCapacity": min_capacity,
        "Force": force,
        "Ports": blue_green::seen::ports::display(ports),
    });
    let promote_to = (!promote_to.is_empty()).then(|| promote_to.join(","));
    for (key, value) in [("PromoteTo", &promote_to), ("PromoteImage", promote_image), ("Execution", execution)] {
        if let Some(value) = value {
            written[key] = json!(value);
        }
    }
    written.to_string()
}
