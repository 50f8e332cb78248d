#![no_main]
hardpan_fuzz::target!(loader_entry);
