//! One operation on the layers that every client of the SDK is made of (orchestrator, SigV4, time-outs), with the settings of the
//! other clients. So no crate, which takes minutes to build, is needed for a service of which a few calls are made.

use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;

/// Where a service is, and what it is called (service models: endpointPrefix, signingName, serviceId).
#[derive(Debug)]
pub struct Service {
    /// What its host begins with.
    pub host: &'static str,
    /// Its name in signatures.
    pub signing: &'static str,
    /// Its id, which its own endpoint variable is named after: `AWS_ENDPOINT_URL_ID`.
    pub id: &'static str,
}

impl Service {
    /// An operation of this service, which still lacks what it sends and how its answer is read.
    pub(super) fn operation(&self, config: &SdkConfig, name: &'static str) -> OperationBuilder {
        let operation = Operation::builder()
            .service_name(self.id)
            .operation_name(name)
            .endpoint_url(&self.endpoint(config))
            .no_retry()
            .timeout_config(config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
            .runtime_plugin(self.settings(config));
        match config.behavior_version() {
            Some(version) => operation.behavior_version(version),
            None => operation,
        }
    }

    /// `AWS_ENDPOINT_URL_ID`, `AWS_ENDPOINT_URL`, or where the service is in this Region.
    fn endpoint(&self, config: &SdkConfig) -> String {
        let key = ServiceConfigKey::builder().service_id(self.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok();
        let own = config.service_config().zip(key).and_then(|(service, key)| service.load_config(key));
        let region = config.region().map_or("", AsRef::as_ref);
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        own.or_else(|| config.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| format!("https://{}.{region}.{suffix}", self.host))
    }

    /// Signs with the credentials, the Region and the HTTP client of the other clients.
    fn settings(&self, config: &SdkConfig) -> StaticRuntimePlugin {
        let mut layer = Layer::new(self.id);
        layer.store_put(SigningName::from_static(self.signing));
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig { signing_options: SigningOptions::default(), ..Default::default() });
        if let Some(region) = config.region() {
            layer.store_put(SigningRegion::from(region.clone()));
        }
        let mut components = RuntimeComponentsBuilder::new(self.id);
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)));
        components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
        if let Some(credentials) = config.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, credentials);
        }
        if let Some(client) = config.http_client() {
            components.set_http_client(Some(client));
        }
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
    }
}
