//! What `deployer --help` says around its verbs.

/// Before them.
pub const ABOUT: &str = "\
Tells the build step which image each side of a load balancer gets; shows which version is live, what a flip would do, \
and what keeps it from being done.";

/// After them.
pub const AFTER_HELP: &str = "\
Without a command, the deployer does the build step's job: it reads build.json ({\"tag\":\"1.4.2\"}), finds out which \
version is live, and writes the file back with Code1 and Code2, the image tag of each side. The live side keeps exactly \
what it has; the test side gets the new tag. Where no load balancer has the name, it is the first deployment and both get it.

Examples:
  ELB_NAME=shop EXECUTION_ID=$PIPELINE_EXECUTION_ID deployer
  deployer --elb shop --input build.json --output out.json --settle 0
  deployer --elb shop --stacks shop --execution $ID --env-file variables.env
  deployer status --elb shop --pipeline shop-release
  deployer plan --elb shop --promote-to Code2 --json
  deployer doctor --elb shop --ports 80:8080
  deployer history --pipeline shop --elb shop --service main/web
  deployer unfence --elb shop
  deployer approve --pipeline shop-release
  deployer close-flip --elb shop
  deployer roll deploy --cluster main --service web --image $ECR_REPO:$TAG
  deployer notify slack --result result.json

Environment:
  ELB_NAME                           the load balancer (--elb)
  EXECUTION_ID                       the pipeline execution (--execution)
  ECS_CLUSTER                        where services are looked for (--cluster)
  CODEBUILD_SRC_DIR_BuildOutput      the folder with build.json
  STACKS, REPOSITORY                 the sides as stacks (--stacks, --repository)
  KEEP_MINUTES, URGENT               how long the version before is kept (--keep, --urgent)
  PIPELINE                           the pipeline whose approval is shown or answered (--pipeline)
  CALL_TIMEOUT_MS                    how long one try of one AWS call may take (3000)
  SETTLE_SECONDS                     how long flips under way are waited for (--settle)
  DATA_PLANE_SECONDS                 how old the last flip must be before a side is given away (120; less can lose requests)
  AWS_REGION, AWS_PROFILE, ...       credentials and Region, as for every AWS tool

Exit codes:
  0  done, or nothing to do
  2  the command line, the environment or build.json is wrong
  3  refused: the load balancer is not in a state in which this may be done
  4  AWS does not allow a call
  5  AWS failed otherwise: no answer in time, or a call refused for another reason
  6 to 9 are of `deployer roll`, which tells them in its own help
  1  anything else";
