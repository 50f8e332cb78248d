#![no_main]
hardpan_fuzz::target!(profile);
