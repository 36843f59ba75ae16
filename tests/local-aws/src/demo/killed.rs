//! A flip whose Lambda is killed in the middle: what can be seen meanwhile, and what the next delivery had left to do.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::time::{Instant as Deadline, timeout_at};

use super::people::People;
use super::screen::Screen;
use super::stay::status;
use super::story::show_ports;
use crate::gateway::{At, Call, Fault, FaultKind};
use crate::pipeline::{Invoked, Pipeline};

/// So long Lambda waits before it delivers an event a second time (Lambda developer guide, "Error handling for asynchronous
/// invocations").
const REDELIVERY: Duration = Duration::from_secs(60);

/// Has the Lambda killed as soon as its first write has taken effect, before it gets the answer.
pub(super) fn kill_at_first_write(pipeline: &Pipeline) {
    let first_write = At::Action("ModifyRule".to_owned(), 1);
    pipeline.world.gateway.inject(Fault::once(first_write, FaultKind::KillAfter));
}

/// Shows a flip that is half done, until somebody wants it to go on or Lambda would deliver the event again.
pub(super) async fn look(screen: &Screen, people: &mut People, pipeline: &Pipeline) {
    let deadline = Deadline::now() + REDELIVERY;
    screen.tell(
        "Lambda",
        "Killed as soon as production had begun to move: the write has taken effect, its answer never came. The flip is half \
         done, and the clients keep requesting:",
    );
    tell_failure(screen, show_ports(screen, pipeline).await);
    loop {
        screen.ask("s = status, Enter = let Lambda deliver the event again (by itself it does after a minute, as on AWS)");
        let line = timeout_at(deadline, people.line()).await;
        screen.print("\n");
        match line.as_ref().map(|line| line.as_deref().map(str::trim)) {
            Ok(Some("s")) => tell_failure(screen, status(screen, pipeline).await),
            Ok(Some("")) => return,
            Ok(Some(other)) => screen.tell("", &format!("{other:?} is none of these.")),
            Ok(None) | Err(_) => return,
        }
    }
}

fn tell_failure(screen: &Screen, shown: anyhow::Result<()>) {
    if let Err(error) = shown {
        screen.tell("Failed", &format!("{error:#}"));
    }
}

/// Tells what the delivery after the kill had left to do; `killed` is none where there was no write to kill it at.
pub(super) fn tell_rest(screen: &Screen, invoked: &Invoked, killed: Option<Instant>) {
    let Some(killed) = killed else {
        screen.tell("Lambda", "There was no write to kill it at: nothing had to be changed.");
        return;
    };
    let all = rules(invoked.calls.iter());
    let rest = rules(invoked.calls.iter().filter(|call| call.arrived > killed));
    screen.tell(
        "Lambda",
        &format!(
            "Lambda delivered the same event again. The second run found the flip half done, and made what was missing: the \
             last {} of {} rules.",
            rest.len(),
            all.len()
        ),
    );
}

/// The rules and default actions that calls wrote.
fn rules<'a>(calls: impl Iterator<Item = &'a Call>) -> BTreeSet<&'a str> {
    let writes = calls.filter(|call| ["ModifyListener", "ModifyRule"].contains(&call.action.as_str()));
    writes.filter_map(|call| call.resource.as_deref()).collect()
}
