//! Which flips are measured.

use std::fmt;

/// One way to make a flip.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// How many pairs, each with a rule; the first one is the default action too.
    pub pairs: usize,
    /// Whether the function's environment names the load balancer.
    pub known: bool,
    /// Whether every connection begins with a TLS handshake.
    pub tls: bool,
    /// How many milliseconds each call takes besides.
    pub distance: u64,
    /// Held to the CPU that a function of so many MB has.
    pub held: Option<u32>,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pairs, distance, .. } = self;
        let pairs = if *pairs == 1 { "1 pair".to_owned() } else { format!("{pairs} pairs") };
        let known = if self.known { "Init knew" } else { "by name" };
        write!(f, "{pairs}, {known}, {}, {distance} ms", if self.tls { "TLS" } else { "plain" })?;
        self.held.map_or(Ok(()), |memory| write!(f, ", CPU of {memory} MB"))
    }
}

const BASE: Scenario = Scenario { pairs: 1, known: false, tls: false, distance: 0, held: None };

/// The flips of so many pairs.
pub fn of(pairs: usize, quick: bool) -> Vec<Scenario> {
    let mut all = Vec::new();
    for known in [false, true] {
        let base = Scenario { pairs, known, ..BASE };
        let far = Scenario { distance: 20, ..base };
        if pairs > 1 {
            all.push(far);
            continue;
        }
        all.extend([base, far, Scenario { tls: true, ..base }, Scenario { tls: true, ..far }]);
        let held = [512, 128].map(|memory| Scenario { tls: true, held: Some(memory), ..far });
        all.extend(held.into_iter().filter(|_| !quick || known));
    }
    all
}
