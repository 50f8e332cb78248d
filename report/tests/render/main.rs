//! The renderers against their formats' own validators, a browser, and what people are to read.

mod browser;
mod html;
mod json;
mod peers;
mod sarif;
mod support;
mod terminal;
