//! Which ports are live and which are their rehearsal: `80:8080,443:8443`.

use std::fmt;

use serde::Serialize;

/// A live port and the test port that rehearses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PortPair {
    /// The port that takes production traffic.
    pub live: u16,
    /// The port that rehearses it.
    pub test: u16,
}

impl fmt::Display for PortPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.live, self.test)
    }
}

/// The pairs that are looked for where nothing else is said.
pub const DEFAULT: [PortPair; 2] = [PortPair { live: 80, test: 8080 }, PortPair { live: 443, test: 8443 }];

/// Reads `LIVE:TEST[,LIVE:TEST…]`.
///
/// # Errors
/// A sentence that says what was found and what is allowed: ports 1 to 65535, a live port once, and a test port for one
/// live port or for several.
pub fn parse(text: &str) -> Result<Vec<PortPair>, String> {
    let mut pairs = Vec::new();
    for part in text.split(',') {
        let pair = part
            .split_once(':')
            .and_then(|(live, test)| Some(PortPair { live: port(live)?, test: port(test)? }))
            .ok_or_else(|| format!("found {part:?}, expected LIVE:TEST with ports 1 to 65535, such as \"80:8080,443:8443\""))?;
        let live = |port: u16| pairs.iter().any(|other: &PortPair| other.live == port);
        let test = |port: u16| pairs.iter().any(|other: &PortPair| other.test == port);
        let wrong = live(pair.live) || test(pair.live) || pair.live == pair.test;
        if let Some(port) = wrong.then_some(pair.live).or_else(|| live(pair.test).then_some(pair.test)) {
            return Err(format!(
                "port {port} is named twice in {text:?}; a live port is named once, and only a test port may rehearse several"
            ));
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port > 0)
}

/// The pairs as they are written in a parameter.
#[must_use]
pub fn display(pairs: &[PortPair]) -> String {
    let pairs: Vec<String> = pairs.iter().map(ToString::to_string).collect();
    pairs.join(",")
}
