//! The stories of `tests/histories` that say so, against the function's binary.

mod delivery;
mod play;

use std::sync::Arc;

use futures::StreamExt;
use histories::Story;
use tokio::sync::Mutex;

use crate::faults::arena::{Arena, Balancer};

/// How many stories are played side by side.
const WORLDS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn stories_go_on_the_binary_as_they_are_written() {
    let stories: Vec<Story> = Story::all().into_iter().filter(|story| story.on_binary).collect();
    let number = stories.len();
    let stories = Arc::new(Mutex::new(stories));
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(Balancer::OnePair)).buffered(WORLDS);
    let worlds: Vec<Arena> = worlds.collect().await;
    let runs = worlds.into_iter().map(|mut arena| {
        let stories = Arc::clone(&stories);
        tokio::spawn(async move {
            let mut wrong = Vec::new();
            loop {
                let Some(story) = stories.lock().await.pop() else { return wrong };
                wrong.extend(play::play(&mut arena, &story).await);
            }
        })
    });
    let mut wrong: Vec<String> = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        wrong.extend(run.await.unwrap());
    }
    println!("{number} stories");
    assert!(wrong.is_empty(), "\n{}\n{} are not as written", wrong.join("\n"), wrong.len());
}
