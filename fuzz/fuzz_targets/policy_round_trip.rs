#![no_main]
hardpan_fuzz::target!(policy_round_trip);
