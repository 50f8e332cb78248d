#![no_main]
hardpan_fuzz::target!(proc_maps);
