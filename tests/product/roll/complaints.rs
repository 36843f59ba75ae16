//! Every scenario that `complaints.md` names is a test that is there.

const TABLE: &str = include_str!("complaints.md");
/// The files of this folder, by the names that the table gives them.
const FILES: [(&str, &str); 10] = [
    ("back", include_str!("back.rs")),
    ("deploys", include_str!("deploys.rs")),
    ("fails", include_str!("fails.rs")),
    ("release::makes", include_str!("release/makes.rs")),
    ("release::undoes", include_str!("release/undoes.rs")),
    ("shells", include_str!("shells.rs")),
    ("sweep", include_str!("sweep.rs")),
    ("tasks", include_str!("tasks.rs")),
    ("verbs", include_str!("verbs.rs")),
    ("waiting", include_str!("waiting.rs")),
];

#[test]
fn every_complaint_names_a_test_that_is_there() {
    let rows = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| complaint"));
    let mut names = Vec::new();
    for row in rows {
        let shown: Vec<&str> = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!shown.is_empty(), "{row}");
        names.extend(shown);
    }
    for name in names {
        // `roll::…` are the library's own tests.
        let Some((file, test)) = name.rsplit_once("::").filter(|(file, _)| *file != "roll") else { continue };
        let source = FILES.iter().find(|(known, _)| *known == file).unwrap_or_else(|| panic!("no file of {name}")).1;
        assert!(source.contains(&format!("async fn {test}(")), "no test {name}");
    }
}
