//! Booting into a verified root: what `hardpan-boot` does as the first program of the initramfs.

pub mod config;

pub use config::Config;
