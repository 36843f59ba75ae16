//! Completions, in the shells that are here.

use std::process::Command;

fn completions(shell: &str) -> String {
    let run = Command::new(local_aws::world::binary("deployer")).args(["completions", shell]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn bash_completes_verbs_and_their_options() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), completions("bash")).unwrap();
    let complete = |words: &str| {
        let script = format!(
            "source {} && COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) && \
             _deployer deployer \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\" && echo \"${{COMPREPLY[@]}}\"",
            file.path().display()
        );
        let run = Command::new("bash").args(["-uc", &script]).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("deployer sta"), "status");
    assert_eq!(complete("deployer roll dep"), "deploy");
    assert_eq!(complete("deployer plan --promote-t"), "--promote-to");
}

#[test]
fn zsh_and_fish_get_completions_of_every_verb() {
    for (shell, begins) in [("zsh", "#compdef deployer"), ("fish", "# Print an optspec")] {
        let script = completions(shell);
        assert!(script.starts_with(begins), "{shell}: {}", script.lines().next().unwrap_or_default());
        for verb in ["status", "plan", "doctor", "unfence", "close-flip", "roll"] {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
}

#[test]
fn an_unknown_shell_is_a_usage_error_that_names_the_known_ones() {
    let run = Command::new(local_aws::world::binary("deployer")).args(["completions", "ksh93"]).output().unwrap();
    let error = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(2), "{error}");
    assert!(error.contains("bash") && error.contains("fish") && error.contains("zsh"), "{error}");
}
