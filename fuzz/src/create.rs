//! Writing `dm-mod.create=`: what is written is what was meant, or nothing is.

use hardpan_verity::table::{CmdlineVerity, CreatedTarget, Fec, create_parameter, find_in_cmdline};

use crate::common::kernel;
use crate::common::take::{Take, text};
use crate::table::{is_as_the_kernel_reads_it, tables};

/// Devices with any names are refused, or read back the same by us, with the names that the kernel reads.
pub fn check(bytes: &[u8]) {
    let mut input = Take(bytes);
    let mut targets = Vec::new();
    while !input.is_empty() && targets.len() < 4 {
        targets.extend(target(&mut input));
    }
    let Ok(parameter) = create_parameter(&targets) else { return };
    let read: Result<Vec<_>, _> = find_in_cmdline(&format!("quiet {parameter} ro")).into_iter().collect();
    let ours = targets.iter().cloned().map(|target| CmdlineVerity::Created(Box::new(target)));
    assert_eq!(read, Ok(ours.collect()), "{parameter}");
    let [(_, Some(value))] = &kernel::parameters(parameter.as_bytes())[..] else { panic!("{parameter}") };
    let devices = kernel::devices(value);
    for target in &targets {
        let names = [target.name.as_bytes().to_vec(), target.uuid.as_bytes().to_vec()];
        assert!(devices.contains(&names), "{parameter}");
        is_as_the_kernel_reads_it(&target.table, &target.table.to_string());
    }
}

fn target(input: &mut Take<'_>) -> Option<CreatedTarget> {
    let flags = input.byte();
    let mut table = tables().into_iter().cycle().nth(usize::from(flags >> 4))?;
    let mut target = CreatedTarget::new(&input.text(), table.clone())?;
    target.uuid = input.text();
    (table.data_device, table.hash_device, table.algorithm) = (input.text(), input.text(), input.text());
    if flags & 1 != 0 {
        table.options.fec = Some(Fec::new(&input.text(), input.short().into(), input.long(), input.long()));
    }
    if flags & 2 != 0 {
        table.options.signature_key = Some(input.text());
    }
    target.minor = (flags & 4 != 0).then(|| input.long());
    target.read_only = flags & 8 == 0;
    target.start_sector = input.short().into();
    Some(CreatedTarget { table, ..target })
}

/// One device, and two.
pub fn seeds() -> Vec<Vec<u8>> {
    let names = ["root", "u-u", "/dev/a", "PARTUUID=a", "sha256"].map(text).concat();
    let one = [&[0][..], &names, &[0, 0]].concat();
    let more = [&[7][..], &names, &text("/dev/f"), &[2; 18], &text("a key"), &[3; 10]].concat();
    vec![[&one[..], &more].concat(), one, more]
}
