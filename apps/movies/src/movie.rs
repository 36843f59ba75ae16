//! A film, in the shape of AWS's sample file, and what a request for films may ask.

use serde::{Deserialize, Serialize};

/// The films that come with the application: all invented.
pub const FILMS: &str = include_str!("../films.json");

/// The first and the last year that can be asked for.
pub const YEARS: std::ops::RangeInclusive<i32> = 1888..=2100;
/// The longest title, in bytes.
pub const TITLE: usize = 200;

/// A film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Movie {
    /// When it came out.
    pub year: i32,
    /// Its title; with the year it names the film.
    pub title: String,
    /// The rest.
    #[serde(default)]
    pub info: Info,
}

/// What is known of a film: any of it may be missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// Who directed it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub directors: Vec<String>,
    /// The cast.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
    /// Its genres.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub genres: Vec<String>,
    /// From 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// Its running time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_time_secs: Option<u32>,
    /// What happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plot: Option<String>,
    /// When it came out, to the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_date: Option<String>,
    /// Its place in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

/// A page of films.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The films.
    pub movies: Vec<Movie>,
    /// What asks for the next page; none where this is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A search as it comes in a query: everything is text, and nothing is sure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// A year.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub year: String,
    /// What the title begins with.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// A genre.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub genre: String,
    /// The page after this.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cursor: String,
}

/// A search that can be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Films of this year.
    pub year: Option<i32>,
    /// Films whose normalised title begins so; empty for any.
    pub prefix: String,
    /// Films of this genre; empty for any.
    pub genre: String,
}

impl Asked {
    /// The search that is asked for.
    ///
    /// # Errors
    /// What was found, and what was expected.
    pub fn search(&self) -> Result<Search, String> {
        let year = match self.year.trim() {
            "" => None,
            text => Some(year(text)?),
        };
        for (name, text) in [("title", &self.title), ("genre", &self.genre)] {
            if text.len() > TITLE {
                return Err(format!("The {name} has {} bytes; at most {TITLE} are taken.", text.len()));
            }
        }
        Ok(Search { year, prefix: normalised(&self.title), genre: self.genre.trim().to_owned() })
    }
}

/// A year.
///
/// # Errors
/// What was found, and what was expected.
pub fn year(text: &str) -> Result<i32, String> {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let year = text.parse().ok().filter(|year| digits && YEARS.contains(year));
    year.ok_or_else(|| {
        let shown: String = text.chars().take(20).collect();
        format!("The year is {shown:?}; expected is a number from {} to {}.", YEARS.start(), YEARS.end())
    })
}

/// A title as it is searched for: small letters, single spaces.
#[must_use]
pub fn normalised(title: &str) -> String {
    title.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first character of a normalised title: what the index is divided by.
#[must_use]
pub fn initial(normalised: &str) -> String {
    normalised.chars().take(1).collect()
}

/// The films of a file in the shape of AWS's sample.
///
/// # Errors
/// Where it is in another one.
pub fn parse(text: &str) -> Result<Vec<Movie>, serde_json::Error> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn the_films_are_as_the_tests_need_them() {
        let films = parse(FILMS).unwrap_or_default();
        assert_eq!(films.len(), 150);
        let keys: BTreeSet<_> = films.iter().map(|film| (film.year, &film.title)).collect();
        assert_eq!(keys.len(), 150, "a film is there once");
        let mut years: BTreeMap<i32, usize> = BTreeMap::new();
        films.iter().for_each(|film| *years.entry(film.year).or_default() += 1);
        assert!(years.values().any(|count| *count > 40), "one year has more than two pages");
        assert!(films.iter().any(|film| film.info == Info::default()), "of one nothing is known");
        assert!(films.iter().any(|film| !film.title.is_ascii()));
        let titles: BTreeSet<_> = films.iter().map(|film| &film.title).collect();
        assert!(titles.len() < films.len(), "one title is there in two years");
    }

    #[test]
    fn titles_are_searched_for_without_case_and_spaces() {
        for (title, found) in
            [("  The  QUIET\tLighthouse ", "the quiet lighthouse"), ("Écho", "écho"), ("ŻÓŁTY", "żółty"), (" ", "")]
        {
            assert_eq!(normalised(title), found);
        }
        assert_eq!(initial("écho"), "é");
        assert_eq!(initial(""), "");
    }

    #[test]
    fn a_year_has_four_digits() {
        assert_eq!(year("2013"), Ok(2013));
        for bad in ["", "13", "1887", "2101", "20l3", "+201", "-201", "2013.0", "２０１３", "99999999999999999999", " 2013"] {
            assert!(year(bad).is_err_and(|text| text.contains("expected is a number from 1888 to 2100")), "{bad}");
        }
    }
}
