//! The soak: many flips in a row under load, through one warm function, and what became of requests, memory and time.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use comfy_table::{Table, presets};
use indicatif::ProgressBar;
use serde_json::json;

use crate::jobs::JobState;
use crate::lambda::Lambda;
use crate::load::{Aim, Load, Sample};
use crate::world::{LoadBalancerSpec, Pair, Rule, World, WorldOptions, path};

/// The function's time-out: long, since a flip that is late shows in the figures.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What every client asks between a flip and the next: all but the first are answered by the one version that is right.
const BETWEEN: usize = 3;
/// What the function may grow by from its tenth flip on, in KiB: allocators keep some, leaks keep all.
const GROWTH: u64 = 4096;
/// The flip after which memory is first looked at: clients and buffers are made by then.
const SETTLED: usize = 10;

/// How long the soak is.
#[derive(Clone, Copy, Debug, Args)]
pub struct Options {
    /// How many flips
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(20..))]
    pub flips: u32,
}

/// What came of a soak.
#[derive(Clone, Debug)]
pub struct Soaked {
    /// How many requests were served.
    pub served: usize,
    /// What was lost, or wrong, each as a sentence.
    pub lost: Vec<String>,
    /// That the function grew by more than it may, as a sentence.
    pub grown: Option<String>,
}

/// One flip, from the job's event until the function's answer.
struct Flip {
    began: Instant,
    over: Instant,
    /// What the live port served before.
    old: &'static str,
    /// What it serves since.
    new: &'static str,
}

/// Makes the flips and prints the figures.
///
/// # Errors
/// Where something cannot be started, and where a flip fails.
pub async fn run(options: Options) -> Result<Soaked> {
    let flips = usize::try_from(options.flips)?;
    let world = World::start(WorldOptions::default()).await?;
    balancer(&world).create().await?;
    let lambda = world.lambda(TIMEOUT)?;
    let load = Load::start(&aims(&world)?);
    let bar = ProgressBar::new(flips.try_into()?);
    let mut made = Vec::new();
    let mut cold = 0;
    let mut memory = 0;
    while made.len() < flips {
        load.each_asked(BETWEEN).await?;
        let (flip, was_cold) = flip(&world, &lambda, made.len()).await?;
        cold += usize::from(was_cold);
        made.push(flip);
        if made.len() == SETTLED {
            memory = resident(&lambda)?;
        }
        world.gateway.reset_calls(); // or the log of calls would grow with the flips
        bar.inc(1);
    }
    let memory = [memory, resident(&lambda)?];
    load.each_asked(BETWEEN).await?;
    let report = load.stop().await?;
    bar.finish_and_clear();
    let wrong = wrong(report.samples("live"), &made);
    print(&made, report.served(), report.failed(), wrong, memory, cold);
    let grown = memory[1].saturating_sub(memory[0]);
    let lost = [
        (report.failed() > 0, format!("{} requests failed, expected none: {}", report.failed(), report.lost().join("; "))),
        (wrong > 0, format!("{wrong} answers of port 80 came from a version that was not live, expected none")),
        (cold > 1, format!("the function was started {cold} times, expected once")),
    ];
    Ok(Soaked {
        served: report.served(),
        lost: lost.into_iter().filter(|(is_so, _)| *is_so).map(|(_, sentence)| sentence).collect(),
        grown: (grown > GROWTH).then(|| format!("the function grew by {grown} KiB, expected at most {GROWTH}")),
    })
}

fn balancer(world: &World) -> LoadBalancerSpec<'_> {
    world.load_balancer("shop").pair(Pair::new("shop").targets(2, 2)).rule(Rule::new(10, "shop", [path("/api/*")]))
}

/// Four clients of each port: two of its default action, two of its rule.
fn aims(world: &World) -> Result<Vec<Aim>> {
    let mut aims = Vec::new();
    for (name, port) in [("live", 80), ("test", 8080)] {
        let address = world.load_balancer.address("shop", port).with_context(|| format!("port {port} is not served"))?;
        let aim = |path: &str| Aim { path: path.to_owned(), clients: 2, ..Aim::at(name, address) };
        aims.extend([aim("/version"), aim("/api/version")]);
    }
    Ok(aims)
}

async fn flip(world: &World, lambda: &Lambda, number: usize) -> Result<(Flip, bool)> {
    let (old, new, promoted) = if number.is_multiple_of(2) { ("v1", "v2", "Code2") } else { ("v2", "v1", "Code1") };
    let asked = json!({ "ElbName": "shop", "Execution": format!("run-{number}"), "PromoteTo": promoted, "PromoteImage": new });
    let job = world.jobs.create_job(&asked.to_string());
    let event = world.jobs.event(&job).to_string();
    let began = Instant::now();
    let deliveries = lambda.deliver(event.as_bytes()).await?;
    let over = Instant::now();
    let state = world.jobs.state(&job);
    let succeeded = matches!(&state, Some(JobState::Succeeded { output_variables, .. }) if is_changed(output_variables));
    ensure!(succeeded && deliveries.len() == 1, "flip {number} did not succeed at once: {state:?}, {deliveries:#?}");
    Ok((Flip { began, over, old, new }, deliveries[0].cold()))
}

fn is_changed(variables: &BTreeMap<String, String>) -> bool {
    variables.get("Changed").is_some_and(|changed| changed == "true")
}

/// How many answers came from a version that was not live: between two flips exactly one is, during a flip both may be.
fn wrong(samples: &[Sample], flips: &[Flip]) -> usize {
    let served = samples.iter().filter(|sample| sample.is_served());
    let is_wrong = |sample: &&Sample| {
        // The flips that had begun when it was answered; the last of them may still have been under way when it was sent.
        let begun = flips.partition_point(|flip| flip.began <= sample.answered);
        let Some(last) = flips[..begun].last() else { return sample.version.as_deref() != flips.first().map(|flip| flip.old) };
        let version = sample.version.as_deref();
        version != Some(last.new) && (sample.sent > last.over || version != Some(last.old))
    };
    served.filter(is_wrong).count()
}

/// The function's resident memory in KiB.
fn resident(lambda: &Lambda) -> Result<u64> {
    let process = lambda.process_id().context("the function does not run")?;
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("memory is read from /proc, which Linux has")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().with_context(|| format!("VmRSS is {line}"))
}

fn print(flips: &[Flip], served: usize, failed: usize, wrong: usize, memory: [u64; 2], cold: usize) {
    let mut durations: Vec<Duration> = flips.iter().map(|flip| flip.over - flip.began).collect();
    durations.sort_unstable();
    let percentile = |percent: usize| durations.get((durations.len() * percent).div_ceil(100).saturating_sub(1));
    let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let spent: Duration = durations.iter().sum();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.add_rows([
        ["flips".to_owned(), flips.len().to_string()],
        ["requests served".to_owned(), served.to_string()],
        ["requests failed".to_owned(), failed.to_string()],
        ["answers of a version that was not live".to_owned(), wrong.to_string()],
        ["flips per second of the function's time".to_owned(), format!("{:.1}", flips.len() as f64 / spent.as_secs_f64())],
        ["duration of a flip, median".to_owned(), format!("{:.1} ms", milliseconds(percentile(50)))],
        ["duration of a flip, 99 of 100 within".to_owned(), format!("{:.1} ms", milliseconds(percentile(99)))],
        [format!("memory of the function after {SETTLED} flips"), format!("{:.1} MiB", memory[0] as f64 / 1024.0)],
        ["memory of the function at the end".to_owned(), format!("{:.1} MiB", memory[1] as f64 / 1024.0)],
        ["starts of the function".to_owned(), cold.to_string()],
    ]);
    println!("{table}");
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Flip, wrong};
    use crate::load::Sample;

    #[test]
    fn only_the_version_that_is_live_is_right_but_during_a_flip_both_are() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let flips = [
            Flip { began: at(10), over: at(20), old: "v1", new: "v2" },
            Flip { began: at(30), over: at(40), old: "v2", new: "v1" },
        ];
        let answer = |sent, answered, version: &str| Sample {
            sent: at(sent),
            answered: at(answered),
            status: Some(200),
            version: Some(version.into()),
            why: None,
        };
        let wrongs = |sent, answered| ["v1", "v2"].map(|version| wrong(&[answer(sent, answered, version)], &flips));
        assert_eq!(wrongs(1, 2), [0, 1], "before the first flip");
        assert_eq!(wrongs(9, 11), [0, 0], "a flip began meanwhile");
        assert_eq!(wrongs(12, 13), [0, 0], "during a flip");
        assert_eq!(wrongs(19, 21), [0, 0], "sent during a flip");
        assert_eq!(wrongs(21, 22), [1, 0], "between two flips");
        assert_eq!(wrongs(41, 42), [0, 1], "after the last flip");
    }
}
