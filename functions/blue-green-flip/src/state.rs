//! What a flip has come to while its loop runs.

use blue_green::aws::failure::AwsFailure;
use blue_green::plan::Labels;
use blue_green::plan::look::Looked;
use blue_green::release::invocation::Invocation;
use blue_green::seen::pair::Pair;
use blue_green::seen::survey::Survey;
use blue_green::seen::topology::Topology;

use crate::failure::Cause;
use crate::request::Request;

/// What a flip has come to while its loop runs.
pub struct Flip<'a> {
    /// What is asked for.
    pub request: &'a Request,
    /// What this invocation wrote.
    pub invocation: Invocation,
    /// What was seen last.
    pub seen: Option<Topology>,
    /// The pairs that the flip is about.
    pub pairs: Vec<Pair>,
    /// How many rules were written.
    pub rules: usize,
    /// What a person should know besides.
    pub notes: Vec<String>,
    /// Whether labels are written.
    pub labels: Labels,
    /// Why the flip is being taken back, where it is.
    pub cause: Option<Cause>,
    /// The last call that failed.
    pub failure: Option<AwsFailure>,
    /// Whether the rules could not be read a last time.
    pub unread: bool,
    /// How often a record was denied in a row.
    pub denials: u8,
    /// How often a look has shown what may only be late, in a row.
    pub doubts: u32,
}

/// What a turn sees.
pub struct Seen<'t> {
    /// The load balancer.
    pub topology: &'t Topology,
    /// Its twins and pairs.
    pub survey: Survey<'t>,
    /// The pairs that the request is about.
    pub looked: Vec<Looked>,
}

impl<'a> Flip<'a> {
    /// Nothing has been seen or written.
    pub fn new(request: &'a Request) -> Self {
        Self {
            request,
            invocation: Invocation::default(),
            seen: None,
            pairs: Vec::new(),
            rules: 0,
            notes: Vec::new(),
            labels: Labels::Written,
            cause: None,
            failure: None,
            unread: false,
            denials: 0,
            doubts: 0,
        }
    }
}
