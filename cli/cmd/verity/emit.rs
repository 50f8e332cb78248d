//! `hardpan verity emit`.

mod boot;
mod fits;
mod image;
mod kernel;
mod partitions;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use hardpan_verity::dps::Architecture;
use serde_json::{Value, json};

use self::image::{ImageArgs, Known};
use self::kernel::KernelVersion;
use super::args::StrengthArgs;
use super::output::{print_json, print_line};
use crate::output::replace;

/// Write what boots an image: a device-mapper table, kernel parameters, a line of veritytab, or partitions
///
/// Take the image from the descriptor that `hardpan verity format --json` prints (--params), or from DATA, HASH and
/// ROOT_HASH. A corrupt block restarts the machine unless --on-corruption says otherwise.
///
/// dm-table: what `dmsetup create --readonly` reads. dm-mod-create: the kernel parameter with which the kernel makes the
/// device by itself. grub: the same for a line of grub.cfg, with partitions named as Bottlerocket names them unless you
/// say how. roothash, usrhash: the parameters for systemd in the initrd. veritytab: a line for /etc/veritytab. dps: types
/// and UUIDs of the partitions by the Discoverable Partitions Specification. dps-signature: the partition that holds root
/// hash and signature.
///
/// Exit codes: 0 written, 2 it cannot be.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan verity format root.img root.hash --json > root.json
  hardpan verity emit --format roothash --params root.json >> cmdline
  hardpan verity emit --format dm-mod-create --params root.json --data-device /dev/vda2 --hash-device /dev/vda3
  hardpan verity emit --format veritytab --params root.json --name usr --data-device PARTUUID=… --hash-device PARTUUID=…
  hardpan verity emit --format dps --params root.json --architecture arm64
  hardpan verity emit --format dps-signature --params root.json --signature root.p7s --certificate cert.pem -o sig.part")]
pub(crate) struct EmitArgs {
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    format: EmitFormat,
    #[command(flatten)]
    image: ImageArgs,
    #[command(flatten)]
    boot: BootArgs,
    #[command(flatten)]
    behaviour: BehaviourArgs,
    #[command(flatten)]
    systemd: SystemdArgs,
    #[command(flatten)]
    partitions: PartitionArgs,
    #[command(flatten)]
    strength: StrengthArgs,
    /// Write to this file, which is replaced in one step [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print JSON
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EmitFormat {
    /// A line of a device-mapper table
    DmTable,
    /// The kernel parameter dm-mod.create=
    DmModCreate,
    /// The same for grub.cfg
    Grub,
    /// The kernel parameter roothash= and those that go with it
    Roothash,
    /// The kernel parameter usrhash= and those that go with it
    Usrhash,
    /// A line of /etc/veritytab
    Veritytab,
    /// Types and UUIDs of the partitions
    Dps,
    /// The contents of the signature partition
    DpsSignature,
}

/// What the devices are called at boot.
#[derive(Args)]
#[command(next_help_heading = "Devices")]
struct BootArgs {
    /// The data device as it is called at boot: a path, PARTUUID=…, or what else the reader takes
    #[arg(long, value_name = "DEVICE")]
    data_device: Option<String>,
    /// The hash device as it is called at boot
    #[arg(long, value_name = "DEVICE")]
    hash_device: Option<String>,
    /// The name of the mapped device (dm-mod-create, grub, veritytab) [default: root]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// What the kernel does.
#[derive(Args)]
#[command(next_help_heading = "Behaviour")]
struct BehaviourArgs {
    /// What happens when a corrupt block is read [default: restart]
    #[arg(long, value_name = "ACTION")]
    on_corruption: Option<Action>,
    /// What happens when a block cannot be read, which Linux tells since 6.12 [default: the same as on corruption if
    /// --kernel is that new, otherwise error]
    #[arg(long, value_name = "ACTION")]
    on_error: Option<Action>,
    /// The oldest kernel that will boot this, as in 6.12: options that it does not know are refused, and safer ones that it
    /// has are added
    #[arg(long, value_name = "VERSION")]
    kernel: Option<KernelVersion>,
    /// Return zeros for blocks that should be zero, without reading them
    #[arg(long)]
    ignore_zero_blocks: bool,
    /// Log corrupt blocks and return them all the same
    #[arg(long, conflicts_with = "on_corruption")]
    danger_ignore_corruption: bool,
    /// Verify each block only when it is read for the first time: what changes later is not noticed
    #[arg(long)]
    danger_check_at_most_once: bool,
    /// The device with the parity, for error correction
    #[arg(long, value_name = "DEVICE", requires = "fec_roots")]
    fec_device: Option<String>,
    /// The number of parity bytes, 2 to 24
    #[arg(long, value_name = "N", requires = "fec_device", value_parser = clap::value_parser!(u32).range(2..=24))]
    fec_roots: Option<u32>,
    /// Where the parity starts, in bytes [default: 0]
    #[arg(long, value_name = "BYTES", requires = "fec_device")]
    fec_offset: Option<u64>,
    /// The number of blocks that the parity covers [default: those of data and tree]
    #[arg(long, value_name = "N", requires = "fec_device")]
    fec_blocks: Option<u64>,
    /// The description of the key in the user's keyring that holds the signature (dm-table)
    #[arg(long, value_name = "DESCRIPTION")]
    signature_key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// The machine restarts
    Restart,
    /// The kernel panics
    Panic,
    /// The read fails
    Error,
}

/// What systemd is told besides.
#[derive(Args)]
#[command(next_help_heading = "For systemd")]
struct SystemdArgs {
    /// Say everything that decides the tree, so that nothing is taken from the superblock, which nothing authenticates;
    /// needs systemd 254
    #[arg(long)]
    pin_geometry: bool,
    /// The absolute path of the signature at boot
    #[arg(long, value_name = "PATH")]
    signature_path: Option<String>,
    /// An option for the unit in veritytab; may be repeated
    #[arg(long, value_name = "OPTION")]
    unit: Vec<UnitOption>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum UnitOption {
    /// The device needs the network
    #[value(name = "_netdev")]
    Netdev,
    /// The device is not set up at boot unless something needs it
    Noauto,
    /// Boot goes on without the device
    Nofail,
    /// The device is set up in the initrd
    #[value(name = "x-initrd.attach")]
    InitrdAttach,
}

/// What is said of partitions.
#[derive(Args)]
#[command(next_help_heading = "Partitions")]
struct PartitionArgs {
    /// The architecture, as systemd-repart calls it: x86-64, arm64, riscv64 … [default: this machine's]
    #[arg(long, value_name = "NAME")]
    architecture: Option<Architecture>,
    /// The file system is mounted at /usr, not at /
    #[arg(long)]
    usr: bool,
    /// The signature: PKCS#7 in DER over the root hash in hexadecimal digits
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// The certificate in PEM that belongs to the signature's key, whose fingerprint is stored
    #[arg(long, value_name = "FILE", requires = "signature")]
    certificate: Option<PathBuf>,
    /// The size of the signature partition, a multiple of 4096 [default: the least]
    #[arg(long, value_name = "BYTES", requires = "signature")]
    partition_size: Option<usize>,
}

pub(super) fn run(args: &EmitArgs) -> anyhow::Result<u8> {
    fits::check(args)?;
    let known = args.image.read()?;
    if let Known::Image(image) = &known {
        args.strength.check(image.params.algorithm)?;
    }
    if args.format == EmitFormat::DpsSignature {
        return signature(args, &known);
    }
    let (text, value) = match args.format {
        EmitFormat::Dps => partitions::list(&args.partitions, known.root().as_bytes())?,
        EmitFormat::DmTable => boot::table_line(args, known.whole()?)?,
        EmitFormat::DmModCreate | EmitFormat::Grub => boot::created(args, known.whole()?)?,
        EmitFormat::Roothash | EmitFormat::Usrhash => boot::parameters(args, &known)?,
        EmitFormat::Veritytab | EmitFormat::DpsSignature => boot::veritytab(args, &known)?,
    };
    warn(&args.behaviour)?;
    match &args.output {
        Some(path) => replace(path, format!("{text}\n").as_bytes())?,
        None if args.json => print_json(&to_json(args, &known, value))?,
        None => print_line(&text)?,
    }
    Ok(0)
}

fn to_json(args: &EmitArgs, known: &Known, value: Value) -> Value {
    let mut json = json!({ "format": fits::name(args.format), "root_hash": known.root().to_string() });
    if let (Value::Object(json), Value::Object(more)) = (&mut json, value) {
        json.extend(more);
    }
    json
}

/// The partition is bytes, which are no sight on a terminal.
fn signature(args: &EmitArgs, known: &Known) -> anyhow::Result<u8> {
    let bytes = partitions::signature(&args.partitions, known.root().as_bytes())?;
    match &args.output {
        Some(path) => replace(path, &bytes)?,
        None if args.json => {
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            let object: Value = serde_json::from_slice(text)?;
            print_json(&to_json(args, known, json!({ "size": bytes.len(), "content": object })))?;
        }
        None => bail!("the partition's contents go to a file: say --output FILE, or --json to look at them"),
    }
    Ok(0)
}

fn warn(behaviour: &BehaviourArgs) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    if behaviour.danger_ignore_corruption {
        writeln!(
            stderr,
            "warning: ignore_corruption: the device will return corrupt blocks as if they were good"
        )?;
    }
    if behaviour.danger_check_at_most_once {
        writeln!(
            stderr,
            "warning: check_at_most_once: what changes after a block's first reading is not noticed"
        )?;
    }
    Ok(())
}
