//! Times that belong together. Their order is asserted here, at compile time.

use std::time::Duration;

/// How long a plan may be applied after its reading began.
pub const PLAN_LIVES: Duration = Duration::from_secs(15);
/// How long whoever closes a job as not made waits for records of other jobs to grow old: longer than a plan lives.
pub const WAIT: Duration = Duration::from_secs(20);
/// How long a difference to what this invocation wrote is not believed: whether a read sees an acknowledged write at once
/// is not documented, so reads may lag by several seconds.
pub const BELIEVE: Duration = Duration::from_secs(6);
/// How long the load balancer may take until an acknowledged write is live on every node: it gathers changes for about
/// ten seconds (aws-load-balancer-controller, pull request 4039), and old weights were seen for up to a minute
/// (argo-rollouts, issues 4595 and 4926). Twice that.
pub const DATA_PLANE: Duration = Duration::from_secs(120);
/// How many looks may find a difference before it counts as a conflict.
pub const LOOKS: u32 = 24;

const _: () = {
    assert!(BELIEVE.as_millis() < PLAN_LIVES.as_millis());
    assert!(PLAN_LIVES.as_millis() < WAIT.as_millis());
    assert!(WAIT.as_millis() < DATA_PLANE.as_millis());
};
