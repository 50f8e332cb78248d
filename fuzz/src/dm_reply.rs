//! What device-mapper answers.

use std::io;

use hardpan_sys::dm::{Channel, Control, DeviceMapper, Name, Show};

/// A kernel that answers every call but the first, for its version, with the same bytes.
struct Kernel<'a>(&'a [u8]);

impl Channel for Kernel<'_> {
    fn call(&mut self, number: u8, message: &mut [u8]) -> io::Result<()> {
        if number != 0 {
            let len = self.0.len().min(message.len());
            message[..len].copy_from_slice(&self.0[..len]);
        }
        Ok(())
    }
}

/// Whatever is read of a reply was within it: all that is found takes no more bytes than there were.
pub fn check(bytes: &[u8]) {
    let mut mapper = Control::over(Kernel(bytes)).expect("the version is that of the request");
    let name = Name::new("root").expect("it is a name");
    if let Ok(device) = mapper.device(&name) {
        // Bytes that are no UTF-8 become three each.
        assert!(device.name.len() < 3 * 128 && device.uuid.len() < 3 * 129);
    }
    let room = 16 << 10;
    if let Ok((_, targets)) = mapper.targets(&name, Show::Status) {
        assert!(targets.len() * 41 <= room && targets.iter().all(|target| target.kind.len() <= 3 * 15));
        assert!(targets.iter().map(|target| target.parameters.len()).sum::<usize>() <= 3 * room);
    }
    if let Ok(devices) = mapper.devices() {
        assert!(devices.len() * 13 <= room);
    }
    if let Ok(versions) = mapper.target_versions() {
        assert!(versions.len() * 17 <= room);
    }
}

/// Replies with a list of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let target = |next: u32, parameters: &[u8]| {
        let numbers =
            [&0_u64.to_ne_bytes()[..], &2048_u64.to_ne_bytes(), &0_u32.to_ne_bytes(), &next.to_ne_bytes()];
        [&numbers.concat(), &b"verity\0\0\0\0\0\0\0\0\0\0"[..], parameters].concat()
    };
    let targets = [target(48, b"V\0\0\0\0\0\0\0"), target(96, b"C 7\0\0\0\0\0")].concat();
    let device = |next: u32, name: &[u8]| [&0xfd01_u64.to_ne_bytes()[..], &next.to_ne_bytes(), name].concat();
    let devices = [device(24, b"root\0\0\0\0\0\0\0\0"), device(0, b"usr\0")].concat();
    let version = |next: u32, name: &[u8]| [&[next, 1, 9, 0].map(u32::to_ne_bytes).concat(), name].concat();
    let versions = [version(24, b"verity\0\0"), version(0, b"linear\0\0")].concat();
    vec![reply(2, &targets), reply(0, &devices), reply(0, &versions), reply(0, &[])]
}

/// `struct dm_ioctl` of linux/dm-ioctl.h: version, size of all, start of the data, targets, then name and UUID.
fn reply(targets: u32, data: &[u8]) -> Vec<u8> {
    let size = 312 + u32::try_from(data.len()).unwrap_or_default();
    let mut bytes = [4, 0, 0, size, 312, targets, 1, 0].map(u32::to_ne_bytes).concat();
    bytes.resize(312, 0);
    bytes[48..52].copy_from_slice(b"root");
    [&bytes, data].concat()
}
