//! `release.yml`: which services, tasks and schedules are one release.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use blue_green::roll::image::Reference;
use blue_green::roll::release::journal::Kind;
use blue_green::roll::release::parts::Rules;
use blue_green::roll::template::fill;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::failure::Failure;

/// What is released.
#[derive(Debug)]
pub struct Release {
    /// The cluster.
    pub cluster: String,
    /// The members: services, then schedules, then one-off tasks, each in the order of the file.
    pub members: Vec<Member>,
    /// Who goes with whom.
    pub rules: Rules,
    /// Whether the images are tags that move: they stay in the definitions, and a forced deployment reads them again.
    pub moving: bool,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it is.
    pub kind: Kind,
    /// Its name: of the service, of the schedule, or the task's in this file.
    pub name: String,
    /// The schedule's group.
    pub group: String,
    /// The family of its task definition; a service has its own.
    pub family: Option<String>,
    /// The images, by container.
    pub images: BTreeMap<String, Reference>,
    /// The service whose network and launch type a task takes.
    pub like: String,
    /// What the task runs instead of its image's own command.
    pub command: Vec<String>,
    /// The container whose exit code is the task's result.
    pub container: Option<String>,
    /// Whether its failure takes the services back.
    pub undo: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cluster: String,
    #[serde(default)]
    production: bool,
    #[serde(default)]
    moving: bool,
    services: Vec<Service>,
    #[serde(default)]
    tasks: Vec<Task>,
    #[serde(default)]
    schedules: Vec<Schedule>,
    #[serde(default)]
    together: Vec<Vec<Spanned<String>>>,
}

type Images = BTreeMap<String, Spanned<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    name: Spanned<String>,
    images: Images,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Task {
    name: Spanned<String>,
    definition: String,
    like: Spanned<String>,
    images: Images,
    #[serde(default)]
    after: After,
    container: Option<String>,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    undo: bool,
}

/// When a task runs.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum After {
    /// When every service is new and no old task is left.
    #[default]
    Services,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schedule {
    name: Spanned<String>,
    definition: String,
    images: Images,
    #[serde(default = "default_group")]
    group: String,
}

fn default_group() -> String {
    "default".to_owned()
}

/// Reads the file, with the values of its placeholders; without them, no images are read.
///
/// # Errors
/// What is wrong, with its line.
pub fn read(path: &Path, values: Option<&[(String, String)]>) -> Result<Release, Failure> {
    let named = |what: String| Failure::Usage(format!("{} {what}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|error| named(format!("cannot be read ({error}); name the release's file with --file")))?;
    let values = values.map(|values| values.iter().cloned().collect());
    parse(&text, values.as_ref()).map_err(named)
}

fn parse(text: &str, values: Option<&BTreeMap<String, String>>) -> Result<Release, String> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(at) => format!("line {}: {}", at.line(), plain(&error)),
        None => plain(&error),
    })?;
    if file.services.is_empty() {
        return Err("names no service; a release has one at least".to_owned());
    }
    let mut reader = Reader { values, used: Vec::new(), lines: HashMap::new() };
    let services: Vec<String> = file.services.iter().map(|service| service.name.value.clone()).collect();
    let (mut members, mut tasks) = (Vec::new(), Vec::new());
    for Service { name, images } in &file.services {
        members.push(reader.member(Kind::Service, name, images)?);
    }
    for Task { name, definition, like, images, after, container, command, undo } in &file.tasks {
        let After::Services = after;
        if !services.contains(&like.value) {
            let known = services.join(", ");
            return Err(format!("line {}: like: {} is no service of this file; it has {known}", line(like), like.value));
        }
        let (family, like) = (Some(definition.clone()), like.value.clone());
        let member = reader.member(Kind::Task, name, images)?;
        tasks.push(Member { family, like, command: command.clone(), container: container.clone(), undo: *undo, ..member });
    }
    for Schedule { name, definition, images, group } in &file.schedules {
        for word in [&name.value, group] {
            let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if word.is_empty() || word.len() > 64 || !word.chars().all(legal) {
                return Err(format!("line {}: {word:?} is no name of a schedule: 1 to 64 letters, digits, - _ .", line(name)));
            }
        }
        let member = reader.member(Kind::Schedule, name, images)?;
        members.push(Member { family: Some(definition.clone()), group: group.clone(), ..member });
    }
    members.extend(tasks);
    let rules = reader.rules(&file, &members)?;
    match values.and_then(|values| values.keys().find(|name| !reader.used.contains(*name))) {
        Some(name) => Err(format!("has no ${{{name}}}, for which --set {name} gives a value; check the name")),
        None => Ok(Release { cluster: file.cluster, members, rules, moving: file.moving }),
    }
}

struct Reader<'a> {
    values: Option<&'a BTreeMap<String, String>>,
    used: Vec<String>,
    /// Where each name was first.
    lines: HashMap<String, u64>,
}

impl Reader<'_> {
    fn member(&mut self, kind: Kind, name: &Spanned<String>, images: &Images) -> Result<Member, String> {
        let at = line(name);
        if let Some(first) = self.lines.insert(name.value.clone(), at) {
            return Err(format!("line {at}: {} is on line {first} already; each member has a name of its own", name.value));
        }
        if images.is_empty() {
            return Err(format!("line {at}: {} has no images; name at least one container and its image", name.value));
        }
        let mut found = BTreeMap::new();
        for (container, image) in images {
            let Some(values) = self.values else { break };
            let place = format!("line {}: {}, image of {container}", line(image), name.value);
            let text = fill(&place, &image.value, values, &mut self.used).map_err(|error| error.to_string())?;
            let image: Reference = text.parse().map_err(|error| format!("line {}: {error}", line(image)))?;
            found.insert(container.clone(), image);
        }
        let empty = String::new;
        let (family, container, command) = (None, None, Vec::new());
        let (name, group, like) = (name.value.clone(), empty(), empty());
        Ok(Member { kind, name, group, family, images: found, like, command, container, undo: false })
    }

    fn rules(&self, file: &File, members: &[Member]) -> Result<Rules, String> {
        for name in file.together.iter().flatten() {
            if !self.lines.contains_key(&name.value) {
                return Err(format!("line {}: together: {} is no member of this file", line(name), name.value));
            }
        }
        let together = file.together.iter().map(|set| set.iter().map(|name| name.value.clone()).collect()).collect();
        Ok(Rules { names: members.iter().map(|member| member.name.clone()).collect(), together, production: file.production })
    }
}

fn line<T>(spanned: &Spanned<T>) -> u64 {
    spanned.referenced.line()
}

/// The first line of an error, without the parser's picture of the place.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    text.lines().next().unwrap_or("it cannot be read as YAML").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::parse;

    const FILE: &str = "\
cluster: cgap
services:
  - {name: wsgi,    images: {wsgi: \"repo/app:${tag}\"}}
  - {name: indexer, images: {indexer: \"repo/app:${tag}-indexer\"}}
tasks:
  - {name: deployment, definition: cgap-deployment, like: wsgi, images: {app: \"repo/app:${tag}-deployment\"}, after: services}
schedules:
  - {name: nightly, definition: managr-app-tasks, images: {tasks: \"tasks:${tag}\"}}
together: [[indexer, deployment]]
";

    fn read(text: &str) -> Result<Vec<String>, String> {
        let values = BTreeMap::from([("tag".to_owned(), "7".to_owned())]);
        let release = parse(text, Some(&values))?;
        let told = |(name, image): (&String, &blue_green::roll::image::Reference)| format!("{name}={image}");
        Ok(release.members.iter().map(|m| format!("{} {}", m.name, m.images.iter().map(told).collect::<String>())).collect())
    }

    #[test]
    fn services_come_first_then_schedules_then_tasks() {
        let expected = [
            "wsgi wsgi=repo/app:7",
            "indexer indexer=repo/app:7-indexer",
            "nightly tasks=tasks:7",
            "deployment app=repo/app:7-deployment",
        ];
        assert_eq!(read(FILE), Ok(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let says = |from: &str, to: &str, expected: &[&str]| {
            let said = read(&FILE.replace(from, to)).err().unwrap_or_default();
            assert!(expected.iter().all(|part| said.contains(part)), "{to}: {said:?}");
        };
        says("like: wsgi", "lik: wsgi", &["line 6", "lik"]);
        says("together: [[indexer, deployment]]", "together: [[indexer, deploy]]", &["line 9", "deploy is no member"]);
        says("name: indexer", "name: wsgi", &["line 4", "wsgi is on line 3 already"]);
        says("like: wsgi", "like: web", &["line 6", "web is no service"]);
        says("after: services", "after: lunch", &["line 6", "lunch"]);
        says("${tag}-indexer", "${tga}-indexer", &["line 4", "${tga} has no value"]);
        says("{wsgi: \"repo/app:${tag}\"}", "{}", &["line 3", "has no images"]);
        says("tasks:${tag}", "tasks ${tag}", &["line 8", "is not an image"]);
        says("name: nightly", "name: \"a/b\"", &["line 8", "no name of a schedule"]);
    }
}
