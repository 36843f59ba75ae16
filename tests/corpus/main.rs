//! Every input that fuzzing is begun with, or has failed on, tried again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

#[path = "../../fuzz/properties/mod.rs"]
mod properties;

use std::fs;
use std::path::Path;

#[test]
fn what_holds_for_any_bytes_holds_for_those_that_are_kept() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut folders: Vec<_> = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    folders.sort();
    assert_eq!(folders, properties::ALL.map(|(name, _)| name));
    for (name, holds) in properties::ALL {
        let mut files = 0;
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            let path = entry.unwrap().path();
            // Told only where the test fails: the panic does not know the file.
            println!("{}", path.display());
            holds(&fs::read(&path).unwrap());
            files += 1;
        }
        assert!(files >= 10, "only {files} files for {name}");
    }
}
