//! The renderers against their formats' own validators, a browser, and what people are to read.

mod json;
mod peers;
mod support;
mod terminal;
