//! Artifacts: folders by name, packed and unpacked as CodePipeline does between its actions.
//!
//! Python, which the local AWS needs anyhow, makes and reads the zip files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::gateway::lock;

const PACK: &str = "\
import sys, zipfile
target, base, *names = sys.argv[1:]
with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
    for name in names:
        archive.write(f'{base}/{name}', name)
";
const UNPACK: &str = "\
import sys, zipfile
zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])
";

/// The artifacts of one execution: a zip file each.
#[derive(Clone, Debug, Default)]
pub struct Artifacts(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Artifacts {
    /// Keeps an artifact; one of this name is replaced, as a retry does.
    pub fn put(&self, name: &str, zip: Vec<u8>) {
        lock(&self.0).insert(name.to_owned(), zip);
    }

    /// An artifact in a folder of its own.
    pub fn unpacked(&self, name: &str) -> Result<TempDir> {
        let zip = lock(&self.0).get(name).cloned().with_context(|| format!("the artifact {name} was not made"))?;
        let folder = tempfile::tempdir()?;
        let file = tempfile::NamedTempFile::new()?;
        fs::write(file.path(), zip)?;
        python(UNPACK, |python| python.arg(file.path()).arg(folder.path())).with_context(|| format!("the artifact {name}"))?;
        Ok(folder)
    }

    /// A file of an artifact.
    pub fn file(&self, name: &str, path: &str) -> Result<String> {
        let folder = self.unpacked(name)?;
        fs::read_to_string(folder.path().join(path)).with_context(|| format!("the artifact {name} has no file {path}"))
    }
}

/// Packs files, named from their folder.
///
/// # Errors
/// The system's.
pub fn pack(folder: &Path, files: &[PathBuf]) -> Result<Vec<u8>> {
    let target = tempfile::NamedTempFile::new()?;
    let names = files.iter().map(|file| Ok(file.strip_prefix(folder)?.to_owned())).collect::<Result<Vec<_>>>()?;
    python(PACK, |python| python.arg(target.path()).arg(folder).args(names))?;
    Ok(fs::read(target.path())?)
}

/// Every file below a folder.
///
/// # Errors
/// The system's.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

fn python(script: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let mut python = Command::new("python3");
    python.args(["-I", "-c", script]);
    let output = arguments(&mut python).output().context("Python 3 did not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
