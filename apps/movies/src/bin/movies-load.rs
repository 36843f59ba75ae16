//! Loads films into the table of the movie demo. Safe to run twice: a film is written over itself.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use movies::movie::{FILMS, Movie, parse};
use movies::serve::{Failure, ended};
use movies::table::{BATCH, Table};

/// How long another source may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Loads films into the table; run it as often as you like.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 130)]
struct Arguments {
    /// The table
    #[arg(long, env = "TABLE", default_value = "Movies")]
    table: String,
    /// Films in the shape of AWS's sample file: a file, a URL, or a public object as s3://BUCKET/KEY. Where it cannot be read within 10 s, the films that come with this are loaded
    #[arg(long, value_name = "FILE|URL|s3://...")]
    source: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ended(load(Arguments::parse()).await)
}

async fn load(arguments: Arguments) -> Result<(), Failure> {
    let movies = films(arguments.source.as_deref()).await?;
    let table = Table::of_environment(&arguments.table).await;
    let bar = ProgressBar::new(movies.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos} of {len} films, {elapsed}")?);
    for batch in movies.chunks(BATCH) {
        table.put(batch).await?;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    println!("{} films are in the table {}", movies.len(), arguments.table);
    Ok(())
}

/// The films of a source, or those that come with this.
async fn films(source: Option<&str>) -> Result<Vec<Movie>, Failure> {
    let Some(source) = source else { return Ok(parse(FILMS)?) };
    let read = tokio::time::timeout(PATIENCE, read(source)).await;
    match read.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()).into())) {
        Ok(movies) => Ok(movies),
        Err(error) => {
            eprintln!("warning: {source} cannot be read: {error}. Loading the films that come with this instead.");
            Ok(parse(FILMS)?)
        }
    }
}

async fn read(source: &str) -> Result<Vec<Movie>, Failure> {
    let url = match source.strip_prefix("s3://").map(|rest| rest.split_once('/')) {
        Some(Some((bucket, key))) => format!("https://{bucket}.s3.amazonaws.com/{key}"),
        Some(None) => return Err("expected is s3://BUCKET/KEY".into()),
        None => source.to_owned(),
    };
    let text = if url.starts_with("http://") || url.starts_with("https://") {
        reqwest::get(url).await?.error_for_status()?.text().await?
    } else {
        // A pipe may never end: the time limit must hold there too.
        let path = url.clone();
        let (send, receive) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || send.send(std::fs::read_to_string(path)));
        receive.await??
    };
    let mut movies = parse(&text).map_err(|error| format!("it is not in the shape of AWS's sample file: {error}"))?;
    if movies.is_empty() {
        return Err("it has no films".into());
    }
    // A batch must not have the same key twice: the last one of a file counts.
    movies.reverse();
    let mut seen = std::collections::HashSet::new();
    movies.retain(|movie| seen.insert((movie.year, movie.title.clone())));
    Ok(movies)
}
