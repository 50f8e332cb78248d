//! What every command needs of its surroundings: whether to go on, and how to say how far it is.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use hardpan_audit::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// The surroundings of a command.
pub(crate) struct Context {
    /// Set by the first SIGINT or SIGTERM; the second ends the process at once.
    pub(crate) cancelled: Arc<AtomicBool>,
    /// Whether to draw progress on standard error.
    pub(crate) progress: bool,
}

/// The user stopped the run.
#[derive(Debug)]
pub(crate) struct Interrupted {
    /// What that leaves.
    left: &'static str,
}

impl Interrupted {
    /// Before any report was written.
    pub(crate) const NO_REPORT: Self = Self { left: "no report was written" };
    /// While reports were written, each in one step.
    pub(crate) const BETWEEN_REPORTS: Self = Self { left: "the reports that are there are whole" };
    /// While lines were written.
    pub(crate) const NO_LAST_LINE: Self = Self { left: "the lines lack the last one, of type `end`" };
    /// Before what boots was written.
    pub(crate) const NO_BOOT: Self = Self { left: "nothing was written" };
    /// While a policy was compiled.
    pub(crate) const NO_POLICY: Self = Self { left: "no policy was written" };
    /// While a hash tree was made.
    pub(crate) const NO_TREE: Self = Self { left: "nothing that looks like a finished tree was left" };
    /// While repairs were searched.
    pub(crate) const NO_REPAIR: Self = Self { left: "nothing was repaired" };
    /// While parity was written in place.
    pub(crate) const PARITY_UNFINISHED: Self = Self { left: "the parity is still damaged: run it again" };
    /// While a repair that is written was verified.
    pub(crate) const REPAIR_UNVERIFIED: Self =
        Self { left: "the repair is written but not verified yet: run it again to finish it" };
    /// While files were hashed.
    pub(crate) const NO_DIGEST: Self = Self { left: "no digest was printed or written" };
    /// While a mapping was read for the first time.
    pub(crate) const NO_MAPPING: Self = Self { left: "the mapping was removed" };
    /// While a hash tree was verified.
    pub(crate) const NO_VERDICT: Self = Self { left: "nothing was verified" };
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "interrupted; {}", self.left)
    }
}

impl std::error::Error for Interrupted {}

impl Context {
    pub(crate) fn new(quiet: bool) -> anyhow::Result<Self> {
        let cancelled = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // Registered first, so that a second signal finds the flag set and ends the process.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&cancelled))
                .context("cannot handle signals")?;
            signal_hook::flag::register(signal, Arc::clone(&cancelled)).context("cannot handle signals")?;
        }
        Ok(Self { cancelled, progress: !quiet && std::io::stderr().is_terminal() })
    }

    /// Whether to go on.
    pub(crate) fn goes_on(&self) -> bool {
        !self.cancelled.load(Ordering::Relaxed)
    }

    /// Ends the run if the user stopped it.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.goes_on() { Ok(()) } else { Err(Interrupted::BETWEEN_REPORTS.into()) }
    }

    /// Does work that tells how many things it has done and asks whether to go on, with a line on standard error that
    /// counts them. Draws nothing where standard error is no terminal.
    pub(crate) fn counting<T>(&self, doing: &'static str, work: impl FnOnce(Progress<'_>) -> T) -> T {
        let bar = self.line(doing, "{spinner} {msg}: {human_pos}  {elapsed}");
        let done = work(&|count| {
            bar.inc(count);
            self.goes_on()
        });
        bar.finish_and_clear();
        done
    }

    /// The same for work that does not count.
    pub(crate) fn waiting<T>(&self, doing: &'static str, work: impl FnOnce() -> T) -> T {
        let bar = self.line(doing, "{spinner} {msg}  {elapsed}");
        let done = work();
        bar.finish_and_clear();
        done
    }

    fn line(&self, doing: &'static str, template: &str) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message(doing);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}
