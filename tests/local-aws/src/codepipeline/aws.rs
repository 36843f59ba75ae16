//! The calls that the pipeline makes in the account, as the services it stands for would.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::xml;
use crate::gateway::OPERATOR;
use crate::world::REGION;

/// An account's API, without policies: the services' own calls.
#[derive(Clone, Debug)]
pub struct Account {
    endpoint: String,
    account: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Account {
    /// The account behind an endpoint.
    pub fn new(endpoint: String, account: String) -> Self {
        Self { endpoint, account, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Twelve digits.
    pub fn id(&self) -> &str {
        &self.account
    }

    async fn send(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        let scope = format!("AWS4-HMAC-SHA256 Credential={}/20260101/{REGION}/{service}/aws4_request", self.account);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header("x-amz-security-token", OPERATOR)
            .header("authorization", scope);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// A call of a JSON protocol.
    ///
    /// # Errors
    /// The API's.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
        let (status, answer) = self.send(service, Method::POST, "/", &headers, body.to_string().into()).await?;
        ensure!(status.is_success(), "{target} answered {status}: {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).with_context(|| format!("{target} answered no JSON"))
    }

    /// A call of the Query protocol: its result, or the message of the error that it is.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn query<K: AsRef<str>>(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(K, String)],
    ) -> Result<Result<Value, String>> {
        let form = {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("Action", action).append_pair("Version", version);
            form.extend_pairs(parameters.iter().map(|(key, value)| (key.as_ref(), value)));
            form.finish()
        };
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let (status, body) = self.send(service, Method::POST, "/", &headers, form.into()).await?;
        let answer = std::str::from_utf8(&body)?;
        let read =
            xml::element(&mut quick_xml::Reader::from_str(answer)).with_context(|| format!("{action} answered {answer}"))?;
        if status.is_success() {
            return Ok(Ok(read[format!("{action}Response")][format!("{action}Result")].clone()));
        }
        Ok(Err(read["ErrorResponse"]["Error"]["Message"].as_str().unwrap_or_default().to_owned()))
    }

    /// The policy documents that a role holds inside.
    ///
    /// # Errors
    /// The API's.
    pub async fn role_policies(&self, role: &str) -> Result<Vec<String>> {
        let call = async |action: &str, mut asked: Vec<(&str, String)>| {
            asked.push(("RoleName", role.to_owned()));
            let answer = self.query("iam", "2010-05-08", action, &asked).await?;
            answer.map_err(|message| anyhow::anyhow!("{action} {role}: {message}"))
        };
        let listed = call("ListRolePolicies", Vec::new()).await?;
        let mut documents = Vec::new();
        for name in listed["PolicyNames"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let policy = call("GetRolePolicy", vec![("PolicyName", name.to_owned())]).await?;
            let document = policy["PolicyDocument"].as_str().with_context(|| format!("{name} of {role} has no document"))?;
            let mut decoded = form_urlencoded::parse(document.as_bytes());
            documents.push(decoded.next().map(|(document, _)| document.into_owned()).unwrap_or_default());
        }
        Ok(documents)
    }

    /// The properties of a resource by Cloud Control, each with its identifier.
    ///
    /// # Errors
    /// The API's.
    pub async fn resources(&self, kind: &str) -> Result<Vec<(String, Value)>> {
        let listed = self.json("cloudcontrolapi", "CloudApiService.ListResources", &json!({ "TypeName": kind })).await?;
        let described = listed["ResourceDescriptions"].as_array().into_iter().flatten();
        let read = |description: &Value| {
            let identifier = description["Identifier"].as_str().unwrap_or_default().to_owned();
            let properties = description["Properties"].as_str().unwrap_or("{}");
            Ok((identifier, serde_json::from_str(properties)?))
        };
        described.map(read).collect()
    }

    /// Whether there is a function of this name.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn has_function(&self, name: &str) -> Result<bool> {
        let path = format!("/2015-03-31/functions/{name}");
        let (status, _) = self.send("lambda", Method::GET, &path, &[], Bytes::new()).await?;
        Ok(status.is_success())
    }

    /// An object's bytes; none where there is none.
    ///
    /// # Errors
    /// The API's.
    pub async fn object(&self, bucket: &str, key: &str) -> Result<Option<Bytes>> {
        let (status, body) = self.send("s3", Method::GET, &format!("/{bucket}/{key}"), &[], Bytes::new()).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(body)),
            status => anyhow::bail!("GetObject {bucket}/{key} answered {status}: {}", String::from_utf8_lossy(&body)),
        }
    }

    /// Puts an object.
    ///
    /// # Errors
    /// The API's.
    pub async fn put_object(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<()> {
        let (status, answer) = self.send("s3", Method::PUT, &format!("/{bucket}/{key}"), &[], body.into()).await?;
        ensure!(status.is_success(), "PutObject {bucket}/{key} answered {status}: {}", String::from_utf8_lossy(&answer));
        Ok(())
    }

    /// What a person does in the console: makes a connection available.
    ///
    /// # Errors
    /// The API's.
    pub async fn confirm_connection(&self, arn: &str) -> Result<()> {
        let patch = json!([{ "op": "replace", "path": "/ConnectionStatus", "value": "AVAILABLE" }]).to_string();
        let asked = json!({ "TypeName": "AWS::CodeConnections::Connection", "Identifier": arn, "PatchDocument": patch });
        self.json("cloudcontrolapi", "CloudApiService.UpdateResource", &asked).await.map(drop)
    }

    /// A digest in hexadecimal.
    pub fn sha256(&self, bytes: &[u8]) -> String {
        use sha2::Digest;
        sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
