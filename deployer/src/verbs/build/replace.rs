//! Replaces a file whole or not at all, also where the machine stops in the middle.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes `content` to `path`: into another file beside it, to the disk, then renamed.
///
/// The mode stays; a new file gets that of `like`. Where `path` is a link, the file behind it is replaced.
///
/// # Errors
/// The system's; then `path` is as it was, and nothing is left beside it.
pub fn replace(path: &Path, content: &[u8], like: &Path) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mode = fs::metadata(&path).or_else(|_| fs::metadata(like))?.permissions();
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(content)?;
    beside.as_file().set_permissions(mode)?;
    beside.as_file().sync_all()?;
    beside.persist(&path)?;
    // The file is replaced by now, and an error would say that it is as it was. Some file systems cannot sync a folder;
    // without it, a machine that stops right now may come back with the old file, which is whole too.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}
