//! Each fault breaks the call that it waits for, as it says, and no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_elasticloadbalancingv2::types::Tag;
use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::world::{ANY_ROLE, World};

use crate::{idle_pair, once, until, world};

/// Writes a tag through the product's way; says how that ended, as the SDK sees it.
async fn write(world: &World, arn: &str, value: &str) -> String {
    let elb = Client::new(&once(world).await);
    let tag = Tag::builder().key("written").value(value).build();
    match elb.add_tags().resource_arns(arn).tags(tag).send().await {
        Ok(_) => "done".to_owned(),
        Err(SdkError::ServiceError(error)) => {
            format!("{} {}", error.raw().status().as_u16(), error.err().code().unwrap_or("no code"))
        }
        Err(SdkError::TimeoutError(_)) => "no answer".to_owned(),
        Err(SdkError::DispatchFailure(_)) => "connection broken".to_owned(),
        // Half an answer: the SDK sees the body end early.
        Err(SdkError::ResponseError(_)) => "answer broken".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// [`write`], where nobody answers: waits until the fault has struck and the call took its effect, if it takes any, and
/// then only a moment longer.
async fn write_in_vain(world: &World, arn: &str, value: &str, takes_effect: bool) -> String {
    let silence = async {
        until(async || world.gateway.fault_hit()).await;
        until(async || !takes_effect || written(world, arn).await.as_deref() == Some(value)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    tokio::select! {
        answer = write(world, arn, value) => answer,
        () = silence => "no answer".to_owned(),
    }
}

async fn written(world: &World, arn: &str) -> Option<String> {
    let tags = world.elb().describe_tags().resource_arns(arn).send().await.unwrap();
    let tags = tags.tag_descriptions()[0].tags();
    tags.iter().find(|tag| tag.key() == Some("written")).and_then(|tag| tag.value().map(str::to_owned))
}

#[tokio::test]
async fn every_fault_does_what_it_says() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let arn = shop.group("shop-code1").unwrap();
    let killed = Arc::new(AtomicBool::new(false));
    let hook = Arc::clone(&killed);
    world.gateway.on_kill(&format!("{ANY_ROLE}/test"), move || hook.store(true, Ordering::SeqCst));
    for kind in FaultKind::ALL {
        world.gateway.reset_calls();
        world.gateway.clear_faults();
        killed.store(false, Ordering::SeqCst);
        world.gateway.inject(Fault::once(At::Action("AddTags".into(), 2), kind));
        assert_eq!(write(&world, arn, "first").await, "done", "{kind:?}");
        assert!(!world.gateway.fault_hit(), "{kind:?}");
        let value = format!("{kind:?}");
        let expected = match kind {
            FaultKind::KillBefore | FaultKind::KillAfter | FaultKind::Hang | FaultKind::HangAfter => "no answer",
            FaultKind::ResetBefore | FaultKind::ResetAfter => "connection broken",
            FaultKind::Status500 => "500 InternalFailure",
            FaultKind::Status503 => "503 ServiceUnavailable",
            FaultKind::Throttled => "400 Throttling",
            FaultKind::CutAnswer => "answer broken",
            FaultKind::AccessDenied => "403 AccessDenied",
            // None of these is in ALL.
            FaultKind::FirstTag | FaultKind::FirstTagReset | FaultKind::TagsWiped(_) => "done",
            FaultKind::Refused(code) => code,
        };
        let answer = match expected {
            "no answer" => write_in_vain(&world, arn, &value, kind.takes_effect()).await,
            _ => write(&world, arn, &value).await,
        };
        assert_eq!(answer, expected, "{kind:?}");
        assert!(world.gateway.fault_hit(), "{kind:?}");
        let effect = if kind.takes_effect() { value.as_str() } else { "first" };
        assert_eq!(written(&world, arn).await.as_deref(), Some(effect), "{kind:?}");
        let kills = matches!(kind, FaultKind::KillBefore | FaultKind::KillAfter);
        until(async || killed.load(Ordering::SeqCst) == kills).await;
        assert_eq!(write(&world, arn, "last").await, "done", "{kind:?}");
    }
}

#[tokio::test]
async fn a_lasting_fault_ends_with_the_invocation_or_when_it_is_cleared() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let arn = shop.group("shop-code1").unwrap();
    for lasts in [Lasts::Invocation, Lasts::ForGood] {
        world.gateway.reset_calls();
        world.gateway.inject(Fault { at: At::Call(2), kind: FaultKind::Status503, lasts });
        assert_eq!(write(&world, arn, "1").await, "done");
        for _ in 0..3 {
            assert_eq!(write(&world, arn, "2").await, "503 ServiceUnavailable");
        }
        world.gateway.invocation_ended();
        let after = if lasts == Lasts::Invocation { "done" } else { "503 ServiceUnavailable" };
        assert_eq!(write(&world, arn, "3").await, after);
        world.gateway.clear_faults();
        assert_eq!(write(&world, arn, "4").await, "done");
    }
}

#[tokio::test]
async fn access_denied_names_the_action_and_the_resource() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let arn = shop.group("shop-code1").unwrap();
    world.gateway.inject(Fault::once(At::Call(1), FaultKind::AccessDenied));
    let tag = Tag::builder().key("k").value("v").build();
    let error = Client::new(&once(&world).await).add_tags().resource_arns(arn).tags(tag).send().await.unwrap_err();
    assert_eq!(
        error.message().unwrap(),
        format!(
            "User: arn:aws:sts::{}:assumed-role/{ANY_ROLE}/test is not authorized to perform: elasticloadbalancing:AddTags \
             on resource: {arn} because no identity-based policy allows the elasticloadbalancing:AddTags action",
            world.account()
        )
    );
}

#[tokio::test]
async fn a_refusal_has_the_status_that_its_code_comes_with() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    for (code, expected) in [
        ("RuleNotFound", "400 RuleNotFound"),
        ("PriorRequestNotComplete", "429 PriorRequestNotComplete"),
        ("HealthUnavailable", "500 HealthUnavailable"),
    ] {
        world.gateway.reset_calls();
        world.gateway.inject(Fault::once(At::Call(1), FaultKind::Refused(code)));
        assert_eq!(write(&world, shop.group("shop-code1").unwrap(), "value").await, expected);
    }
}
