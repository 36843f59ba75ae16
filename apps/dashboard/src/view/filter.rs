//! What of the page somebody asked for: it is all in the address, so that it can be shared.

use serde::Deserialize;

/// The query of the page's address. Empty fields filter nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Text in the project's name, a version, a branch or a user name.
    pub q: String,
    /// `gitflow`, `trunk` or `others`.
    pub group: String,
    /// A category of the file.
    pub category: String,
    /// A word of [`crate::model::Status`], `never`, or `stale`.
    pub status: String,
    /// Only projects that are out of step: `1`.
    pub out: String,
    /// `name`, `read`, `behind` or an environment's name; a minus before it turns the order round.
    pub sort: String,
}

impl Filter {
    /// Whether every project is shown.
    pub fn is_open(&self) -> bool {
        Filter { sort: String::new(), ..self.clone() } == Filter::default()
    }

    /// The address of the same page sorted by `key`; the other way round where it is sorted so already.
    pub fn sorted_by(&self, key: &str) -> String {
        let sort = if self.sort == key { format!("-{key}") } else { key.to_owned() };
        Filter { sort, ..self.clone() }.address()
    }

    /// The address of what is out of step on this page.
    pub fn with_out_of_step(&self) -> String {
        Filter { out: "1".into(), ..self.clone() }.address()
    }

    /// The address of what has this status on this page.
    pub fn with_status(&self, status: &str) -> String {
        Filter { status: status.into(), ..self.clone() }.address()
    }

    /// The orders to choose from, with what people read: those of the table's heading, for screens without one.
    pub fn orders(&self, columns: &[String]) -> Vec<(String, String)> {
        let mut orders: Vec<(String, String)> = ["", "name", "behind", "read"]
            .iter()
            .map(|key| (*key).to_owned())
            .chain(columns.iter().cloned())
            .map(|key| (key.clone(), order(&key)))
            .collect();
        if !orders.iter().any(|(key, _)| *key == self.sort) {
            orders.push((self.sort.clone(), order(&self.sort)));
        }
        orders
    }

    /// The address of this page.
    pub fn address(&self) -> String {
        let fields = [
            ("q", &self.q),
            ("group", &self.group),
            ("category", &self.category),
            ("status", &self.status),
            ("out", &self.out),
            ("sort", &self.sort),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        if query.is_empty() { "/".into() } else { format!("/?{query}") }
    }

    /// How the order is turned for a column, as `aria-sort` says it.
    pub fn direction(&self, key: &str) -> &'static str {
        match self.sort.strip_prefix('-') {
            Some(sorted) if sorted == key => "descending",
            None if self.sort == key => "ascending",
            _ => "none",
        }
    }
}

/// An order in words.
pub fn order(key: &str) -> String {
    let (key, turned) = key.strip_prefix('-').map_or((key, false), |key| (key, true));
    let words = match key {
        "" => "Order of the file".to_owned(),
        "name" => "By name".to_owned(),
        "behind" => "Most behind first".to_owned(),
        "read" => "Oldest data first".to_owned(),
        environment => format!("Newest in {environment} first"),
    };
    if turned { format!("{words}, turned round") } else { words }
}
