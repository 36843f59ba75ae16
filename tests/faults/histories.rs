//! Random histories against the reference model: shrunk where they fail, and kept beside this file.

use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::jobs::JobState;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use serde_json::json;

use crate::arena::{Arena, Balancer};
use crate::deployer::{Build, PATIENT};
use crate::model::{Model, Request, Side};
use crate::seed::random;

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
    Build { deploys: bool },
    /// The last execution that built is approved, with its image.
    ApproveBuild(Kill),
    /// A check brings the labels in line.
    Check,
    /// Every fence is taken off.
    Unfence,
    /// A person exchanges the groups at the console.
    SwapByHand,
}

fn step() -> impl Strategy<Value = Step> {
    let kill = || proptest::option::weighted(0.4, (1..24_usize, any::<bool>()));
    prop_oneof![
        3 => kill().prop_map(Step::Approve),
        3 => (0..2_usize, kill()).prop_map(|(side, kill)| Step::ApproveTo(side, kill)),
        3 => (0..8_usize, kill()).prop_map(|(which, kill)| Step::Retry(which, kill)),
        3 => (0..8_usize).prop_map(Step::Duplicate),
        2 => any::<bool>().prop_map(|deploys| Step::Build { deploys }),
        2 => kill().prop_map(Step::ApproveBuild),
        2 => Just(Step::Check),
        1 => Just(Step::Unfence),
        1 => Just(Step::SwapByHand),
    ]
}

/// One history on the real function, compared with the model after each step.
struct History<'a> {
    arena: &'a Arena,
    model: Model,
    /// Every job with what it asked for.
    jobs: Vec<(String, Request)>,
    built: Option<(String, String)>,
    number: usize,
}

impl History<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        self.number += 1;
        let fresh = |number: usize| format!("run-{number}");
        match step {
            Step::Approve(kill) => {
                self.flip(Request { execution: fresh(self.number), promote_to: None, promote_image: None }, *kill).await?
            }
            Step::ApproveTo(side, kill) => {
                self.flip(Request { execution: fresh(self.number), promote_to: Some(*side), promote_image: None }, *kill).await?;
            }
            Step::Retry(which, kill) => {
                if let Some((_, request)) = self.jobs.get(which % self.jobs.len().max(1)).cloned() {
                    self.flip(request, *kill).await?;
                }
            }
            Step::Duplicate(which) => {
                if let Some((job, _)) = self.jobs.get(which % self.jobs.len().max(1)).cloned() {
                    self.arena.lambda.deliver(self.arena.world.jobs.event(&job).to_string().as_bytes()).await.unwrap();
                }
            }
            Step::Build { deploys } => self.build(fresh(self.number), format!("b{}", self.number), *deploys).await?,
            Step::ApproveBuild(kill) => {
                if let Some((execution, image)) = self.built.clone() {
                    self.flip(Request { execution, promote_to: None, promote_image: Some(image) }, *kill).await?;
                }
            }
            Step::Check => {
                let job = self.arena.world.jobs.create_job(r#"{"ElbName":"shop","Action":"check"}"#);
                self.arena.lambda.deliver(self.arena.world.jobs.event(&job).to_string().as_bytes()).await.unwrap();
                self.model.check();
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
                self.model.swap_by_hand();
                self.arena.swap_by_hand().await;
            }
        }
        let expected = ["a-code1", "a-code2"][self.model.live];
        match self.arena.live().await {
            Some(live) if live == expected => Ok(()),
            live => Err(format!("{live:?} is live, expected {expected}")),
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
        let event = self.arena.world.jobs.event(&job).to_string();
        self.arena.world.gateway.reset_calls();
        if let Some((call, after)) = kill {
            let kind = if after { FaultKind::KillAfter } else { FaultKind::KillBefore };
            self.arena.world.gateway.inject(Fault { at: At::Call(call), kind, lasts: Lasts::Once });
        }
        self.arena.lambda.deliver(event.as_bytes()).await.unwrap();
        self.arena.world.gateway.clear_faults();
        let state = self.arena.world.jobs.state(&job).unwrap();
        let expected = self.model.flip(&request);
        self.jobs.push((job, request));
        match (&state, expected) {
            (JobState::Succeeded { .. }, true) | (JobState::Failed { .. }, false) => Ok(()),
            _ => Err(format!("expected success {expected}, found {state:?}")),
        }
    }

    async fn build(&mut self, execution: String, image: String, deploys: bool) -> Result<(), String> {
        let build = Build::new(&image);
        let output = build.run(self.arena, &execution, PATIENT).await;
        self.model.build(&execution);
        if !output.status.success() {
            return Err(format!("build: {output:?}"));
        }
        if deploys {
            let side = self.model.deployed(&image);
            self.arena.deployed(["a-code1", "a-code2"][side], &image).await;
        }
        self.built = Some((execution, image));
        Ok(())
    }
}

async fn play(arena: &mut Arena, steps: &[Step]) -> Result<(), String> {
    arena.reset().await;
    let mut history = History { arena, model: Model::default(), jobs: Vec::new(), built: None, number: 0 };
    for (number, step) in steps.iter().enumerate() {
        history.step(step).await.map_err(|what| format!("step {} ({step:?}): {what}\n{:#?}", number + 1, history.model))?;
    }
    Ok(())
}

#[test]
fn random_histories_end_as_the_reference_model_says() {
    let cases = if std::env::var_os("LONG").is_some() { 2000 } else { 100 };
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
async fn neither_a_check_nor_a_request_for_what_is_live_lets_a_late_duplicate_undo_an_edit_by_hand() {
    for between in [Step::Check, Step::ApproveTo(0, None)] {
        named(&[Step::Approve(None), Step::SwapByHand, between, Step::Check, Step::Duplicate(0), Step::Retry(0, None)]).await;
    }
}

#[tokio::test]
async fn an_edit_by_hand_that_makes_a_fenced_side_live_leaves_the_fence_where_it_is() {
    named(&[Step::Approve(None), Step::Build { deploys: false }, Step::SwapByHand, Step::Approve(None)]).await;
}

#[tokio::test]
async fn a_flip_after_an_edit_by_hand_survives_a_kill_after_its_journal() {
    named(&[Step::Approve(None), Step::SwapByHand, Step::Approve(Some((12, false))), Step::Duplicate(1)]).await;
}

#[tokio::test]
async fn the_approval_of_a_build_that_a_newer_one_replaces_is_refused() {
    let (build, approve) = (Step::Build { deploys: true }, Step::ApproveBuild(None));
    named(&[build.clone(), build, Step::Approve(None), approve, Step::Retry(0, None)]).await;
}

#[tokio::test]
async fn a_roll_back_onto_a_side_that_is_being_rebuilt_is_refused() {
    named(&[Step::Approve(None), Step::Build { deploys: true }, Step::ApproveTo(0, None), Step::ApproveBuild(None)]).await;
}
