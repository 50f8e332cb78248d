//! Pillar 10: code in memory-safe languages.
