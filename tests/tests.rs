//! End-to-end tests: the `hardpan` command as users run it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod arrows;
mod ci;
mod diff;
mod gate;
mod hostile;
mod html;
mod inputs;
mod lockdown;
mod lockdown_tools;
mod output;
mod policy;
mod processes;
mod rules;
mod selinux;
mod trees;
mod util;
mod verity;

// The same peers as the renderers' own tests have, and the same way to do without them.
#[expect(dead_code, reason = "the renderers' tests also print pages")]
#[path = "../report/tests/render/browser.rs"]
mod browser;
#[path = "../report/tests/render/peers.rs"]
mod peers;
