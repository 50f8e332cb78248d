//! The renderers against their formats' own validators, a browser, and what people are to read.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod browser;
mod ci;
mod html;
mod json;
mod peers;
mod sarif;
mod support;
mod terminal;
