//! What the settings are called where a person types them: the function's parameters, and the deployer's options.

/// One name for each setting that a message may point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// The load balancer's name.
    pub elb_name: &'static str,
    /// The group to make live.
    pub promote_to: &'static str,
    /// The image tag that must be promoted.
    pub promote_image: &'static str,
    /// The least percentage of healthy targets.
    pub min_capacity: &'static str,
    /// The port pairs.
    pub ports: &'static str,
    /// How the pipeline's execution is passed, as a request.
    pub pass_execution: &'static str,
}

/// The function's UserParameters.
pub const PARAMETERS: Names = Names {
    elb_name: "ElbName",
    promote_to: "PromoteTo",
    promote_image: "PromoteImage",
    min_capacity: "MinCapacity",
    ports: "Ports",
    pass_execution: r##"pass "Execution":"#{codepipeline.PipelineExecutionId}" in UserParameters"##,
};

/// The deployer's options.
pub const OPTIONS: Names = Names {
    elb_name: "--elb",
    promote_to: "--promote-to",
    promote_image: "--promote-image",
    min_capacity: "--min-capacity",
    ports: "--ports",
    pass_execution: "pass it with --execution",
};
