//! Connections, opened before they are needed: a client opens one for a call that finds none free, and keeps it.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

/// Turns any call into `GET /`, which is no operation of any service: it changes nothing and needs no permission, and whatever the
/// answer is, the connection that it came by is open.
pub(super) fn nothing(request: &mut HttpRequest) {
    // A method that is none cannot be set, and GET is one.
    let _ = request.set_method("GET");
    *request.body_mut() = SdkBody::empty();
    for header in ["content-length", "content-type", "x-amz-target"] {
        request.headers_mut().remove(header);
    }
}
