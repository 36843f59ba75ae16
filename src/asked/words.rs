//! Words that may stand in a tag, and what they may name.

/// The most characters of a pipeline execution, so that a record fits a tag value (255 characters, ELB user guide, "Tags").
pub const MAX_ID: usize = 100;

/// Whether `text` may stand in a tag as one word.
#[must_use]
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-=._:/@".contains(c))
}

/// Whether `text` can name a pipeline execution: a word, short enough for a tag.
#[must_use]
pub fn is_execution(text: &str) -> bool {
    is_word(text) && text.len() <= MAX_ID
}

/// What is wrong with a value that still holds a variable of CodePipeline; none where it holds none.
#[must_use]
pub fn unresolved(text: &str) -> Option<&'static str> {
    text.contains("#{").then_some(
        "this variable was not resolved. CodePipeline does that, in the configuration of its own actions, where the namespace is that of \
         an earlier action; elsewhere name the value itself",
    )
}
