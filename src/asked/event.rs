//! What invoked the function: a CodePipeline job, or a direct call.
//!
//! Read in two stages: the job id first, so that whatever is wrong afterwards still fails that job with a clear
//! message; then the parameters. The event carries real credentials (AWS says never to log it): no type here has a
//! field for them, and no error quotes the event.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::asked::parameters::Parameters;
use crate::seen::setup_error::SetupError;

/// An invocation, as far as it concerns this function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// A CodePipeline job: the answer goes to PutJobSuccessResult or PutJobFailureResult.
    Job {
        /// The job's id.
        id: String,
        /// What it asks for, or why that cannot be read.
        parameters: Result<Parameters, SetupError>,
    },
    /// A direct call: the answer is the function's.
    Direct(Result<Parameters, SetupError>),
}

/// An event that asks for nothing this function can do, and names no job that could be failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Not an object.
    #[error(
        "the event is {0}, expected an object: a CodePipeline job (\"CodePipeline.job\") or parameters such as {{\"ElbName\":\"my-load-balancer\"}}"
    )]
    NotAnObject(&'static str),
    /// Neither a job nor parameters.
    #[error(
        "the event has neither \"CodePipeline.job\" nor \"ElbName\"; expected a CodePipeline job or parameters such as {{\"ElbName\":\"my-load-balancer\"}}"
    )]
    Neither,
    /// A job without an id.
    #[error("the event's \"CodePipeline.job\" has no readable id ({0}); without it no job can be answered")]
    NoJobId(&'static str),
}

/// Reads an event.
///
/// # Errors
/// [`Unreadable`] where there is no job to fail and no parameters to read.
pub fn decode(event: &RawValue) -> Result<Invocation, Unreadable> {
    let [job, elb_name] = pick(event, ["CodePipeline.job", "ElbName"]).ok_or_else(|| Unreadable::NotAnObject(kind(event)))?;
    let Some(job) = job else {
        elb_name.ok_or(Unreadable::Neither)?;
        return Ok(Invocation::Direct(Parameters::parse(event.get())));
    };
    let [id, data] = pick(job, ["id", "data"]).ok_or_else(|| Unreadable::NoJobId(kind(job)))?;
    let id = id.ok_or(Unreadable::NoJobId("the key id is missing"))?;
    let id = text(id).filter(|id| is_job_id(id)).ok_or_else(|| Unreadable::NoJobId(kind(id)))?;
    Ok(Invocation::Job { id, parameters: parameters(data) })
}

/// CodePipeline's pattern: a UUID. Taken a little wider, so that no job is left unanswered.
fn is_job_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn parameters(data: Option<&RawValue>) -> Result<Parameters, SetupError> {
    let data = data.ok_or_else(|| SetupError::NoParameters("data".to_owned()))?;
    let given = step(step(step(data, "actionConfiguration")?, "configuration")?, "UserParameters")?;
    let given = text(given).ok_or_else(|| {
        SetupError::Parameters(vec![format!("UserParameters is {}, expected a string with a JSON object", kind(given))])
    })?;
    Parameters::parse(&given)
}

fn step<'a>(from: &'a RawValue, key: &'static str) -> Result<&'a RawValue, SetupError> {
    pick(from, [key]).and_then(|[found]| found).ok_or_else(|| SetupError::NoParameters(key.to_owned()))
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn kind(raw: &RawValue) -> &'static str {
    match raw.get().trim_start().chars().next() {
        Some('{') => "an object",
        Some('[') => "a list",
        Some('"') => "a string",
        Some('n') => "null",
        Some('t' | 'f') => "true or false",
        _ => "a number",
    }
}

/// The named fields of an object, the last of each where one is given twice; none where it is not an object.
/// Everything else is passed over unread, however deep it nests.
fn pick<'a, const N: usize>(raw: &'a RawValue, names: [&'static str; N]) -> Option<[Option<&'a RawValue>; N]> {
    struct Pick<const N: usize>([&'static str; N]);
    impl<'de, const N: usize> Visitor<'de> for Pick<N> {
        type Value = [Option<&'de RawValue>; N];
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            // A key may be no text (half a surrogate pair): it must not hide the others.
            while let Some(key) = map.next_key::<&RawValue>()? {
                let key = text(key);
                match self.0.iter().position(|name| key.as_deref() == Some(*name)) {
                    Some(index) => found[index] = Some(map.next_value()?),
                    None => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(found)
        }
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_map(Pick(names)).ok()
}
