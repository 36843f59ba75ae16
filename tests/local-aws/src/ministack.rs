//! ministack, the AWS API on loopback: installed once under `target/`, started once a process, ended with it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use tokio::sync::OnceCell;

const REQUIREMENTS: &str = include_str!("../ministack/requirements.txt");

/// A running ministack. It holds every AWS account at once: the access key of a call, 12 digits, is its account.
pub struct Ministack {
    address: SocketAddr,
    // Its standard input is the line it hangs on: start.py ends when that closes, also when this process is killed.
    process: Child,
}

impl Ministack {
    /// The ministack of this process, started at the first call. `progress` is told what takes long.
    ///
    /// # Errors
    /// Where Python 3 is missing, its packages cannot be installed, or ministack does not start.
    pub async fn shared(progress: impl Fn(&str) + Send + 'static) -> Result<&'static Self> {
        static SHARED: OnceCell<Ministack> = OnceCell::const_new();
        SHARED.get_or_try_init(|| async { tokio::task::spawn_blocking(move || Self::start(&install(&progress)?)).await? }).await
    }

    /// Starts one of its own, on a port that it chooses.
    ///
    /// # Errors
    /// Where the interpreter does not start or does not tell its port.
    pub fn start(python: &Path) -> Result<Self> {
        let temporary = python.with_file_name("tmp");
        fs::create_dir_all(&temporary)?;
        let mut process = Command::new(python)
            .arg("-B")
            .arg(sources().join("start.py"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TMPDIR", &temporary)
            // Ctrl-C at a terminal reaches a whole group: this process would take its time over it, and outlive the demo.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(temporary.join("ministack.log"))?)
            .spawn()
            .with_context(|| format!("failed to start {}", python.display()))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let port: u16 = line.trim().parse().with_context(|| {
            format!("ministack did not tell its port but {line:?}: see {}", temporary.join("ministack.log").display())
        })?;
        Ok(Self { address: SocketAddr::from(([127, 0, 0, 1], port)), process })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process id, for tests that look whether it is gone.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // Both may fail only where it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes the virtual environment where it is not there yet, and returns its interpreter.
///
/// # Errors
/// Where Python 3 or its `venv` module is missing, or a package cannot be installed.
pub fn install(progress: impl Fn(&str)) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hasher);
    let folder = target_folder().join(format!("ministack-{:016x}", hasher.finish()));
    let python = folder.join("bin/python");
    let complete = folder.join("complete");
    fs::create_dir_all(target_folder())?;
    // Test processes start at the same time: one installs, the others wait for it.
    let lock = File::create(folder.with_extension("lock"))?;
    lock.lock()?;
    if complete.exists() {
        return Ok(python);
    }
    progress("installing the local AWS API (once)");
    // What an interrupted installation left behind.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        .context("the local AWS needs Python 3 with its venv module")?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .arg("--requirement")
        .arg(sources().join("requirements.txt")))?;
    File::create(&complete)?;
    Ok(python)
}

/// Installs tools of `bin/.tools` where they are not there yet, and returns the folder with their commands.
///
/// # Errors
/// Where Python 3 is missing or a package cannot be installed.
pub fn tools(name: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(root.join("bin/.tools")).arg(name).output().context("bin/.tools did not start")?;
    ensure!(output.status.success(), "bin/.tools {name} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// Where Cargo builds: what the local AWS installs lies beside it.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from)
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ministack")
}

fn run(command: &mut Command) -> Result<()> {
    let Output { status, stderr, .. } =
        command.output().with_context(|| format!("failed to start {:?}", command.get_program()))?;
    ensure!(status.success(), "{command:?} ended with {status}: {}", String::from_utf8_lossy(&stderr).trim());
    Ok(())
}
