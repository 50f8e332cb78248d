//! Kernel hardening: rules as data, and the facts they are judged on.

pub use hardpan_sys::{Host, Mount, Reading};
