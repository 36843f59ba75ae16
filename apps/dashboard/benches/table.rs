//! Figures beside their goals.

use std::process::ExitCode;

/// Rows of figures.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 3]>,
    missed: usize,
}

impl Table {
    /// A figure; `most` is its goal.
    pub fn row(&mut self, name: &str, value: f64, unit: &str, most: Option<f64>) {
        let goal = most.map_or(String::new(), |most| {
            let met = value <= most;
            self.missed += usize::from(!met);
            format!("≤ {} {unit}{}", number(most), if met { "" } else { "  MISSED" })
        });
        eprintln!("  {name}: {} {unit}", number(value));
        self.rows.push([name.to_owned(), format!("{} {unit}", number(value)).trim().to_owned(), goal]);
    }

    /// The table, which Markdown shows as one too.
    pub fn print(&self, title: &str) {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (names, values, goals) = (width(0).max(6), width(1), width(2));
        println!("\n{title}\n");
        println!("| {:names$} | {:>values$} | {:goals$} |", "figure", "", "goal");
        println!("|-{}-|-{}:|-{}-|", "-".repeat(names), "-".repeat(values), "-".repeat(goals));
        for [name, value, goal] in &self.rows {
            println!("| {name:names$} | {value:>values$} | {goal:goals$} |");
        }
    }

    /// Whether all goals are met.
    pub fn code(&self) -> ExitCode {
        if self.missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// `8,005` or `21.4`.
fn number(value: f64) -> String {
    if value.fract() != 0.0 && value < 1_000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
