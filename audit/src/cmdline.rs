//! Which command lines decide.

use hardpan_lockdown::CommandLine;
use hardpan_report::Finding;

use crate::Context;

impl Context<'_> {
    /// The running command line if there is one, otherwise all that are configured.
    pub(crate) fn command_lines_in_force(&self) -> Vec<&CommandLine> {
        let has_live = self.kernel.command_lines.iter().any(|line| line.live);
        self.kernel.command_lines.iter().filter(|line| line.live == has_live).collect()
    }

    /// What kept configured command lines from being read, where those are what decides.
    pub(crate) fn troubles_in_force(&self) -> &[Finding] {
        let has_live = self.kernel.command_lines.iter().any(|line| line.live);
        if has_live { &[] } else { &self.kernel.troubles.command_lines }
    }
}
