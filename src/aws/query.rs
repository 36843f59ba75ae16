//! The Query protocol: a form goes out, XML comes back (AWS Query protocol; EC2 Query protocol).

use aws_config::SdkConfig;
use aws_smithy_query::QueryWriter;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::Builder;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

use super::call::Caller;
use super::failure::AwsFailure;
use super::wire::Service;

/// Makes a call of a service in one version of its API; `action` is `SERVICE:OPERATION` as a policy names it.
///
/// # Errors
/// An [`AwsFailure`].
pub(super) async fn call<T: Send + Sync + std::fmt::Debug + 'static>(
    config: &SdkConfig,
    caller: &Caller,
    (service, version): (&'static Service, &'static str),
    (action, resource): (&'static str, &str),
    parameters: &[(&'static str, &str)],
    read: fn(&str) -> Result<T, XmlDecodeError>,
) -> Result<T, AwsFailure> {
    let name = action.split_once(':').map_or(action, |(_, name)| name);
    let mut body = String::new();
    let mut writer = QueryWriter::new(&mut body, name, version);
    for (key, value) in parameters {
        writer.prefix(key).string(value);
    }
    writer.finish();
    let operation = service.operation(config, name).serializer(request);
    let operation = operation.deserializer(move |response| answer(response, read)).build();
    caller.call(action, resource, || operation.invoke(body.clone())).await
}

/// The result inside of an answer: `NAMEResponse`, `NAMEResult`.
pub(super) fn result(
    text: &str,
    visit: &mut dyn FnMut(&str, &mut ScopedDecoder<'_, '_>) -> Result<(), XmlDecodeError>,
) -> Result<(), XmlDecodeError> {
    let mut document = Document::new(text);
    let mut root = document.root_element()?;
    children(&mut root, &mut |name, inside| match name.ends_with("Result") {
        true => children(inside, visit),
        false => Ok(()),
    })
}

/// A call with this body.
pub(super) fn request(body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
    Ok(request)
}

/// What an answer holds, or the error that it is.
pub(super) fn answer<T>(
    response: &HttpResponse,
    read: impl Fn(&str) -> Result<T, XmlDecodeError>,
) -> Result<T, OrchestratorError<ErrorMetadata>> {
    let text = std::str::from_utf8(response.body().bytes().unwrap_or_default());
    let text = text.map_err(|error| OrchestratorError::response(error.into()))?;
    if !response.status().is_success() {
        let mut error = ErrorMetadata::builder();
        // What cannot be read has its status all the same.
        if let Ok(mut root) = Document::new(text).root_element() {
            error = details(&mut root, error);
        }
        return Err(OrchestratorError::operation(error.build()));
    }
    read(text).map_err(|error| OrchestratorError::response(error.into()))
}

/// Code, message and request id, however deep they are.
fn details(inside: &mut ScopedDecoder<'_, '_>, mut error: Builder) -> Builder {
    while let Some(mut tag) = inside.next_tag() {
        let name = tag.start_el().local().to_owned();
        error = match name.as_str() {
            "Code" | "Message" | "RequestID" | "RequestId" => {
                let text = try_data(&mut tag).unwrap_or_default().into_owned();
                match name.as_str() {
                    "Code" => error.code(text),
                    "Message" => error.message(text),
                    _ => error.custom("aws_request_id", text),
                }
            }
            _ => details(&mut tag, error),
        };
    }
    error
}

/// Visits the elements of a name directly inside another.
pub(super) fn each(
    inside: &mut ScopedDecoder<'_, '_>,
    name: &str,
    visit: &mut dyn FnMut(&mut ScopedDecoder<'_, '_>) -> Result<(), XmlDecodeError>,
) -> Result<(), XmlDecodeError> {
    children(inside, &mut |found, tag| if found == name { visit(tag) } else { Ok(()) })
}

/// Visits every element directly inside another, with its name.
pub(super) fn children(
    inside: &mut ScopedDecoder<'_, '_>,
    visit: &mut dyn FnMut(&str, &mut ScopedDecoder<'_, '_>) -> Result<(), XmlDecodeError>,
) -> Result<(), XmlDecodeError> {
    while let Some(mut tag) = inside.next_tag() {
        let name = tag.start_el().local().to_owned();
        visit(&name, &mut tag)?;
    }
    Ok(())
}
