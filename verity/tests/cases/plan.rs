//! Plans against what is made from the same parameters.

use std::num::NonZeroU64;
use std::sync::Mutex;

use crate::common::{Random, go_on, params};
use hardpan_verity::{
    Algorithm, Arrangement, BlockSize, GeometryError, HashType, Params, Plan, build, whole_mebibytes,
};

fn any(random: &mut Random) -> (Params, Arrangement) {
    let mut params = params(1 + random.next() as usize % 700, b"salt");
    params.algorithm = Algorithm::ALL[random.next() as usize % Algorithm::ALL.len()];
    params.hash_type = [HashType::V0, HashType::V1][random.next() as usize % 2];
    params.data_block_size = BlockSize::new(512 << (random.next() % 3)).unwrap();
    params.hash_block_size = BlockSize::new(512 << (random.next() % 4)).unwrap();
    let arrangement = Arrangement {
        appended: random.next().is_multiple_of(2),
        superblock: random.next().is_multiple_of(2),
        fec_roots: None,
    };
    (params, arrangement)
}

#[test]
fn a_plan_is_what_is_made() {
    let mut random = Random(300);
    for _ in 0..60 {
        let (params, arrangement) = any(&mut random);
        let plan = Plan::new(&params, arrangement).unwrap();
        let data = random.bytes(plan.data_size as usize);
        let sink = Mutex::new(if arrangement.appended { data.clone() } else { Vec::new() });
        build(&data, &params, &sink, plan.area, &go_on).unwrap();
        let made = sink.into_inner().unwrap().len() as u64;
        let name = format!("{params:?} {arrangement:?}");
        assert_eq!(made, plan.area.offset() + plan.hash_size, "{name}");
        assert_eq!(plan.total, if arrangement.appended { made } else { made + plan.data_size }, "{name}");
        assert_eq!(plan.layout.end, made, "{name}");
        assert_eq!(plan.data_size, params.data_blocks.get() * u64::from(params.data_block_size.bytes()));
    }
}

#[test]
fn the_largest_data_fits_and_one_more_block_does_not() {
    let mut random = Random(301);
    for round in 0..300 {
        let (mut params, mut arrangement) = any(&mut random);
        if round % 3 == 0 {
            params.hash_block_size = params.data_block_size;
            arrangement.fec_roots = Some(2 + random.next() as u32 % 23);
        }
        let total = 1_000_000 + random.next() % (1 << (20 + random.next() % 20));
        let plan = Plan::largest(total, &params, arrangement).unwrap();
        assert!(plan.total <= total);
        assert_eq!(Plan::new(&plan.params, arrangement).unwrap(), plan);
        let more = NonZeroU64::new(plan.params.data_blocks.get() + 1).unwrap();
        params.data_blocks = more;
        assert!(Plan::new(&params, arrangement).unwrap().total > total);
        // What takes all the room is found again.
        assert_eq!(Plan::largest(plan.total, &params, arrangement).unwrap(), plan);
    }
}

/// The parity of cryptsetup 2.6.1 over 1 GiB, as it was measured, and what its rule says of other sizes.
#[test]
fn parity_has_the_length_of_veritysetups() {
    let arrangement =
        |fec_roots| Arrangement { appended: false, superblock: true, fec_roots: Some(fec_roots) };
    for (data_blocks, roots, covered, size) in [
        (1, 2, 1, 8192),
        (253, 2, 256, 2 * 8192),
        (1024, 2, 1033, 40_960),
        (786_432, 2, 792_625, 25_665_536),
        (1024, 24, 1033, 5 * 24 * 4096),
    ] {
        let fec = Plan::new(&params(data_blocks, b""), arrangement(roots)).unwrap().fec.unwrap();
        assert_eq!((fec.covered_blocks, fec.size, fec.offset), (covered, size, 0), "{data_blocks} {roots}");
    }
    let mut appended = arrangement(2);
    appended.appended = true;
    let plan = Plan::new(&params(1024, b""), appended).unwrap();
    assert_eq!(plan.fec.unwrap().offset, plan.layout.end);
    assert_eq!(plan.total, plan.layout.end + 40_960);
}

/// Hard case 6: parity over blocks of two sizes is refused.
#[test]
fn what_cannot_be_is_refused() {
    let arrangement = |fec_roots| Arrangement { appended: true, superblock: true, fec_roots };
    for roots in [0, 1, 25, 255, u32::MAX] {
        let error = Plan::new(&params(1, b""), arrangement(Some(roots))).unwrap_err();
        assert_eq!(error, GeometryError::FecRoots { roots });
    }
    let mut unequal = params(1, b"");
    unequal.data_block_size = BlockSize::MIN;
    assert_eq!(
        Plan::new(&unequal, arrangement(Some(2))).unwrap_err(),
        GeometryError::FecBlockSizes { data: 512, hash: 4096 }
    );
    let error = Plan::largest(8191, &params(1, b""), arrangement(None)).unwrap_err();
    assert_eq!(error, GeometryError::TooSmall { total: 8191, needed: 8192 });
    assert_eq!(Plan::largest(8192, &params(1, b""), arrangement(None)).unwrap().params.data_blocks.get(), 1);

    let huge = (i64::MAX as u64 / 4096) as usize;
    assert!(Plan::new(&params(huge, b""), arrangement(None)).is_err());
    let mut apart = arrangement(Some(24));
    apart.appended = false;
    // Data and tree fit each, all of it does not.
    assert!(matches!(Plan::new(&params(huge, b""), apart), Err(GeometryError::TotalTooLarge { .. })));
    let all = Plan::largest(u64::MAX, &params(1, b""), arrangement(Some(2))).unwrap();
    assert!(i64::try_from(all.total).is_ok());
    assert_eq!((whole_mebibytes(1), whole_mebibytes(1 << 20)), (Some(1 << 20), Some(1 << 20)));
    assert_eq!(whole_mebibytes(u64::MAX), None);
}
