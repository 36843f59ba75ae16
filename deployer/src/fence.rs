//! The fence around the test side: a tag that keeps every other execution from promoting what is being rebuilt.

use std::time::Duration;

use blue_green::aws::elb::write::Writer;
use blue_green::aws::failure::AwsFailure;
use blue_green::plan::Write;
use blue_green::plan::labels::Running;
use blue_green::release::fence::{BUILD, Fence as Mark, NO_FENCE};
use blue_green::seen::group::TargetGroup;
use blue_green::seen::topology::Topology;
use jiff::{Timestamp, Unit};

use crate::output;
use crate::session::Session;

/// How long taking a fence off again may take, when a run ends early.
const TAKING_OFF: Duration = Duration::from_secs(5);

/// The fence of one execution around one group.
pub struct Fence {
    group: String,
    called: String,
    /// The tag's value while it stands.
    value: String,
    /// The tag's value before; none where an earlier run of the same execution has set the fence already.
    before: Option<String>,
}

impl Fence {
    /// The fence that an execution is to have around a group, for an image. Another execution's is replaced: a build that
    /// was rejected, or whose deployment failed, leaves its fence behind, and the newer build is what goes there now.
    #[must_use]
    pub fn new(group: &TargetGroup, execution: &str, image: &str, now: Timestamp) -> Self {
        let standing = Mark::of(group);
        let ours = standing.filter(|mark| mark.execution == execution && mark.image == image);
        let before = ours.is_none().then(|| group.tag(BUILD).unwrap_or(NO_FENCE).to_owned());
        // Whole seconds: the longest execution and image tag then just fit into a tag.
        let time = now.round(Unit::Second).unwrap_or(now);
        let mark = ours.unwrap_or_else(|| Mark { execution: execution.to_owned(), image: image.to_owned(), time });
        Self { group: group.arn.clone(), called: group.short().to_owned(), value: mark.to_string(), before }
    }

    /// Sets it, where it does not stand already; says whose it replaces.
    ///
    /// # Errors
    /// An [`AwsFailure`]; the tag may have been written nevertheless, so [`Fence::take_off`] is due.
    pub async fn set(&self, session: &Session) -> Result<(), AwsFailure> {
        let Some(before) = &self.before else {
            output::step(&format!("{} is fenced already, by an earlier run of this execution", self.called));
            return Ok(());
        };
        if let Some(theirs) = Mark::parse(before) {
            output::warn(&format!(
                "taking over the fence of execution {} (image {}, since {}); while this build's stands, a flip of that execution is refused",
                theirs.execution, theirs.image, theirs.time
            ));
        }
        write(&session.writer(), &self.group, &self.called, &self.value).await
    }

    /// Whether it stands.
    #[must_use]
    pub fn stands(&self, topology: &Topology) -> bool {
        topology.group(&self.group).and_then(|group| group.tag(BUILD)) == Some(self.value.as_str())
    }

    /// Puts back what was there before, where this run has set the fence and it still stands; says so where that fails.
    pub async fn take_off(&self, session: &Session, topology: &Topology) {
        let Some(before) = &self.before else { return };
        let taken_off = async {
            let fresh = session.reader_for(TAKING_OFF).again(topology).await?;
            if self.stands(&fresh) {
                write(&session.writer_for(TAKING_OFF), &self.group, &self.called, before).await?;
                output::step(&match Mark::parse(before) {
                    Some(theirs) => {
                        format!("the fence of execution {} was put back; its flip is allowed again", theirs.execution)
                    }
                    None => format!("the fence around {} was taken off again", self.called),
                });
            }
            Ok::<_, AwsFailure>(())
        };
        if let Err(failure) = taken_off.await {
            output::warn(&format!(
                "the fence around {} may still stand: {}. While it does, no other execution can promote the group; run `deployer unfence`",
                self.called,
                failure.what()
            ));
        }
    }
}

/// What a fence means now, by what ECS says runs there, where it says so: without the group's name and the full stop.
#[must_use]
pub fn described(fence: &Mark, running: Option<&Running>) -> String {
    let Mark { execution, image, time } = fence;
    match running {
        None => format!("being rebuilt with image {image} by execution {execution} since {time}"),
        Some(running) if running.tag.as_ref() != Some(image) => {
            let runs = running.tag.as_ref().unwrap_or(&running.image);
            format!("image {image} is on its way by execution {execution} since {time}; {runs} still runs")
        }
        Some(Running { settled: None, .. }) => {
            format!("image {image} is arriving by execution {execution} since {time}; the deployment is under way")
        }
        Some(_) => format!("image {image} arrived; reserved for execution {execution} until it is approved (since {time})"),
    }
}

/// Writes the fence's tag.
///
/// # Errors
/// An [`AwsFailure`].
pub async fn write(writer: &Writer, group: &str, called: &str, value: &str) -> Result<(), AwsFailure> {
    writer.apply([&Write::tag(group, called, BUILD, value)]).await.into_iter().collect()
}
