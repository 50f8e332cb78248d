#![no_main]
hardpan_fuzz::target!(go_buildinfo);
