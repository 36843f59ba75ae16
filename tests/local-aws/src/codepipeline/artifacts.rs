//! Artifacts: folders by name, packed and unpacked as CodePipeline does between its actions.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::gateway::lock;

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
        unpack(&zip, folder.path()).with_context(|| format!("the artifact {name}"))?;
        Ok(folder)
    }

    /// A file of an artifact.
    pub fn file(&self, name: &str, path: &str) -> Result<String> {
        let zip = lock(&self.0).get(name).cloned().with_context(|| format!("the artifact {name} was not made"))?;
        let mut archive = ZipArchive::new(Cursor::new(zip))?;
        let mut text = String::new();
        archive.by_name(path).with_context(|| format!("the artifact {name} has no file {path}"))?.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Unpacks a zip file.
pub fn unpack(zip: &[u8], folder: &Path) -> Result<()> {
    ZipArchive::new(Cursor::new(zip))?.extract(folder)?;
    Ok(())
}

/// Packs files, named from their folder.
///
/// # Errors
/// The system's.
pub fn pack(folder: &Path, files: &[PathBuf]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let name = file.strip_prefix(folder)?.to_string_lossy().into_owned();
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(&fs::read(file).with_context(|| file.display().to_string())?)?;
    }
    Ok(zip.finish()?.into_inner())
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
