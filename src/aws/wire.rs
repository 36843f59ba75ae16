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
use aws_types::region::{Region, SigningRegion};
use aws_types::service_config::ServiceConfigKey;

/// Where a service is, and what it is called (service models: endpointPrefix, signingName, serviceId).
#[derive(Debug)]
pub struct Service {
    /// What its host begins with; after it come the Region, where the service has one host a Region, and AWS's own part.
    pub host: &'static str,
    /// Whether it has one host for all Regions of a partition.
    pub global: bool,
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
        own.or_else(|| config.endpoint_url().map(str::to_owned)).unwrap_or_else(|| {
            let region = config.region().map_or("", AsRef::as_ref);
            let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            match self.global.then(|| global(region)) {
                Some((host, _)) => format!("https://{}{host}.{suffix}", self.host),
                None => format!("https://{}.{region}.{suffix}", self.host),
            }
        })
    }

    /// The Region that its calls are signed for.
    fn region(&self, config: &SdkConfig) -> Option<Region> {
        let region = config.region()?;
        Some(if self.global { Region::from_static(global(region.as_ref()).1) } else { region.clone() })
    }

    /// Signs with the credentials, the Region and the HTTP client of the other clients.
    fn settings(&self, config: &SdkConfig) -> StaticRuntimePlugin {
        let mut layer = Layer::new(self.id);
        layer.store_put(SigningName::from_static(self.signing));
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig { signing_options: SigningOptions::default(), ..Default::default() });
        if let Some(region) = self.region(config) {
            layer.store_put(SigningRegion::from(region));
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

/// What follows the name in the host of a service that has one host a partition, and the Region that it is signed for
/// (AWS General Reference, "AWS Identity and Access Management endpoints and quotas"; botocore's endpoints.json).
fn global(region: &str) -> (&'static str, &'static str) {
    match region {
        china if china.starts_with("cn-") => (".cn-north-1", "cn-north-1"),
        government if government.starts_with("us-gov-") => (".us-gov", "us-gov-west-1"),
        _ => ("", "us-east-1"),
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region, SdkConfig};

    use super::Service;

    #[test]
    fn a_global_service_has_one_host_and_one_region_a_partition() {
        let iam = Service { host: "iam", global: true, signing: "iam", id: "IAM" };
        for (region, host, signed) in [
            ("eu-central-1", "https://iam.amazonaws.com", "us-east-1"),
            ("us-gov-east-1", "https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
            ("cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ] {
            let config =
                SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::from_static(region)).build();
            assert_eq!(iam.endpoint(&config), host);
            assert_eq!(iam.region(&config), Some(Region::from_static(signed)));
        }
    }
}
