//! Memory of the card: blocks of the host's, and a table of them that every access is looked up in.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::fmt;

/// Generic addresses from here on are of shared memory. No address of the host is as high.
pub(crate) const SHARED_WINDOW: u64 = 1 << 60;
/// The same of local memory.
pub(crate) const LOCAL_WINDOW: u64 = 2 << 60;
/// The same of the parameters of a kernel.
pub(crate) const PARAMETER_WINDOW: u64 = 3 << 60;
/// How much each window spans.
pub(crate) const WINDOW_BYTES: u64 = 1 << 32;

/// What device allocations are aligned to, as those of a card are.
pub(crate) const ALLOCATION_ALIGNMENT: usize = 512;

/// Unused bytes behind a block, so that what goes past its end does not reach the next.
const GAP: usize = 256 << 10;

/// What fresh memory is filled with: NaN in every floating-point type.
pub(crate) const FRESH: u8 = 0xff;

/// Memory of the host that an address of the card names. Kernels read and write it through its address, so that it is shared
/// between threads without a lock, as memory of a card is.
pub(crate) struct HostBlock {
    pointer: *mut u8,
    layout: Layout,
    size: usize,
}

// SAFETY: a block is no more than an address and a size, and no reference to its bytes is given out, so that it may go to another thread.
unsafe impl Send for HostBlock {}
// SAFETY: as of `Send`, except where a kernel has a data race, which this does not rule out. Blocks of a grid run on several threads, and
// their loads and stores are plain ones of the host, also beside its atomic operations, which are as sound as the kernel is free of races: a
// race of the kernel is one of this program, which Rust leaves undefined. That is accepted, since atomic loads and stores of every element
// would keep loops over lanes from becoming vector instructions, and this is a tool for tests, which runs kernels of its own user. In
// practice the compiler knows nothing of the addresses, and every instruction is a load or store of the processor of its own; what a race
// gives is an old or a new value, or parts of both, as on a card.
unsafe impl Sync for HostBlock {}

impl HostBlock {
    fn layout(size: usize, alignment: usize) -> Option<Layout> {
        Layout::from_size_align(size.checked_add(GAP)?, alignment.max(16)).ok()
    }

    /// A block of zeros, which take no memory until they are touched.
    pub(crate) fn zeroed(size: usize, alignment: usize) -> Option<Self> {
        let layout = Self::layout(size, alignment)?;
        // SAFETY: the layout is not of size zero.
        let pointer = unsafe { alloc_zeroed(layout) };
        (!pointer.is_null()).then_some(Self { pointer, layout, size })
    }

    /// A block of what is no number.
    pub(crate) fn fresh(size: usize, alignment: usize) -> Option<Self> {
        let layout = Self::layout(size, alignment)?;
        // SAFETY: the layout is not of size zero.
        let pointer = unsafe { alloc(layout) };
        if pointer.is_null() {
            return None;
        }
        // SAFETY: the block has at least `size` bytes.
        unsafe { pointer.write_bytes(FRESH, size) };
        Some(Self { pointer, layout, size })
    }

    pub(crate) fn address(&self) -> u64 {
        self.pointer.expose_provenance() as u64
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Copies bytes into the block, which must have room for them.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.size), "a write past a block");
        // SAFETY: the range is inside the block, and `bytes` is a slice of other memory: no reference to a block's bytes is given out.
        unsafe { self.pointer.add(offset).copy_from(bytes.as_ptr(), bytes.len()) };
    }

    /// Copies bytes out of the block, which must have as many.
    pub(crate) fn read(&self, offset: usize, bytes: &mut [u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.size), "a read past a block");
        // SAFETY: as in `write`.
        unsafe { self.pointer.add(offset).copy_to(bytes.as_mut_ptr(), bytes.len()) };
    }

    /// Copies bytes of another block, or of this one.
    pub(crate) fn copy_from(&self, offset: usize, source: &Self, source_offset: usize, size: usize) {
        let fits =
            |block: &Self, offset: usize| offset.checked_add(size).is_some_and(|end| end <= block.size);
        assert!(fits(self, offset) && fits(source, source_offset), "a copy past a block");
        // SAFETY: both ranges are inside their blocks; they may overlap.
        unsafe { self.pointer.add(offset).copy_from(source.pointer.add(source_offset), size) };
    }

    /// Gives every byte the same value.
    pub(crate) fn fill(&self, value: u8) {
        // SAFETY: the block has `size` bytes.
        unsafe { self.pointer.write_bytes(value, self.size) };
    }
}

impl Drop for HostBlock {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with this layout and is given back once.
        unsafe { dealloc(self.pointer, self.layout) };
    }
}

impl fmt::Debug for HostBlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HostBlock({:#x}, {} bytes)", self.address(), self.size)
    }
}

/// From an address up to, not with, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Range {
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };

    #[inline(always)]
    pub(crate) fn holds(self, first: u64, last_end: u64) -> bool {
        first >= self.start && last_end <= self.end
    }
}

/// The live allocations, by address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranges(Vec<Range>);

impl Ranges {
    pub(crate) fn insert(&mut self, range: Range) {
        let index = self.0.partition_point(|other| other.start < range.start);
        self.0.insert(index, range);
    }

    pub(crate) fn remove(&mut self, start: u64) {
        self.0.retain(|range| range.start != start);
    }

    /// The allocation that an access lies in.
    pub(crate) fn find(&self, address: u64, size: u64) -> Option<Range> {
        let index = self.0.partition_point(|range| range.start <= address).checked_sub(1)?;
        let range = self.0[index];
        range.holds(address, address.checked_add(size)?).then_some(range)
    }

    /// What is nearest to an address that lies in none, in words.
    pub(crate) fn describe_nearest(&self, address: u64) -> String {
        let distance = |range: &Range| match address {
            _ if address < range.start => range.start - address,
            _ => address.saturating_sub(range.end),
        };
        let Some(range) = self.0.iter().min_by_key(|range| distance(range)) else {
            return "there are no allocations".to_owned();
        };
        let size = range.end - range.start;
        if address < range.start {
            let before = range.start - address;
            return format!(
                "{before} bytes before the nearest allocation ({:#x}, {size} bytes)",
                range.start
            );
        }
        let inside = address - range.start;
        format!("at byte {inside} of the nearest allocation ({:#x}, {size} bytes)", range.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_lies_in_one_allocation_or_in_none() {
        let mut ranges = Ranges::default();
        ranges.insert(Range { start: 200, end: 300 });
        ranges.insert(Range { start: 100, end: 150 });
        assert_eq!(ranges.find(100, 50), Some(Range { start: 100, end: 150 }));
        assert_eq!(ranges.find(100, 51), None);
        assert_eq!(ranges.find(99, 1), None);
        assert_eq!(ranges.find(299, 1), Some(Range { start: 200, end: 300 }));
        assert_eq!(ranges.find(u64::MAX, 4), None);
        assert!(ranges.describe_nearest(310).starts_with("at byte 110 of the nearest"));
        assert!(ranges.describe_nearest(190).starts_with("10 bytes before"));
        ranges.remove(200);
        assert_eq!(ranges.find(250, 1), None);
    }

    #[test]
    fn fresh_memory_is_no_number() {
        let block = HostBlock::fresh(8, 512).unwrap();
        let mut bytes = [0; 8];
        block.read(0, &mut bytes);
        assert!(f64::from_le_bytes(bytes).is_nan());
        assert_eq!(block.address() % 512, 0);
    }

    #[test]
    #[should_panic(expected = "a write past a block")]
    fn a_write_past_the_end_is_refused() {
        HostBlock::zeroed(8, 8).unwrap().write(7, &[0; 2]);
    }
}
