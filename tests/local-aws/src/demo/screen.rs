//! What a person sees: the story on standard output, progress on standard error while something takes its time.

use std::io::{Write, stderr, stdout};
use std::time::Duration;

use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};
use console::{Term, style};
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

/// Lines are never longer, also on a wide terminal.
const WIDEST: u16 = 104;
/// Columns of a line's first word: who acts.
const WHO: u16 = 12;

/// Where the story is told.
pub(super) struct Screen {
    width: u16,
    unheard: CancellationToken,
}

impl Screen {
    pub fn new() -> Self {
        let terminal = Term::stdout();
        let width = if terminal.is_term() { terminal.size().1.min(WIDEST) } else { WIDEST };
        Self { width, unheard: CancellationToken::new() }
    }

    /// Waits until nobody reads any more, as after `| head`.
    pub async fn unheard(&self) {
        self.unheard.cancelled().await;
    }

    /// Text as it is.
    pub fn print(&self, text: &str) {
        write_to(stdout(), text, &self.unheard);
    }

    /// A chapter begins.
    pub fn heading(&self, text: &str) {
        self.print(&format!("\n{}\n", style(text).bold()));
    }

    /// One thing that happened: who did it, and what.
    pub fn tell(&self, who: &str, what: &str) {
        let mut table = self.table();
        table.load_style(presets::NOTHING).add_row([Cell::new(who).add_attribute(Attribute::Bold), Cell::new(what)]);
        table.set_constraints([ColumnConstraint::Absolute(Width::Fixed(WHO))]);
        self.show(&table, 1);
    }

    /// Lines of a program's own output, as they are.
    pub fn quote(&self, lines: &[String]) {
        for line in lines {
            self.print(&format!("{:indent$}{}\n", "", style(line).dim(), indent = usize::from(WHO) + 2));
        }
    }

    /// A table of figures: what, and how much.
    pub fn figures(&self, rows: &[(&str, String)]) {
        let mut table = self.table();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.add_rows(rows.iter().map(|(what, much)| [Cell::new(what), Cell::new(much)]));
        self.show(&table, 2);
    }

    /// A table with a header.
    pub fn grid<const N: usize>(&self, header: [&str; N], rows: &[[String; N]]) {
        let mut table = self.table();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(header.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
        table.add_rows(rows.iter().cloned());
        self.show(&table, 2);
    }

    /// A question; the answer is typed behind it.
    pub fn ask(&self, question: &str) {
        self.print(&format!("\n{} ", style(question).bold()));
    }

    /// Says what takes long, until it is dropped.
    pub fn working(&self, what: &str) -> Working {
        let bar = ProgressBar::new_spinner();
        // The template is a constant that is known to be right; without it the spinner is only plainer.
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} ({elapsed})") {
            bar.set_style(style.tick_chars("|/-\\ "));
        }
        let working = Working { bar, unheard: self.unheard.clone() };
        working.teller()(what);
        working.bar.enable_steady_tick(Duration::from_millis(120));
        working
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(self.width.saturating_sub(2));
        if !console::colors_enabled() {
            table.force_no_tty();
        }
        table
    }

    fn show(&self, table: &Table, indent: usize) {
        for line in table.lines() {
            self.print(&format!("{}\n", format!("{:indent$}{line}", "").trim_end()));
        }
    }
}

/// Something that takes its time. Dropping it takes it off the screen.
pub(super) struct Working {
    bar: ProgressBar,
    unheard: CancellationToken,
}

impl Working {
    /// Changes what is said.
    pub fn teller(&self) -> impl Fn(&str) + Send + 'static {
        let (bar, unheard) = (self.bar.clone(), self.unheard.clone());
        move |what: &str| {
            if bar.is_hidden() {
                write_to(stderr(), &format!("  ... {what}\n"), &unheard);
            }
            bar.set_message(what.to_owned());
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `print!` would panic where nobody reads any more.
fn write_to(mut to: impl Write, text: &str, unheard: &CancellationToken) {
    if to.write_all(text.as_bytes()).and_then(|()| to.flush()).is_err() {
        unheard.cancel();
    }
}
