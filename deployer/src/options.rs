//! The library's messages name the function's parameters; whoever types the deployer's command line knows its options.

/// Each parameter of the function, and the deployer's option for it.
const OPTIONS: [(&str, &str); 6] = [
    ("ElbName", "--elb"),
    ("PromoteTo", "--promote-to"),
    ("PromoteImage", "--promote-image"),
    ("Execution", "--execution"),
    ("MinCapacity", "--min-capacity"),
    ("Ports", "--ports"),
];

/// What a flip without an execution is told that meets a fence.
const PASS_PARAMETER: &str = r##"pass "Execution":"#{codepipeline.PipelineExecutionId}" in UserParameters"##;

/// A message with the options in place of the parameters.
#[must_use]
pub fn in_options(message: &str) -> String {
    let message = message.replace(PASS_PARAMETER, "pass it with --execution");
    let pieces = message.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let told = pieces.map(|piece| {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let option = OPTIONS.iter().find(|(parameter, _)| *parameter == word);
        option.map_or_else(|| piece.to_owned(), |(parameter, option)| piece.replacen(parameter, option, 1))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::in_options;
    use blue_green::release::refusal::Refusal;

    #[test]
    fn whole_words_are_options() {
        assert_eq!(in_options("check ElbName, the port pairs or Ports."), "check --elb, the port pairs or --ports.");
        assert_eq!(in_options("PromoteTo names \"Code3\"; Executions"), "--promote-to names \"Code3\"; Executions");
    }

    #[test]
    fn a_fence_is_passed_with_the_option() {
        let word = |text: &str| text.to_owned();
        let (group, by, image, since) = (word("Code2"), word("e1"), word("v9"), word("2026-01-02T03:04:05Z"));
        let told = in_options(&Refusal::Fenced { group, by, image, since, asked_by: None }.to_string());
        assert!(
            told.contains("If this is execution e1, pass it with --execution;") && !told.contains("UserParameters"),
            "{told}"
        );
    }
}
