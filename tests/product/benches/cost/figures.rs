//! Figures: medians with their spread, beside their goals and beside those of an earlier run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

/// What was measured, in order.
#[derive(Debug, Default)]
pub struct Figures(Vec<Figure>);

#[derive(Debug)]
struct Figure {
    name: String,
    unit: &'static str,
    /// In order of size.
    values: Vec<f64>,
    goal: Option<f64>,
}

impl Figure {
    fn median(&self) -> f64 {
        self.values[self.values.len() / 2]
    }

    fn spread(&self) -> (f64, f64) {
        (self.values[0], self.values[self.values.len() - 1])
    }

    fn is_missed(&self) -> bool {
        self.goal.is_some_and(|goal| rounded(self.median()) > goal)
    }
}

impl Figures {
    /// A figure that was measured so often; `goal` is the most that its median may be.
    pub fn measured(&mut self, name: &str, unit: &'static str, values: impl IntoIterator<Item = f64>, goal: Option<f64>) {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        if !values.is_empty() {
            self.0.push(Figure { name: name.to_owned(), unit, values, goal });
        }
    }

    /// A figure that is the same at every run.
    pub fn exact(&mut self, name: &str, unit: &'static str, value: f64, goal: Option<f64>) {
        self.measured(name, unit, [value], goal);
    }

    /// The table.
    pub fn print(&self) {
        let mut table = table(&["figure", "median", "lowest – highest", "goal"]);
        for figure in &self.0 {
            let (low, high) = figure.spread();
            let spread = if low == high { String::new() } else { format!("{} – {}", number(low), number(high)) };
            let missed = if figure.is_missed() { " MISSED" } else { "" };
            let goal = figure.goal.map_or(String::new(), |goal| format!("≤ {}{missed}", number(goal)));
            table.add_row([figure.name.clone(), format!("{} {}", number(figure.median()), figure.unit), spread, goal]);
        }
        println!("\n{table}\nTimes are this machine's, now: compare them within one run.");
    }

    /// What differs by more than the spread of both runs.
    pub fn print_changes(&self, before: &Value) {
        let mut table = table(&["figure", "before", "now", "now / before"]);
        let names: BTreeMap<&str, &Figure> = self.0.iter().map(|figure| (figure.name.as_str(), figure)).collect();
        for then in before["figures"].as_array().into_iter().flatten() {
            let (Some(name), Some(median)) = (then["name"].as_str(), then["median"].as_f64()) else { continue };
            let Some(now) = names.get(name) else {
                table.add_row([name, &number(median), "not measured", ""]);
                continue;
            };
            let (low, high) = (then["lowest"].as_f64().unwrap_or(median), then["highest"].as_f64().unwrap_or(median));
            if now.median() < low || now.median() > high {
                let ratio = format!("{:.2}", now.median() / median);
                table.add_row([name, &number(median), &format!("{} {}", number(now.median()), now.unit), &ratio]);
            }
        }
        println!("\nChanged beyond the spread of the earlier run:\n{table}");
    }

    /// Writes the figures as JSON.
    pub fn write(&self, path: &Path) {
        let figures = self.0.iter().map(|figure| {
            let (lowest, highest) = figure.spread();
            let (median, goal) = (figure.median(), figure.goal);
            json!({ "name": figure.name, "unit": figure.unit, "median": median, "lowest": lowest, "highest": highest, "goal": goal })
        });
        let document = json!({ "figures": figures.collect::<Vec<_>>() });
        std::fs::write(path, format!("{document:#}\n")).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Whether all goals are met.
    pub fn code(&self) -> ExitCode {
        if self.0.iter().any(Figure::is_missed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// The figures of an earlier run.
pub fn read(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header.iter().copied());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn number(value: f64) -> String {
    let value = rounded(value);
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
