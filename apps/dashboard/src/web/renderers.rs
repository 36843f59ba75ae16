//! Threads that render pages. Each keeps the megabytes that a large page takes while it is made, so that they are few, and apart from
//! those that read the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. They end with this.
pub struct Renderers(Sender<Job>);

impl Renderers {
    /// Starts so many.
    pub fn start(count: usize) -> std::io::Result<Renderers> {
        let (send, receive) = channel();
        let receive = Arc::new(Mutex::new(receive));
        for _ in 0..count {
            let jobs = receive.clone();
            std::thread::Builder::new().name("render".into()).spawn(move || work(&jobs))?;
        }
        Ok(Renderers(send))
    }

    /// Runs a job on one of them.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
        let (done, result) = oneshot::channel();
        // Whoever has gone away meanwhile needs no result.
        let job: Job = Box::new(move || drop(done.send(job())));
        self.0.send(job).map_err(|_| "no thread renders pages".to_owned())?;
        result.await.map_err(|_| "the page could not be rendered".to_owned())
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // One page that fails is one answer that fails: the next one is rendered again.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a page could not be rendered");
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what it found")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_fails_stops_no_other() {
        let renderers = Renderers::start(1).unwrap();
        assert!(renderers.run(|| -> u8 { panic!("on purpose") }).await.is_err());
        assert_eq!(renderers.run(|| 7).await, Ok(7));
    }
}
