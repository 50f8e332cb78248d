//! Texts that set up the device at boot.

use anyhow::{Context as _, bail};
use hardpan_verity::dps::partition_uuids;
use hardpan_verity::table::systemd::{
    RootHashSignature, SystemdCmdline, SystemdDevice, SystemdOptions, VeritytabEntry,
};
use hardpan_verity::table::{
    CreatedTarget, ErrorMode, Fec, Options, TableLine, VerityTable, create_parameter,
};
use hardpan_verity::{Descriptor, HashArea, Layout};
use serde_json::{Value, json};

use super::image::Known;
use super::kernel::KernelVersion;
use super::{Action, BehaviourArgs, EmitArgs, EmitFormat, UnitOption};

/// `START LENGTH verity …`.
pub(super) fn table_line(args: &EmitArgs, image: &Descriptor) -> anyhow::Result<(String, Value)> {
    let table = table(args, image, false)?;
    let sectors = table.sectors().context("no device is so long")?;
    let line = TableLine { range: Some((0, sectors)), table };
    let text = line.to_string();
    // What is read back otherwise, an empty name for instance, would not be mapped as it is meant.
    if TableLine::parse(&text)? != line {
        bail!("a device's name cannot be written into a table");
    }
    // The kernel would take it, but dmsetup takes what follows for a comment.
    if text.contains('#') {
        bail!("dmsetup cannot carry the character #: {text}");
    }
    Ok(texts("table", text))
}

/// `dm-mod.create="…"`.
pub(super) fn created(args: &EmitArgs, image: &Descriptor) -> anyhow::Result<(String, Value)> {
    let table = table(args, image, true)?;
    let name = args.boot.name.as_deref().unwrap_or("root");
    let target = CreatedTarget::new(name, table).context("no device is so long")?;
    let text = create_parameter(&[target])?;
    // In double quotes GRUB leaves all but these as they are; a dollar sign is a variable, as it is meant to be in devices.
    if args.format == EmitFormat::Grub && name.contains('$') {
        bail!("GRUB would put a variable into the name {name}");
    }
    if args.format == EmitFormat::Grub && text.contains(['\\', '`']) {
        bail!("grub.cfg cannot carry a backslash: {text}");
    }
    Ok(texts("parameter", text))
}

/// `roothash=` or `usrhash=`, and what goes with it.
pub(super) fn parameters(args: &EmitArgs, known: &Known) -> anyhow::Result<(String, Value)> {
    let device = SystemdDevice {
        root: known.root().as_bytes().to_vec(),
        data_device: args.boot.data_device.clone(),
        hash_device: args.boot.hash_device.clone(),
        options: systemd_options(args, known)?,
    };
    let mut line = SystemdCmdline::default();
    if args.format == EmitFormat::Usrhash {
        line.usr = Some(device);
    } else {
        line.root = Some(device);
    }
    line.check()?;
    Ok(texts("parameters", line.to_string()))
}

/// A line of veritytab.
pub(super) fn veritytab(args: &EmitArgs, known: &Known) -> anyhow::Result<(String, Value)> {
    let (data_device, hash_device) = devices(args, known.root().as_bytes())?;
    let mut options = systemd_options(args, known)?;
    for unit in &args.systemd.unit {
        match unit {
            UnitOption::Netdev => options.netdev = true,
            UnitOption::Noauto => options.noauto = Some(true),
            UnitOption::Nofail => options.nofail = Some(true),
            UnitOption::InitrdAttach => options.initrd_attach = true,
        }
    }
    let name = args.boot.name.clone().unwrap_or_else(|| "root".to_owned());
    let entry =
        VeritytabEntry { name, data_device, hash_device, root: known.root().as_bytes().to_vec(), options };
    entry.check()?;
    Ok(texts("line", entry.to_string()))
}

fn texts(key: &str, text: String) -> (String, Value) {
    let value = json!({ key: text });
    (text, value)
}

fn table(args: &EmitArgs, image: &Descriptor, created: bool) -> anyhow::Result<VerityTable> {
    let (data, hash) = devices(args, image.root.as_bytes())?;
    let mut table = VerityTable::new(&image.params, image.area, &image.root, &data, &hash)?;
    table.options = options(&args.behaviour, image)?;
    if let Some(kernel) = args.behaviour.kernel {
        kernel.check(&table.options, created)?;
    }
    // A line of its own, since whatever cannot be one is a mistake everywhere.
    let line = TableLine { range: None, table };
    line.check()?;
    Ok(line.table)
}

/// The devices' names at boot. They cannot be guessed; only Bottlerocket's partitions are the same on every machine.
fn devices(args: &EmitArgs, root: &[u8]) -> anyhow::Result<(String, String)> {
    let partition = |number| format!("PARTUUID=$boot_uuid/PARTNROFF={number}");
    match (&args.boot.data_device, &args.boot.hash_device) {
        (Some(data), Some(hash)) => Ok((data.clone(), hash.clone())),
        (None, None) if args.format == EmitFormat::Grub => Ok((partition(1), partition(2))),
        _ => {
            let hint = partition_uuids(root).map(|(data, hash)| {
                format!(
                    "; with partitions named by the root hash that is --data-device PARTUUID={data} --hash-device \
                     PARTUUID={hash}"
                )
            });
            bail!(
                "say --data-device and --hash-device, as they are called at boot{}",
                hint.unwrap_or_default()
            )
        }
    }
}

fn options(behaviour: &BehaviourArgs, image: &Descriptor) -> anyhow::Result<Options> {
    let mut options = Options::default();
    options.corruption = corruption(behaviour);
    options.io_error = match (behaviour.on_error, behaviour.kernel) {
        (Some(Action::Error), _) => None,
        (Some(action), Some(_)) => mode(action),
        (Some(_), None) => bail!(
            "--on-error needs Linux {}, and an older kernel refuses the whole table: say --kernel and the oldest version \
             that will boot this",
            KernelVersion::ERROR_MODES
        ),
        // Otherwise who can make reads fail gets around restarting.
        (None, Some(kernel)) if kernel >= KernelVersion::ERROR_MODES => {
            options.corruption.filter(|mode| *mode != ErrorMode::Ignore)
        }
        (None, _) => None,
    };
    options.ignore_zero_blocks = behaviour.ignore_zero_blocks;
    options.check_at_most_once = behaviour.danger_check_at_most_once;
    options.signature_key.clone_from(&behaviour.signature_key);
    options.fec = fec(behaviour, image)?;
    Ok(options)
}

fn corruption(behaviour: &BehaviourArgs) -> Option<ErrorMode> {
    if behaviour.danger_ignore_corruption {
        return Some(ErrorMode::Ignore);
    }
    mode(behaviour.on_corruption.unwrap_or(Action::Restart))
}

fn mode(action: Action) -> Option<ErrorMode> {
    match action {
        Action::Restart => Some(ErrorMode::Restart),
        Action::Panic => Some(ErrorMode::Panic),
        Action::Error => None,
    }
}

fn fec(behaviour: &BehaviourArgs, image: &Descriptor) -> anyhow::Result<Option<Fec>> {
    let (Some(device), Some(roots)) = (&behaviour.fec_device, behaviour.fec_roots) else { return Ok(None) };
    let block = u64::from(image.params.data_block_size.bytes());
    if image.params.data_block_size != image.params.hash_block_size {
        bail!("error correction needs data and hash blocks of one size");
    }
    let offset = behaviour.fec_offset.unwrap_or(0);
    if !offset.is_multiple_of(block) {
        bail!("--fec-offset {offset} is not a multiple of the block size {block}");
    }
    let layout = Layout::new(&image.params, image.area)?;
    let all = image.params.data_blocks.get() + layout.tree_blocks();
    let mut fec = Fec::default();
    (fec.device, fec.roots) = (device.clone(), roots);
    (fec.blocks, fec.start) = (behaviour.fec_blocks.unwrap_or(all), offset / block);
    Ok(Some(fec))
}

fn systemd_options(args: &EmitArgs, known: &Known) -> anyhow::Result<SystemdOptions> {
    let behaviour = &args.behaviour;
    let mut options = match known {
        Known::Image(image) => geometry(args, image)?,
        Known::Root(_) if args.systemd.pin_geometry => known.whole().map(|_| SystemdOptions::default())?,
        Known::Root(_) => SystemdOptions::default(),
    };
    options.corruption = corruption(behaviour);
    options.ignore_zero_blocks = behaviour.ignore_zero_blocks;
    options.check_at_most_once = behaviour.danger_check_at_most_once;
    options.fec_device.clone_from(&behaviour.fec_device);
    options.fec_roots = behaviour.fec_roots;
    options.fec_offset = behaviour.fec_offset;
    options.signature = args.systemd.signature_path.clone().map(RootHashSignature::Path);
    Ok(options)
}

/// What systemd must know besides the root hash: nothing, if a superblock is at the start and to be trusted.
fn geometry(args: &EmitArgs, image: &Descriptor) -> anyhow::Result<SystemdOptions> {
    let Descriptor { params, area, .. } = image;
    let mut options = SystemdOptions::default();
    if args.systemd.pin_geometry {
        options.superblock = Some(false);
        options.hash_type = Some(params.hash_type);
        options.algorithm = Some(params.algorithm.name().to_owned());
        options.data_block_size = Some(params.data_block_size);
        options.hash_block_size = Some(params.hash_block_size);
        options.data_blocks = Some(params.data_blocks.get());
        options.salt = Some(params.salt.clone());
        // Without a superblock the offset is that of the tree.
        options.hash_offset = Some(Layout::new(params, *area)?.start);
    } else if !area.has_superblock() {
        bail!(
            "there is no superblock, so that systemd must be told everything: say --pin-geometry (systemd 254 or newer)"
        );
    } else if *area != HashArea::with_superblock(0)? {
        options.hash_offset = Some(area.offset());
    }
    Ok(options)
}
