#![no_main]
hardpan_fuzz::target!(dps_signature);
