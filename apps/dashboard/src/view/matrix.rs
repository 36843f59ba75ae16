//! The table: sections of lines of cells.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::cell::{Cell, ago, minute};
use super::columns::columns;
use super::filter::{Filter, order as words};
use crate::board::Snapshot;
use crate::model::{Branch, Row};
use crate::priorities::{Place, Priorities};

/// How old a row may be.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// From this age on the page points it out.
    pub soft: SignedDuration,
    /// From this age on the page says that the row is not to be relied on.
    pub hard: SignedDuration,
}

/// An open branch in words.
pub struct OpenBranch {
    /// Its name.
    pub name: String,
    /// What it has that the default branch lacks.
    pub link: String,
    /// Its age.
    pub age: String,
}

/// One project.
pub struct Line {
    /// GitLab's number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its page.
    pub link: String,
    /// Its cells, one a column.
    pub cells: Vec<Cell>,
    /// Open release branches.
    pub releases: Vec<OpenBranch>,
    /// Open hotfix branches.
    pub hotfixes: Vec<OpenBranch>,
    /// Environments without a column.
    pub more: usize,
    /// How old the row is.
    pub age: String,
    /// When it was read.
    pub read_at: String,
    /// `fresh`, `soft` or `hard`.
    pub freshness: &'static str,
    /// Why the last reading failed.
    pub trouble: Option<String>,
    /// Whether a stage lacks commits of the one before.
    pub out_of_step: bool,
}

/// Projects of one group and category.
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Its projects.
    pub lines: Vec<Line>,
}

/// The whole table.
pub struct Matrix {
    /// The environments with a column.
    pub columns: Vec<String>,
    /// Whether any project shown has an open release branch.
    pub has_releases: bool,
    /// Whether any project shown has an open hotfix branch.
    pub has_hotfixes: bool,
    /// The sections.
    pub sections: Vec<Section>,
    /// How many projects are shown.
    pub shown: usize,
    /// How many there are.
    pub of: usize,
    /// The categories to choose from.
    pub categories: Vec<String>,
    /// Projects shown that are out of step.
    pub out_of_step: usize,
    /// Projects shown with a failed attempt.
    pub failing: usize,
}

/// The table for a filter.
pub fn matrix(snapshot: &Snapshot, order: &Priorities, filter: &Filter, ages: Ages, now: Timestamp) -> Matrix {
    let columns = columns(snapshot.rows.values().map(|row| &**row), &order.environments);
    let placed: Vec<(Place, &Row)> = snapshot.rows.values().map(|row| (order.place(row.project.id), &**row)).collect();
    let mut categories: Vec<(usize, String)> = placed.iter().map(|(place, _)| (place.rank, place.category.clone())).collect();
    categories.sort();
    let mut names: Vec<String> = Vec::new();
    for (_, name) in categories {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let mut shown: Vec<&(Place, &Row)> = placed.iter().filter(|(place, row)| wanted(filter, place, row, ages, now)).collect();
    shown.sort_by(|a, b| compare(a, b, &filter.sort));
    let mut sections: Vec<Section> = Vec::new();
    for (place, row) in &shown {
        let title = if filter.sort.is_empty() { heading(place) } else { words(&filter.sort) };
        let line = line(row, &columns, ages, now);
        match sections.last_mut() {
            Some(section) if section.title == title => section.lines.push(line),
            _ => sections.push(Section { title, lines: vec![line] }),
        }
    }
    let lines = || sections.iter().flat_map(|section| &section.lines);
    Matrix {
        has_releases: lines().any(|line| !line.releases.is_empty()),
        has_hotfixes: lines().any(|line| !line.hotfixes.is_empty()),
        shown: shown.len(),
        of: placed.len(),
        out_of_step: lines().filter(|line| line.out_of_step).count(),
        failing: shown.iter().filter(|(_, row)| has_status(row, "failed")).count(),
        categories: names,
        columns,
        sections,
    }
}

fn heading(place: &Place) -> String {
    if place.category.is_empty() { place.group.clone() } else { format!("{} · {}", place.group, place.category) }
}

fn has_status(row: &Row, word: &str) -> bool {
    row.environments.iter().any(|e| {
        let newest = e.attempt.as_ref().or(e.live.as_ref());
        newest.map_or(word == "never", |newest| newest.status.word() == word || (word == "never" && e.live.is_none()))
    })
}

/// `fresh`, `soft` or `hard`.
pub fn freshness(row: &Row, ages: Ages, now: Timestamp) -> &'static str {
    let age = now.duration_since(row.read_at);
    if age >= ages.hard {
        "hard"
    } else if age >= ages.soft || row.trouble.is_some() {
        "soft"
    } else {
        "fresh"
    }
}

fn wanted(filter: &Filter, place: &Place, row: &Row, ages: Ages, now: Timestamp) -> bool {
    let status = match filter.status.as_str() {
        "" => true,
        "stale" => freshness(row, ages, now) != "fresh",
        word => has_status(row, word),
    };
    status
        && (filter.group.is_empty() || filter.group == place.group)
        && (filter.category.is_empty() || filter.category == place.category)
        && (filter.out.is_empty() || row.out_of_step())
        && (filter.q.is_empty() || mentions(row, &filter.q.to_lowercase()))
}

/// Whether a row says this anywhere that people would look for it.
fn mentions(row: &Row, text: &str) -> bool {
    let has = |value: &str| value.to_lowercase().contains(text);
    let of_deployments = |environment: &crate::model::Environment| {
        environment
            .live
            .iter()
            .chain(&environment.attempt)
            .any(|d| has(d.version()) || d.sha.starts_with(text) || d.by.as_deref().is_some_and(has))
    };
    has(&row.project.path)
        || has(&row.project.name)
        || row.branches.iter().any(|b| has(&b.name))
        || row.environments.iter().any(of_deployments)
}

fn compare(a: &(Place, &Row), b: &(Place, &Row), sort: &str) -> Ordering {
    let name = |row: &Row| row.project.name.to_lowercase();
    let by_file = || a.0.rank.cmp(&b.0.rank).then_with(|| name(a.1).cmp(&name(b.1))).then(a.1.project.id.cmp(&b.1.project.id));
    let (key, turned) = sort.strip_prefix('-').map_or((sort, false), |key| (key, true));
    let ordering = match key {
        "" => return by_file(),
        "name" => name(a.1).cmp(&name(b.1)),
        "read" => a.1.read_at.cmp(&b.1.read_at),
        "behind" => furthest(b.1).cmp(&furthest(a.1)),
        // Newest first; projects without it come last either way.
        environment => match (deployed_at(a.1, environment), deployed_at(b.1, environment)) {
            (None, None) => Ordering::Equal,
            (None, _) => return Ordering::Greater,
            (_, None) => return Ordering::Less,
            (a, b) => b.cmp(&a),
        },
    };
    (if turned { ordering.reverse() } else { ordering }).then_with(by_file)
}

fn furthest(row: &Row) -> u32 {
    row.behind.values().copied().max().unwrap_or(0)
}

fn deployed_at(row: &Row, environment: &str) -> Option<Timestamp> {
    row.environments.iter().find(|e| e.name == environment)?.live.as_ref().map(|live| live.at())
}

fn line(row: &Row, columns: &[String], ages: Ages, now: Timestamp) -> Line {
    let project = &row.project;
    let main = project.default_branch.as_deref().unwrap_or("HEAD");
    let open = |branch: &Branch| OpenBranch {
        name: branch.name.clone(),
        link: format!("{}/-/compare/{main}...{}", project.web_url, branch.name),
        age: ago(branch.at, now),
    };
    let of = |prefix: &str| row.branches.iter().filter(|b| b.name.starts_with(prefix)).map(open).collect();
    Line {
        id: project.id,
        name: project.name.clone(),
        namespace: project.path.rsplit_once('/').map_or("", |(namespace, _)| namespace).to_owned(),
        link: project.web_url.clone(),
        cells: columns.iter().map(|name| Cell::of(row, name, now)).collect(),
        releases: of("release"),
        hotfixes: of("hotfix"),
        more: row.environments.iter().filter(|e| !columns.contains(&e.name)).count(),
        age: ago(row.read_at, now),
        read_at: minute(row.read_at),
        freshness: freshness(row, ages, now),
        trouble: row.trouble.as_ref().map(|trouble| trouble.text.clone()),
        out_of_step: row.out_of_step(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Project, Trouble};

    fn row(id: u64, read_at: Timestamp) -> Row {
        let name = format!("p{id}");
        let project =
            Project { id, path: format!("team/{name}"), web_url: format!("https://x/team/{name}"), name, default_branch: None };
        Row {
            project,
            head: None,
            branches: Vec::new(),
            environments: Vec::new(),
            behind: Default::default(),
            history: Vec::new(),
            mark: None,
            read_at,
            full_at: read_at,
            trouble: None,
        }
    }

    #[test]
    fn a_row_is_soft_at_the_soft_age_and_hard_at_the_hard_one() {
        let ages = Ages { soft: SignedDuration::from_mins(10), hard: SignedDuration::from_mins(60) };
        let now = Timestamp::UNIX_EPOCH;
        let table = [(0, "fresh"), (599, "fresh"), (600, "soft"), (3_599, "soft"), (3_600, "hard"), (1_000_000, "hard")];
        for (seconds, expected) in table {
            let row = row(1, now - SignedDuration::from_secs(seconds));
            assert_eq!(freshness(&row, ages, now), expected, "{seconds} s");
            let mut snapshot = Snapshot::default();
            snapshot.rows.insert(1, row.into());
            let filter = Filter { status: "stale".into(), ..Filter::default() };
            let shown = matrix(&snapshot, &Priorities::default(), &filter, ages, now).shown;
            assert_eq!(shown, usize::from(expected != "fresh"), "{seconds} s");
        }
    }

    #[test]
    fn a_row_that_could_not_be_read_is_marked_at_once() {
        let ages = Ages { soft: SignedDuration::from_mins(10), hard: SignedDuration::from_mins(60) };
        let now = Timestamp::UNIX_EPOCH;
        let trouble = Some(Trouble { at: now, text: "GitLab failed".into() });
        assert_eq!(freshness(&Row { trouble, ..row(1, now) }, ages, now), "soft");
    }
}
