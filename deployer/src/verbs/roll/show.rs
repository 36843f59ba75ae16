//! What a person sees while a service rolls: a bar on a terminal, a line on every change elsewhere, and a sign of life.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use blue_green::roll::seen::Service;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// How long there may be nothing to say.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Shows one roll.
pub struct Show {
    bar: Option<ProgressBar>,
    began: Instant,
    said: Instant,
    last: String,
    events: HashSet<String>,
}

impl Show {
    /// Begins; the events that are there already are old news.
    #[must_use]
    pub fn begin(service: &Service) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} [{elapsed}] {bar:30} {msg}");
            ProgressBar::new(u64::from(service.desired.max(1))).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let events = service.events.iter().map(|(id, _)| id.clone()).collect();
        Self { bar, began: Instant::now(), said: Instant::now(), last: String::new(), events }
    }

    /// Shows what is new at this look.
    pub fn look(&mut self, service: &Service, deployment: &str, state: &str) {
        for (id, message) in service.events.iter().rev() {
            if self.events.insert(id.clone()) {
                self.say(&format!("ECS: {message}"));
            }
        }
        let own = service.deployments.iter().find(|other| other.id == deployment);
        let (running, pending) = own.map_or((0, 0), |own| (own.running, own.pending));
        let others: u32 = service.deployments.iter().filter(|other| other.id != deployment).map(|other| other.running).sum();
        let desired = service.desired;
        let line = format!("{state}: {running} of {desired} new tasks run, {pending} pending, {others} others");
        if let Some(bar) = &self.bar {
            bar.set_length(u64::from(desired.max(1)));
            bar.set_position(u64::from(running.min(desired)));
            bar.set_message(line.clone());
            bar.tick();
        }
        if line != self.last || self.said.elapsed() >= HEARTBEAT {
            if self.bar.is_none() {
                self.say(&line);
            }
            self.last = line;
        }
    }

    /// Says one line.
    pub fn say(&mut self, line: &str) {
        self.said = Instant::now();
        let line = format!("[{:>4} s] {line}", self.began.elapsed().as_secs());
        match &self.bar {
            Some(bar) => bar.println(line),
            None => output::step(&line),
        }
    }

    /// Ends: the bar goes.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
