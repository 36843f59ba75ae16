//! Random histories against the reference model: shrunk where they fail, and kept beside this file.

use local_aws::gateway::{At, Fault, FaultKind};
use local_aws::jobs::JobState;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use serde_json::json;

use crate::faults::arena::{Arena, Balancer};
use crate::faults::deployer::{Build, PATIENT};
use crate::faults::model::{End, Model, Request, Side};
use crate::faults::rules::RuleState;
use crate::faults::seed::{random, rounds};

/// A kill in the middle: at which call, before or after it took effect.
type Kill = Option<(usize, bool)>;

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// A new execution approves what is on the test port.
    Approve(Kill),
    /// A new execution names the group.
    ApproveTo(Side, Kill),
    /// The same request in a new job.
    Retry(usize, Kill),
    /// The event of an earlier job comes again.
    Duplicate(usize),
    /// A new execution builds; the deployment may fail.
    Build { deploys: bool, kill: Kill },
    /// The last execution that built is approved, with its image.
    ApproveBuild(Kill),
    /// A check brings the labels in line.
    Check(Kill),
    /// Every fence is taken off.
    Unfence,
    /// A person exchanges the groups of every rule at the console.
    SwapByHand,
    /// A person exchanges the groups of one rule: the first two are those of the live port.
    TurnByHand(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let kill = || proptest::option::weighted(0.4, (1..24_usize, any::<bool>()));
    prop_oneof![
        3 => kill().prop_map(Step::Approve),
        3 => (0..2_usize, kill()).prop_map(|(side, kill)| Step::ApproveTo(side, kill)),
        3 => (0..8_usize, kill()).prop_map(|(which, kill)| Step::Retry(which, kill)),
        3 => (0..8_usize).prop_map(Step::Duplicate),
        2 => (any::<bool>(), kill()).prop_map(|(deploys, kill)| Step::Build { deploys, kill }),
        2 => kill().prop_map(Step::ApproveBuild),
        2 => kill().prop_map(Step::Check),
        1 => Just(Step::Unfence),
        1 => Just(Step::SwapByHand),
        1 => (0..4_usize).prop_map(Step::TurnByHand),
    ]
}

/// A job with what it asked for.
struct Asked {
    job: String,
    request: Request,
}

/// One history on the real function, compared with the model after each step.
struct History<'a> {
    arena: &'a Arena,
    model: Model,
    asked: Vec<Asked>,
    built: Option<(String, String)>,
    number: usize,
}

impl History<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        self.number += 1;
        let execution = format!("run-{}", self.number);
        match step {
            Step::Approve(kill) => self.flip(Request { execution, promote_to: None, promote_image: None }, *kill).await?,
            Step::ApproveTo(side, kill) => {
                self.flip(Request { execution, promote_to: Some(*side), promote_image: None }, *kill).await?;
            }
            Step::Retry(which, kill) => {
                if let Some(Asked { request, .. }) = self.asked.get(which % self.asked.len().max(1)) {
                    self.flip(request.clone(), *kill).await?;
                }
            }
            Step::Duplicate(which) => self.duplicate(which % self.asked.len().max(1)).await,
            Step::Build { deploys, kill } => self.build(execution, format!("b{}", self.number), *deploys, *kill).await?,
            Step::ApproveBuild(kill) => {
                if let Some((execution, image)) = self.built.clone() {
                    self.flip(Request { execution, promote_to: None, promote_image: Some(image) }, *kill).await?;
                }
            }
            Step::Check(kill) => {
                let job = self.arena.world.jobs.create_job(r#"{"ElbName":"shop","Action":"check"}"#);
                self.deliver(&job, *kill).await;
            }
            Step::Unfence => {
                self.model.unfence();
                let output = self.arena.world.deployer(|command| {
                    command.args(["unfence", "--elb", "shop", "--yes"]);
                });
                let output = output.await.unwrap();
                if !output.status.success() {
                    return Err(format!("unfence: {output:?}"));
                }
            }
            Step::SwapByHand => {
                (0..4).for_each(|rule| self.model.turn_by_hand(rule));
                self.arena.swap_by_hand().await;
            }
            Step::TurnByHand(rule) => {
                self.model.turn_by_hand(*rule);
                self.arena.turn_by_hand(*rule).await;
            }
        }
        let serves = |rule: &RuleState| rule.weights.iter().position(|(_, weight)| *weight == 100).unwrap();
        let rules: Vec<Side> = self.arena.rule_states().await.iter().map(serves).collect();
        if rules == self.model.rules { Ok(()) } else { Err(format!("the rules serve {rules:?}")) }
    }

    /// Delivers a job as Lambda does, with a kill at one call.
    async fn deliver(&self, job: &str, kill: Kill) {
        self.arena.world.gateway.reset_calls();
        self.arena.world.gateway.idle().await;
        self.kill(kill);
        self.arena.lambda.deliver(self.arena.world.jobs.event(job).to_string().as_bytes()).await.unwrap();
        self.arena.world.gateway.idle().await;
        self.arena.world.gateway.clear_faults();
    }

    fn kill(&self, kill: Kill) {
        if let Some((call, after)) = kill {
            let kind = if after { FaultKind::KillAfter } else { FaultKind::KillBefore };
            self.arena.world.gateway.inject(Fault::once(At::Call(call), kind));
        }
    }

    async fn flip(&mut self, request: Request, kill: Kill) -> Result<(), String> {
        let mut parameters = json!({ "ElbName": "shop", "Execution": request.execution });
        if let Some(side) = request.promote_to {
            parameters["PromoteTo"] = json!(["Code1", "Code2"][side]);
        }
        if let Some(image) = &request.promote_image {
            parameters["PromoteImage"] = json!(image);
        }
        let job = self.arena.world.jobs.create_job(&parameters.to_string());
        self.deliver(&job, kill).await;
        let state = self.arena.world.jobs.state(&job).unwrap();
        let expected = self.model.flip(&job, &request);
        self.asked.push(Asked { job, request });
        match (&state, expected) {
            (JobState::Succeeded { .. }, End::Made) | (JobState::Failed { .. }, End::Refused) => Ok(()),
            _ => Err(format!("expected {expected:?}, found {state:?}")),
        }
    }

    /// A copy of an event whose job was answered does nothing.
    async fn duplicate(&mut self, which: usize) {
        let Some(Asked { job, request }) = self.asked.get(which) else { return };
        self.deliver(job, None).await;
        self.model.flip(job, request);
    }

    /// Runs the deployer, and again where it was killed, as a retry of the stage does.
    async fn build(&mut self, execution: String, image: String, deploys: bool, kill: Kill) -> Result<(), String> {
        let build = Build::new(&image);
        self.arena.world.gateway.reset_calls();
        self.kill(kill);
        let mut output = build.run(self.arena, &execution, PATIENT).await;
        self.arena.world.gateway.idle().await;
        self.arena.world.gateway.clear_faults();
        if output.status.code().is_none() {
            output = build.run(self.arena, &execution, PATIENT).await;
        }
        let expected = self.model.build(&execution);
        if output.status.success() != expected {
            return Err(format!("build, expected {expected}: {output:?}"));
        }
        if expected {
            if deploys {
                let side = self.model.deployed(&image);
                self.arena.deployed(["a-code1", "a-code2"][side], &image).await;
            }
            self.built = Some((execution, image));
        }
        Ok(())
    }
}

async fn play(arena: &mut Arena, steps: &[Step]) -> Result<(), String> {
    arena.reset().await;
    let mut history = History { arena, model: Model::default(), asked: Vec::new(), built: None, number: 0 };
    for (number, step) in steps.iter().enumerate() {
        history.step(step).await.map_err(|what| format!("step {} ({step:?}): {what}\n{:#?}", number + 1, history.model))?;
    }
    Ok(())
}

#[test]
fn random_histories_end_as_the_reference_model_says() {
    let cases = u32::try_from(rounds(100, 2000)).unwrap();
    let persistence = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/faults/histories.seeds"));
    let config = Config { cases, failure_persistence: Some(Box::new(persistence)), max_shrink_iters: 60, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let arena = std::cell::RefCell::new(runtime.block_on(Arena::new(Balancer::OnePair)));
    let ended = TestRunner::new_with_rng(config, random()).run(&proptest::collection::vec(step(), 1..8), |steps| {
        runtime.block_on(play(&mut arena.borrow_mut(), &steps)).map_err(TestCaseError::fail)
    });
    if let Err(failure) = ended {
        panic!("{failure}");
    }
    println!("{cases} histories");
}

async fn named(steps: &[Step]) {
    let mut arena = Arena::new(Balancer::OnePair).await;
    if let Err(what) = play(&mut arena, steps).await {
        panic!("{what}");
    }
}

#[tokio::test]
async fn a_late_duplicate_cannot_undo_a_roll_back() {
    named(&[Step::Approve(None), Step::ApproveTo(0, None), Step::Duplicate(0)]).await;
}

#[tokio::test]
async fn a_late_duplicate_cannot_undo_what_a_person_put_back_by_hand() {
    named(&[Step::Approve(None), Step::SwapByHand, Step::Duplicate(0), Step::Retry(0, None)]).await;
}

#[tokio::test]
async fn a_late_duplicate_undoes_no_edit_by_hand_after_a_check_or_no_op() {
    for between in [Step::Check(None), Step::ApproveTo(0, None)] {
        named(&[Step::Approve(None), Step::SwapByHand, between, Step::Check(None), Step::Duplicate(0), Step::Retry(0, None)])
            .await;
    }
}

#[tokio::test]
async fn an_edit_by_hand_to_a_fenced_side_leaves_the_fence() {
    named(&[Step::Approve(None), Step::Build { deploys: false, kill: None }, Step::SwapByHand, Step::Approve(None)]).await;
}

#[tokio::test]
async fn a_copy_of_a_job_that_failed_with_nothing_to_go_by_does_nothing() {
    let until = [Step::TurnByHand(0), Step::Approve(None), Step::ApproveTo(0, None)];
    for between in [None, Some(Step::Check(Some((3, false))))] {
        named(&[&until[..], between.as_slice(), &[Step::Duplicate(2)]].concat()).await;
    }
}

#[tokio::test]
async fn a_flip_after_an_edit_by_hand_survives_a_kill_after_its_record() {
    named(&[Step::Approve(None), Step::SwapByHand, Step::Approve(Some((12, false))), Step::Duplicate(1)]).await;
}

#[tokio::test]
async fn the_approval_of_a_build_that_a_newer_one_replaces_is_refused() {
    let (build, approve) = (Step::Build { deploys: true, kill: None }, Step::ApproveBuild(None));
    named(&[build.clone(), build, Step::Approve(None), approve, Step::Retry(0, None)]).await;
}

#[tokio::test]
async fn a_roll_back_onto_a_side_that_is_being_rebuilt_is_refused() {
    named(&[Step::Approve(None), Step::Build { deploys: true, kill: None }, Step::ApproveTo(0, None), Step::ApproveBuild(None)])
        .await;
}

#[tokio::test]
async fn a_refused_retry_leaves_a_rule_edited_after_the_flip() {
    let build = Step::Build { deploys: false, kill: None };
    named(&[Step::Approve(None), Step::SwapByHand, build, Step::TurnByHand(0), Step::Retry(0, None)]).await;
}

#[tokio::test]
async fn a_late_request_leaves_a_rule_edited_while_nothing_was_begun() {
    let (approve, to) = (|| Step::Approve(None), |side| Step::ApproveTo(side, None));
    for before in [vec![to(0)], vec![to(0), to(0)], vec![approve(), approve()], vec![approve(), Step::SwapByHand, to(0)]] {
        for late in [Step::Duplicate(0), Step::Retry(0, None)] {
            named(&[before.clone(), vec![Step::TurnByHand(0), late]].concat()).await;
        }
    }
}

#[tokio::test]
async fn a_retry_that_finds_its_group_live_by_hand_ends_a_later_flip() {
    let confirmed = [Step::Approve(None), Step::ApproveTo(0, None), Step::SwapByHand, Step::Retry(0, None)];
    named(&[&confirmed[..], &[Step::TurnByHand(0), Step::Duplicate(0), Step::Duplicate(1), Step::Approve(None)]].concat()).await;
}
