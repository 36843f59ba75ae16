//! CodePipeline's job: its event, its limits, and that it takes one result only.

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::error::ProvideErrorMetadata;
use aws_sdk_codepipeline::types::{ExecutionDetails, FailureDetails, FailureType};
use local_aws::jobs::JobState;

use crate::{once, world};

#[tokio::test]
async fn a_job_takes_one_result() {
    let world = world().await;
    let client = Client::new(&once(&world).await);
    let job = world.jobs.create_job("{\"ElbName\":\"shop\"}");
    assert_eq!(world.jobs.state(&job), Some(JobState::InProgress));
    let details = ExecutionDetails::builder().summary("done").percent_complete(100).build();
    client
        .put_job_success_result()
        .job_id(&job)
        .execution_details(details)
        .output_variables("Live", "Code2")
        .send()
        .await
        .unwrap();
    let Some(JobState::Succeeded { summary, output_variables, percent, .. }) = world.jobs.state(&job) else {
        panic!("{:?}", world.jobs.state(&job))
    };
    assert_eq!((summary.as_deref(), percent), (Some("done"), Some(100)));
    assert_eq!(output_variables["Live"], "Code2");

    let failure = FailureDetails::builder().r#type(FailureType::JobFailed).message("too late").build().unwrap();
    let late =
        client.put_job_failure_result().job_id(&job).failure_details(failure).send().await.unwrap_err().into_service_error();
    assert!(late.is_invalid_job_state_exception(), "{late:?}");
    assert_eq!((world.jobs.accepted(&job), world.jobs.refused(&job)), (1, 1));
}

#[tokio::test]
async fn a_job_that_never_was_is_not_found() {
    let world = world().await;
    let client = Client::new(&once(&world).await);
    let error = client.put_job_success_result().job_id("00000000-0000-4000-8000-000000000000").send().await.unwrap_err();
    assert!(error.into_service_error().is_job_not_found_exception());
}

#[tokio::test]
async fn a_result_beyond_the_limits_is_refused_and_the_job_goes_on() {
    let world = world().await;
    let client = Client::new(&once(&world).await);
    let job = world.jobs.create_job("{}");
    let summary = async |text: String| {
        let details = ExecutionDetails::builder().summary(text).build();
        client.put_job_success_result().job_id(&job).execution_details(details).send().await
    };
    for text in [String::new(), "x".repeat(2049)] {
        assert_eq!(summary(text).await.unwrap_err().code(), Some("ValidationException"));
    }
    for (name, value) in [("not legal", "x"), ("", "x"), ("Empty", "")] {
        let variables = client.put_job_success_result().job_id(&job).output_variables(name, value).send().await;
        assert_eq!(variables.unwrap_err().code(), Some("ValidationException"), "{name:?} {value:?}");
    }
    let external = ExecutionDetails::builder().external_execution_id("x".repeat(1501)).build();
    let percent = ExecutionDetails::builder().percent_complete(101).build();
    for details in [external, percent] {
        let refused = client.put_job_success_result().job_id(&job).execution_details(details).send().await;
        assert_eq!(refused.unwrap_err().code(), Some("ValidationException"));
    }
    for token in [String::new(), "x".repeat(2049)] {
        let refused = client.put_job_success_result().job_id(&job).continuation_token(token).send().await;
        assert_eq!(refused.unwrap_err().code(), Some("ValidationException"));
    }
    let both = client.put_job_success_result().job_id(&job).continuation_token("next").output_variables("Live", "Code2");
    assert_eq!(both.send().await.unwrap_err().code(), Some("ValidationException"));
    let unknown = FailureDetails::builder().r#type(FailureType::from("Refused")).message("x").build().unwrap();
    let failure = client.put_job_failure_result().job_id(&job).failure_details(unknown).send().await;
    assert_eq!(failure.unwrap_err().code(), Some("ValidationException"));
    let long = FailureDetails::builder().r#type(FailureType::JobFailed).message("x".repeat(5001)).build().unwrap();
    let failure = client.put_job_failure_result().job_id(&job).failure_details(long).send().await;
    assert_eq!(failure.unwrap_err().code(), Some("ValidationException"));
    assert_eq!(world.jobs.state(&job), Some(JobState::InProgress));
    summary("x".repeat(2048)).await.unwrap();
}

#[tokio::test]
async fn an_event_carries_the_parameters_and_credentials_that_differ_each_time() {
    let world = world().await;
    let event = |parameters| world.jobs.event(&world.jobs.create_job(parameters))["CodePipeline.job"].take();
    let (one, other) = (event("{\"ElbName\":\"shop\"}"), event("{}"));
    assert_eq!(one["data"]["actionConfiguration"]["configuration"]["UserParameters"], "{\"ElbName\":\"shop\"}");
    assert_eq!(one["accountId"], world.account());
    let secret = |event: &serde_json::Value| event["data"]["artifactCredentials"]["secretAccessKey"].as_str().unwrap().to_owned();
    assert_ne!(secret(&one), secret(&other));
}
