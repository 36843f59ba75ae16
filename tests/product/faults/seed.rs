//! The seed of what is drawn: always the same, so that no run fails by chance; another one on request. And how much of it.

use proptest::prelude::Rng;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const USUAL: u64 = 4;

/// Random numbers by a seed that is printed: `SEED=…` of the environment, with `LONG=1` a fresh one, else the usual.
pub fn random() -> TestRng {
    let given = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
    let fresh = || std::env::var_os("LONG").map(|_| TestRunner::new(Config::default()).rng().next_u64());
    let seed: u64 = given.or_else(fresh).unwrap_or(USUAL);
    println!("SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// How many rounds are played: `ROUNDS=…` of the environment, else so many, and with `LONG=1` many more.
pub fn rounds(few: usize, many: usize) -> usize {
    let given = std::env::var("ROUNDS").ok().map(|rounds| rounds.parse().unwrap());
    given.unwrap_or(if std::env::var_os("LONG").is_some() { many } else { few })
}

/// Brings a list into a random order.
pub fn shuffle<T>(all: &mut [T], random: &mut TestRng) {
    for place in (1..all.len()).rev() {
        let other = usize::try_from(random.next_u64() % (place as u64 + 1)).unwrap();
        all.swap(place, other);
    }
}
