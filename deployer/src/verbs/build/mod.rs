//! The build step's job: build.json with the image tag of each side.
//!
//! A wrong value here redeploys production, so whatever is not certain ends with an error and the file as it was.

pub mod codes;
mod hold;
mod replace;
mod sides;
pub mod stacks;

use std::path::{Path, PathBuf};
use std::time::Duration;

use blue_green::asked::build_file::{BuildFile, IDENTIFIERS};
use blue_green::aws::elb::read::ReadError;
use blue_green::release::fence::Fence as Mark;
use blue_green::release::times::DATA_PLANE;
use blue_green::seen::setup_error::SetupError;
use blue_green::seen::topology::Topology;
use jiff::Timestamp;

use self::codes::{Codes, codes, distinct};
use self::replace::replace;
use self::sides::{Choice, Sides, is_new, sides};
use self::stacks::{Promote, Stacks};
use crate::args::{BuildArgs, Execution};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fence::Fence;
use crate::interrupts::Interrupts;
use crate::output;
use crate::refused::Refused;
use crate::session::Session;

/// Environment variable: where CodeBuild puts the artifact `BuildOutput` (CodeBuild, environment variables).
const ARTIFACT: &str = "CODEBUILD_SRC_DIR_BuildOutput";

/// Does the job.
///
/// # Errors
/// A [`Failure`]; the file is as it was then, and a fence that this run has set is taken off again.
pub async fn run(args: &BuildArgs) -> Result<Exit, Failure> {
    let input = args.input.clone().unwrap_or_else(default_input);
    let bytes = std::fs::read(&input).map_err(|source| Failure::Unreadable { path: input.clone(), source })?;
    let file = BuildFile::parse(&bytes).map_err(|source| Failure::BuildFile { path: input.clone(), source })?;
    let shortest = hold::shortest(|name| std::env::var(name).ok())?;
    if shortest < DATA_PLANE {
        output::warn(&format!(
            "{} is {}, less than {} seconds: a side may be given away while the load balancer still sends it requests",
            hold::SECONDS,
            shortest.as_secs(),
            DATA_PLANE.as_secs()
        ));
    }
    let mut interrupts = Interrupts::listen()?;
    let output = args.output.clone().unwrap_or_else(|| input.clone());
    let mut job = Job { args, file, output, input, shortest, stacks: None };
    let session = Session::open(args.target.timeout).await?;
    let read = async { session.reader().topology(&args.target.elb).await };
    match interrupts.unless(async { Ok::<_, Failure>(read.await) }).await? {
        Ok(topology) if args.first => {
            is_new(&topology, &args.target.ports.0, &job.choice())?;
            output::step(&format!("load balancer {} has no target groups of this service yet, as --first says", topology.name));
            job.both()
        }
        Ok(topology) => match &args.stacks.name {
            Some(name) => {
                let keep = args.stacks.keep(job.shortest);
                let waited = stacks::wait(&session, topology, keep, |now| job.sides(now), job.execution(), &mut interrupts);
                let topology = waited.await?;
                let stacks = Stacks::read(&session, name, &args.stacks, &job.input);
                job.stacks = Some(interrupts.unless(stacks).await?);
                job.next(&session, &topology, &mut interrupts).await
            }
            None => job.next(&session, &topology, &mut interrupts).await,
        },
        // Where the sides are stacks, the load balancer is there before them: a name that is not there is a wrong one.
        Err(ReadError::Setup(SetupError::NoLoadBalancer { name, region })) if args.stacks.name.is_none() => {
            if args.strict && !args.first {
                return Err(Refused::NotFirst { load_balancer: name, region }.into());
            }
            output::step(&format!(
                "no load balancer is named {name} in {region}: this is the first deployment, both sides get the new tag"
            ));
            job.both()
        }
        Err(error) => Err(error.into()),
    }
}

fn default_input() -> PathBuf {
    let folder = std::env::var_os(ARTIFACT).filter(|folder| !folder.is_empty()).map_or_else(PathBuf::new, PathBuf::from);
    folder.join("build.json")
}

struct Job<'a> {
    args: &'a BuildArgs,
    file: BuildFile,
    input: PathBuf,
    output: PathBuf,
    /// How old the last flip must be before its retired side is given away.
    shortest: Duration,
    /// Where the sides are stacks.
    stacks: Option<Stacks>,
}

impl Job<'_> {
    /// Every deployment but the first.
    async fn next(&self, session: &Session, topology: &Topology, interrupts: &mut Interrupts) -> Result<Exit, Failure> {
        let seen = self.sides(topology)?;
        if self.stacks.as_ref().is_some_and(Stacks::are_new) {
            return self.first(&seen);
        }
        let retry = self.execution().is_some_and(|execution| seen.were_flipped_by(execution));
        let new = (!retry).then(|| self.file.tag());
        let asked = if retry { vec![seen.live, seen.test] } else { vec![seen.live] };
        let behind = interrupts.unless(session.behind(&asked, self.args.cluster.name())).await?;
        behind.doubts.iter().for_each(|doubt| output::warn(doubt));
        if let Some(one_service) = behind.one_service(topology, &seen.pair()) {
            return Err(one_service.into());
        }
        let codes = codes(&seen, &behind, self.stacks.as_ref(), new, self.args.strict)?;
        codes.warnings.iter().for_each(|warning| output::warn(warning));
        match self.execution() {
            _ if retry => {
                output::step("the live side was made live by this very execution: neither image tag changes");
                self.write_codes(&codes, true)?;
            }
            Some(execution) => self.fenced(session, topology, &seen, execution, &codes, interrupts).await?,
            None => self.unfenced(session, topology, &seen, &codes, interrupts).await?,
        }
        let (live, test) = (&codes.live, &codes.test);
        let verb = if retry { "keeps" } else { "gets" };
        let output = self.output.display();
        output::print(&format_args!(
            "{} (live) keeps {}, {} (test) {verb} {}: wrote {output}\n",
            live.0, live.1, test.0, test.1
        ))?;
        Ok(Exit::Done)
    }

    /// Fences the test side, waits until no flip that was planned before can still move a rule and the load balancer has
    /// taken over the last one, looks again, and only then writes the file.
    async fn fenced(
        &self,
        session: &Session,
        topology: &Topology,
        seen: &Sides<'_>,
        execution: &str,
        codes: &Codes,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let fence = Fence::new(seen.test, execution, self.file.tag(), Timestamp::now());
        let work = async {
            // Not to be interrupted: a write on its way must not arrive after the fence was looked for.
            fence.set(session).await?;
            let (time, why) = hold::left(seen, self.args.settle, self.shortest, Timestamp::now());
            output::step(&format!("{} is fenced; waiting {} s: {why}", seen.test.describe(), time.as_secs()));
            let fresh = self.look_after(session, topology, time, interrupts).await?;
            self.unmoved(seen, Some(&fence), &fresh)?;
            self.write_codes(codes, false)
        };
        let result = work.await;
        if result.is_err() {
            fence.take_off(session, topology).await;
        }
        result
    }

    /// The same without a fence: only the load balancer is waited for.
    async fn unfenced(
        &self,
        session: &Session,
        topology: &Topology,
        seen: &Sides<'_>,
        codes: &Codes,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        if let Some(theirs) = Mark::of(seen.test) {
            let test = seen.test.describe();
            output::warn(&format!(
                "execution {} is rebuilding this side, {test} (image {}, since {}): this build comes on top of it, and only that execution may \
                 promote it",
                theirs.execution, theirs.image, theirs.time
            ));
        }
        output::step(
            "this build sets no fence, since no --execution is given: until it is live, a roll-back would promote it instead of the old version",
        );
        let (time, why) = hold::left(seen, Duration::ZERO, self.shortest, Timestamp::now());
        if !time.is_zero() {
            output::step(&format!("waiting {} s: {why}", time.as_secs()));
            let fresh = self.look_after(session, topology, time, interrupts).await?;
            self.unmoved(seen, None, &fresh)?;
        }
        self.write_codes(codes, false)
    }

    async fn look_after(
        &self,
        session: &Session,
        topology: &Topology,
        time: Duration,
        interrupts: &mut Interrupts,
    ) -> Result<Topology, Failure> {
        let wait = async {
            hold::wait(time).await;
            Ok::<_, Failure>(())
        };
        interrupts.unless(wait).await?;
        let reader = session.reader();
        interrupts.unless(reader.again(topology)).await
    }

    /// Whether everything that was decided on is still so.
    fn unmoved(&self, seen: &Sides<'_>, fence: Option<&Fence>, fresh: &Topology) -> Result<(), Failure> {
        let moved = |what: String| Err(Refused::Moved { what }.into());
        let now = match self.sides(fresh) {
            Err(Failure::Refused(Refused::Unclear { rules })) => {
                return moved(format!("rules moved ({})", rules.join("; ")));
            }
            sides => sides?,
        };
        if now.live.arn != seen.live.arn {
            return moved(format!("the live traffic moved from {} to {}", seen.live.describe(), now.live.describe()));
        }
        if now.flip != seen.flip {
            let by = now.flip.map_or_else(|| "none".to_owned(), |(_, flip)| format!("flip {} ({})", flip.id, flip.phase));
            return moved(format!("the records of flips changed (the newest is {by} now)"));
        }
        if fence.is_some_and(|fence| !fence.stands(fresh)) {
            return moved(format!("the fence around {} was changed", seen.test.short()));
        }
        if now.live.image() != seen.live.image() {
            return moved(format!("the Image tag of {} changed", seen.live.name));
        }
        Ok(())
    }

    /// The first deployment: both sides get the new tag.
    fn both(&self) -> Result<Exit, Failure> {
        let tag = self.file.tag();
        self.write(&IDENTIFIERS.map(|identifier| (identifier, tag)), &IDENTIFIERS, IDENTIFIERS[0])?;
        output::print(&format_args!("Code1 and Code2 get {tag}: wrote {}\n", self.output.display()))?;
        Ok(Exit::Done)
    }

    fn sides<'t>(&self, topology: &'t Topology) -> Result<Sides<'t>, Failure> {
        sides(topology, &self.args.target.ports.0, &self.choice(), self.execution().is_some())
    }

    fn choice(&self) -> Choice {
        match (&self.args.service, &self.args.group) {
            (Some(service), _) => Choice::Service(service.clone()),
            (None, Some(group)) => Choice::Group(group.clone()),
            (None, None) => Choice::Only,
        }
    }

    fn execution(&self) -> Option<&str> {
        Execution::id(self.args.execution.as_ref())
    }

    /// The first deployment of sides that are stacks: there is no version yet that could be kept.
    fn first(&self, seen: &Sides<'_>) -> Result<Exit, Failure> {
        let [live, test] = distinct(seen)?;
        let tag = self.file.tag();
        output::step("neither side's stack is there: this is the first deployment, both sides get the new tag");
        self.write(&[(live, tag), (test, tag)], &IDENTIFIERS, live)?;
        output::print(&format_args!("{live} (live) and {test} (test) get {tag}: wrote {}\n", self.output.display()))?;
        Ok(Exit::Done)
    }

    /// Writes what was decided. What is to be promoted is the test side, or after this execution's own flip the live one.
    fn write_codes(&self, codes: &Codes, retry: bool) -> Result<(), Failure> {
        let mut both = [(codes.live.0, codes.live.1.as_str()), (codes.test.0, codes.test.1.as_str())];
        both.sort_unstable();
        if retry { self.write(&both, &[], codes.live.0) } else { self.write(&both, &[codes.test.0], codes.test.0) }
    }

    /// Writes the image tags by side. `new` are the sides that get a new version, `promote` is the one to make live.
    fn write(&self, codes: &[(&str, &str)], new: &[&str], promote: &str) -> Result<(), Failure> {
        let like = Path::new(&self.input);
        let unwritable = |path: &Path, source| Failure::Unwritable { path: path.to_owned(), source };
        if let Some(stacks) = &self.stacks {
            let folder = self.output.parent().unwrap_or(Path::new(""));
            stacks.write(folder, codes, new).map_err(|(path, source)| unwritable(&path, source))?;
        }
        let execution = self.execution().zip(self.args.stacks.env_file.as_ref());
        let image = codes.iter().find(|(side, _)| *side == promote).map(|(_, image)| *image);
        if let (Some((execution, path)), Some(image)) = (execution, image) {
            let promote = Promote { execution, to: promote, image };
            promote.write(path, like).map_err(|source| unwritable(path, source))?;
        }
        let written = replace(&self.output, self.file.with_codes(codes).as_bytes(), like);
        written.map_err(|source| unwritable(&self.output, source))
    }
}
