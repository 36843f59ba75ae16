//! The seed of what is drawn: always the same, so that no run fails by chance; another one on request.

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

/// Brings a list into a random order.
pub fn shuffle<T>(all: &mut [T], random: &mut TestRng) {
    for place in (1..all.len()).rev() {
        let other = usize::try_from(random.next_u64() % (place as u64 + 1)).unwrap();
        all.swap(place, other);
    }
}
