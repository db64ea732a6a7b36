//! Loads and stores, each checked.

use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use super::{Problem, Result};
use crate::fault::FaultKind;
use crate::instruction::{Address, Base, NO_ROW, Row, Width};
use crate::memory::{LOCAL_WINDOW, PARAMETER_WINDOW, SHARED_WINDOW, WINDOW_BYTES};
use crate::registers::{ALL, Element, LANES, Longs, Mask, RegisterFile, Words, by_lane, lanes, write};
use crate::types::{ScalarType, Space};
use crate::warp::{Surroundings, Warp};

/// Where in the host's memory each lane's access goes. That of a lane which takes no part is that of another which does.
pub(super) type Pointers = [u64; LANES];

/// What an access does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
    Both,
}

/// The addresses of all lanes, before they are checked.
#[inline(always)]
fn effective(file: &RegisterFile, address: &Address) -> Pointers {
    let offset = address.offset.cast_unsigned();
    match address.base {
        Base::None => [offset; LANES],
        Base::Long(row) => {
            let Longs(base) = &file.longs[row as usize];
            by_lane(|lane| base[lane].wrapping_add(offset))
        }
        Base::Word(row) => {
            let Words(base) = &file.words[row as usize];
            by_lane(|lane| u64::from(base[lane]).wrapping_add(offset))
        }
    }
}

/// The addresses of the lanes in `mask`, and of the first of them for those that are not: what these have in their registers means nothing.
#[inline(always)]
fn of_active(mut addresses: Pointers, mask: Mask) -> Pointers {
    if mask != ALL {
        let first = addresses[mask.trailing_zeros() as usize & (LANES - 1)];
        for (lane, address) in addresses.iter_mut().enumerate() {
            *address = if mask >> lane & 1 != 0 { *address } else { first };
        }
    }
    addresses
}

/// Checks an access of `size` bytes and finds the host's memory of it.
#[inline(always)]
pub(super) fn resolve(
    warp: &mut Warp,
    around: &Surroundings,
    address: &Address,
    size: u64,
    mask: Mask,
    direction: Direction,
) -> Result<Pointers> {
    let addresses = of_active(effective(&warp.file, address), mask);
    resolve_addresses(warp, around, address.space, addresses, size, mask, direction)
}

/// The same of an access that is elsewhere for each lane.
pub(super) fn resolve_with(
    warp: &mut Warp,
    around: &Surroundings,
    address: &Address,
    offsets: &Pointers,
    size: u64,
    mask: Mask,
    direction: Direction,
) -> Result<Pointers> {
    let mut addresses = effective(&warp.file, address);
    for (address, offset) in addresses.iter_mut().zip(offsets) {
        *address = address.wrapping_add(*offset);
    }
    resolve_addresses(warp, around, address.space, of_active(addresses, mask), size, mask, direction)
}

#[inline(always)]
fn resolve_addresses(
    warp: &mut Warp,
    around: &Surroundings,
    space: Space,
    addresses: Pointers,
    size: u64,
    mask: Mask,
    direction: Direction,
) -> Result<Pointers> {
    let mut bits = 0;
    for address in addresses {
        bits |= address;
    }
    if bits & (size - 1) != 0 {
        return Err(misaligned(&addresses, size));
    }
    match space {
        Space::Global | Space::Constant => global(warp, around, addresses, size, mask, direction),
        Space::Shared => shared(around, addresses, size),
        Space::Generic if addresses.iter().all(|&address| address < SHARED_WINDOW) => {
            global(warp, around, addresses, size, mask, direction)
        }
        Space::Generic => generic(warp, around, &addresses, size, direction),
        Space::Local => {
            let mut pointers = addresses;
            for (lane, pointer) in pointers.iter_mut().enumerate() {
                *pointer = local(warp, around, lane, *pointer, size)?;
            }
            Ok(pointers)
        }
        Space::Parameter => {
            let mut pointers = addresses;
            for (lane, pointer) in pointers.iter_mut().enumerate() {
                *pointer = parameter(around, lane, *pointer, size, direction)?;
            }
            Ok(pointers)
        }
    }
}

#[cold]
fn misaligned(addresses: &Pointers, size: u64) -> Problem {
    let lane = addresses.iter().position(|address| address & (size - 1) != 0).unwrap_or(0);
    let detail = format!("{size} bytes at {:#x}", addresses[lane]);
    Problem { kind: FaultKind::MisalignedAddress, lane, detail }
}

#[cold]
fn illegal(lane: usize, detail: String) -> Problem {
    Problem { kind: FaultKind::IllegalAddress, lane, detail }
}

#[inline(always)]
fn global(
    warp: &mut Warp,
    around: &Surroundings,
    addresses: Pointers,
    size: u64,
    mask: Mask,
    direction: Direction,
) -> Result<Pointers> {
    let bytes = size * u64::from(mask.count_ones());
    match direction {
        Direction::Read => warp.counters.bytes_read += bytes,
        Direction::Write => warp.counters.bytes_written += bytes,
        Direction::Both => {
            warp.counters.bytes_read += bytes;
            warp.counters.bytes_written += bytes;
        }
    }
    let (mut least, mut most) = (addresses[0], addresses[LANES - 1]);
    if !are_in_a_row(&addresses, size) || most < least {
        for address in addresses {
            least = least.min(address);
            most = most.max(address);
        }
    }
    let end = most.saturating_add(size);
    // All in one of the allocations that were used last, or else each looked up.
    if !warp.recent.iter().any(|range| range.holds(least, end)) {
        look_up(warp, around, &addresses, size, direction)?;
    }
    Ok(addresses)
}

/// Whether each lane's access begins where that of the lane before it ends.
#[inline(always)]
fn are_in_a_row(addresses: &Pointers, size: u64) -> bool {
    let mut differences = 0;
    for (lane, address) in addresses.iter().enumerate() {
        differences |= address ^ addresses[0].wrapping_add(lane as u64 * size);
    }
    differences == 0
}

#[cold]
fn look_up(
    warp: &mut Warp,
    around: &Surroundings,
    addresses: &Pointers,
    size: u64,
    direction: Direction,
) -> Result<()> {
    let mut found = None;
    for (lane, &address) in addresses.iter().enumerate() {
        found = around.ranges.find(address, size);
        if found.is_none() {
            let verb = if direction == Direction::Read { "read" } else { "write" };
            let nearest = around.ranges.describe_nearest(address);
            return Err(illegal(lane, format!("{verb} of {size} bytes at {address:#x}, {nearest}")));
        }
    }
    if let Some(range) = found {
        warp.recent.rotate_right(1);
        warp.recent[0] = range;
    }
    Ok(())
}

#[inline(always)]
fn shared(around: &Surroundings, addresses: Pointers, size: u64) -> Result<Pointers> {
    let mut most = 0;
    for address in addresses {
        most = most.max(address);
    }
    if most.saturating_add(size) > around.shared_bytes as u64 {
        return Err(outside_shared(around, &addresses, size));
    }
    Ok(by_lane(|lane| addresses[lane] + around.shared_address))
}

#[cold]
fn outside_shared(around: &Surroundings, addresses: &Pointers, size: u64) -> Problem {
    let bytes = around.shared_bytes;
    let is_outside = |address: &u64| address.saturating_add(size) > bytes as u64;
    let lane = addresses.iter().position(is_outside).unwrap_or(0);
    illegal(lane, format!("{size} bytes at {} of the {bytes} bytes of shared memory", addresses[lane]))
}

fn local(warp: &Warp, around: &Surroundings, lane: usize, address: u64, size: u64) -> Result<u64> {
    let bytes = around.kernel.local_bytes as u64;
    if address.saturating_add(size) > bytes {
        return Err(illegal(lane, format!("{size} bytes at {address} of the {bytes} bytes of local memory")));
    }
    Ok(warp.local_address() + lane as u64 * bytes + address)
}

fn parameter(
    around: &Surroundings,
    lane: usize,
    address: u64,
    size: u64,
    direction: Direction,
) -> Result<u64> {
    let bytes = around.parameters.len() as u64;
    if address.saturating_add(size) > bytes || direction != Direction::Read {
        return Err(illegal(lane, format!("{size} bytes at {address} of the {bytes} bytes of parameters")));
    }
    Ok(around.parameters.as_ptr().expose_provenance() as u64 + address)
}

/// Addresses of which some lie in windows.
fn generic(
    warp: &mut Warp,
    around: &Surroundings,
    addresses: &Pointers,
    size: u64,
    direction: Direction,
) -> Result<Pointers> {
    let mut pointers = *addresses;
    for (lane, pointer) in pointers.iter_mut().enumerate() {
        let address = *pointer;
        *pointer = match address & !(WINDOW_BYTES - 1) {
            SHARED_WINDOW => shared(around, [address - SHARED_WINDOW; LANES], size)
                .map_err(|problem| Problem { lane, ..problem })?[lane],
            LOCAL_WINDOW => local(warp, around, lane, address - LOCAL_WINDOW, size)?,
            PARAMETER_WINDOW => parameter(around, lane, address - PARAMETER_WINDOW, size, direction)?,
            _ => {
                look_up(warp, around, &[address; LANES], size, direction)
                    .map_err(|problem| Problem { lane, ..problem })?;
                address
            }
        };
    }
    Ok(pointers)
}

pub(super) fn is_in_space(file: &RegisterFile, space: Space, row: Row) -> Mask {
    let window = match space {
        Space::Shared => SHARED_WINDOW,
        Space::Local => LOCAL_WINDOW,
        Space::Parameter => PARAMETER_WINDOW,
        _ => 0,
    };
    let mut result: Mask = 0;
    for (lane, address) in u64::row(file, row).iter().enumerate() {
        let is_inside = match window {
            0 => *address < SHARED_WINDOW,
            _ => address & !(WINDOW_BYTES - 1) == window,
        };
        result |= u32::from(is_inside) << lane;
    }
    result
}

/// Reads a value.
///
/// # Safety
///
/// `pointer` must be an address that `resolve` gave for an access of at least the size of `T`, or one inside of that access.
#[inline(always)]
pub(super) unsafe fn read<T: Copy>(pointer: u64) -> T {
    // SAFETY: the memory is there, by the caller's word; whatever its bytes are is a value of the plain types that this is called with. A
    // race of the kernel is taken over as it is: see `HostBlock`.
    unsafe { with_exposed_provenance::<T>(pointer as usize).read_unaligned() }
}

/// Writes a value.
///
/// # Safety
///
/// As of `read`, of an access that writes.
#[inline(always)]
pub(super) unsafe fn put<T: Copy>(pointer: u64, value: T) {
    // SAFETY: the memory is there, by the caller's word. A race of the kernel is taken over as it is: see `HostBlock`.
    unsafe { with_exposed_provenance_mut::<T>(pointer as usize).write_unaligned(value) }
}

#[inline(always)]
fn gather<T: Copy + Default>(pointers: &Pointers, offset: u64) -> [T; LANES] {
    by_lane(|lane| {
        // SAFETY: the pointers are of an access that was resolved, whose element this is.
        unsafe { read::<T>(pointers[lane] + offset) }
    })
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the fields of the instruction")]
pub(super) fn load(
    warp: &mut Warp,
    around: &Surroundings,
    ty: ScalarType,
    width: Width,
    count: u8,
    address: &Address,
    targets: &[Row; 4],
    mask: Mask,
) -> Result<()> {
    let size = ty.size() as u64;
    let pointers = resolve(warp, around, address, size * u64::from(count), mask, Direction::Read)?;
    let in_a_row = are_in_a_row(&pointers, size * u64::from(count));
    for (index, &target) in targets[..usize::from(count)].iter().enumerate() {
        if target == NO_ROW {
            continue;
        }
        let offset = index as u64 * size;
        match (size, ty.is_signed(), width) {
            (4, _, Width::Word | Width::Half) => {
                let values = match (in_a_row, count) {
                    (true, 1) => gather_row::<1>(&pointers, offset),
                    (true, 2) => gather_row::<2>(&pointers, offset),
                    (true, 4) => gather_row::<4>(&pointers, offset),
                    _ => gather::<u32>(&pointers, offset),
                };
                write::<u32>(&mut warp.file, target, &values, mask);
            }
            (8, _, _) => write::<u64>(&mut warp.file, target, &gather::<u64>(&pointers, offset), mask),
            (2, false, Width::Half | Width::Word) => {
                let halves = gather::<u16>(&pointers, offset);
                let values = by_lane(|lane| u32::from(halves[lane]));
                write::<u32>(&mut warp.file, target, &values, mask);
            }
            _ => {
                let values: [i64; LANES] = match (size, ty.is_signed()) {
                    (1, false) => gather::<u8>(&pointers, offset).map(i64::from),
                    (1, true) => gather::<i8>(&pointers, offset).map(i64::from),
                    (2, false) => gather::<u16>(&pointers, offset).map(i64::from),
                    (2, true) => gather::<i16>(&pointers, offset).map(i64::from),
                    (_, false) => gather::<u32>(&pointers, offset).map(i64::from),
                    (_, true) => gather::<i32>(&pointers, offset).map(i64::from),
                };
                match width {
                    Width::Long => {
                        write::<u64>(&mut warp.file, target, &values.map(i64::cast_unsigned), mask);
                    }
                    Width::Word => {
                        write::<u32>(&mut warp.file, target, &values.map(|value| value as u32), mask)
                    }
                    Width::Half => {
                        let values = values.map(|value| u32::from(value as u16));
                        write::<u32>(&mut warp.file, target, &values, mask);
                    }
                }
            }
        }
    }
    Ok(())
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the fields of the instruction")]
pub(super) fn store(
    warp: &mut Warp,
    around: &Surroundings,
    size: u8,
    is_long: bool,
    count: u8,
    address: &Address,
    sources: &[Row; 4],
    mask: Mask,
) -> Result<()> {
    let size = u64::from(size);
    let pointers = resolve(warp, around, address, size * u64::from(count), mask, Direction::Write)?;
    let in_a_row = mask == ALL && are_in_a_row(&pointers, size * u64::from(count));
    for (index, &source) in sources[..usize::from(count)].iter().enumerate() {
        let offset = index as u64 * size;
        if is_long {
            let Longs(values) = &warp.file.longs[source as usize];
            match size {
                8 => scatter(&pointers, offset, mask, |lane| values[lane]),
                4 => scatter(&pointers, offset, mask, |lane| values[lane] as u32),
                2 => scatter(&pointers, offset, mask, |lane| values[lane] as u16),
                _ => scatter(&pointers, offset, mask, |lane| values[lane] as u8),
            }
        } else {
            let Words(values) = &warp.file.words[source as usize];
            match (size, in_a_row, count) {
                (4, true, 1) => scatter_row::<1>(&pointers, offset, values),
                (4, true, 2) => scatter_row::<2>(&pointers, offset, values),
                (4, true, 4) => scatter_row::<4>(&pointers, offset, values),
                (4, ..) => scatter(&pointers, offset, mask, |lane| values[lane]),
                (2, ..) => scatter(&pointers, offset, mask, |lane| values[lane] as u16),
                _ => scatter(&pointers, offset, mask, |lane| values[lane] as u8),
            }
        }
    }
    Ok(())
}

/// The same of words that are as many words apart, which takes one address.
#[inline(always)]
fn gather_row<const STRIDE: u64>(pointers: &Pointers, offset: u64) -> [u32; LANES] {
    let first = pointers[0] + offset;
    by_lane(|lane| {
        // SAFETY: the pointers are of an access that was resolved, whose element this is, each as far from the one before it.
        unsafe { read::<u32>(first + 4 * STRIDE * lane as u64) }
    })
}

/// The same to write.
#[inline(always)]
fn scatter_row<const STRIDE: u64>(pointers: &Pointers, offset: u64, values: &[u32; LANES]) {
    let first = pointers[0] + offset;
    for (lane, &value) in values.iter().enumerate() {
        // SAFETY: as in `gather_row`, of an access for writing.
        unsafe { put(first + 4 * STRIDE * lane as u64, value) };
    }
}

#[inline(always)]
fn scatter<T: Copy>(pointers: &Pointers, offset: u64, mask: Mask, value: impl Fn(usize) -> T) {
    let store = |lane: usize| {
        // SAFETY: the pointers are of an access for writing that was resolved, whose element this is.
        unsafe { put(pointers[lane] + offset, value(lane)) }
    };
    if mask == ALL {
        for lane in 0..LANES {
            store(lane);
        }
    } else {
        for lane in lanes(mask) {
            store(lane);
        }
    }
}

/// From global to shared memory, without a register.
pub(super) fn copy(
    warp: &mut Warp,
    around: &Surroundings,
    size: u64,
    to: &Address,
    from: &Address,
    source_size: Row,
    mask: Mask,
) -> Result<()> {
    let sizes = *u32::row(&warp.file, source_size);
    let targets = resolve(warp, around, to, size, mask, Direction::Write)?;
    // A lane that reads nothing may have any address.
    let reading = lanes(mask).filter(|&lane| sizes[lane] != 0).fold(0, |reading, lane| reading | 1 << lane);
    let sources = match reading {
        0 => targets,
        _ => resolve(warp, around, from, size, reading, Direction::Read)?,
    };
    for lane in lanes(mask) {
        for byte in 0..size {
            let is_read = byte < u64::from(sizes[lane]);
            // SAFETY: both are of accesses that were resolved, of `size` bytes each; what is read has a size above zero.
            unsafe {
                let value: u8 = if is_read { read(sources[lane] + byte) } else { 0 };
                put(targets[lane] + byte, value);
            }
        }
    }
    Ok(())
}
