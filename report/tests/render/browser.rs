//! Chromium without a window.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::{env, fs, process};

use crate::peers::program;

/// A browser.
pub(crate) struct Browser {
    program: PathBuf,
}

/// A page after loading.
pub(crate) struct Shown {
    /// The document as it is after scripts have run.
    pub(crate) dom: String,
    /// What the browser wrote to its console: errors, refused loads, messages.
    pub(crate) console: Vec<String>,
}

impl Browser {
    /// The installed one.
    pub(crate) fn find() -> Option<Self> {
        program(&["chromium", "chromium-browser", "google-chrome"]).map(|program| Self { program })
    }

    /// Loads the page.
    pub(crate) fn show(&self, page: &str, arguments: &[&str]) -> Shown {
        let place = Place::new(page);
        let output = self.run(&place, arguments, &["--dump-dom".into()]);
        let errors = String::from_utf8_lossy(&output.stderr);
        let console = errors.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        Shown { dom: String::from_utf8(output.stdout).unwrap(), console }
    }

    /// Prints the page to PDF.
    pub(crate) fn print(&self, page: &str) -> Vec<u8> {
        let place = Place::new(page);
        let pdf = place.folder.join("page.pdf");
        let output = self.run(&place, &[], &[format!("--print-to-pdf={}", pdf.display())]);
        fs::read(pdf).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn run(&self, place: &Place, arguments: &[&str], task: &[String]) -> Output {
        let output = Command::new(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
            .args(["--no-first-run", "--disable-dev-shm-usage", "--enable-logging=stderr"])
            .arg(format!("--user-data-dir={}", place.folder.join("profile").display()))
            .args(arguments)
            .args(task)
            .arg(format!("file://{}", place.folder.join("page.html").display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

/// A folder for one page and one profile, gone when it is dropped.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(page: &str) -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("hardpan-page-{}-{number}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("page.html"), page).unwrap();
        Self { folder }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A browser's helper may still be writing its profile; what is left is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
