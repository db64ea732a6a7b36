//! Decoded images that are kept, up to a number of bytes.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::DataError;

/// Keeps the first images that it is given, until it is full, and never lets go of one.
///
/// Reading takes no lock. Which images are kept depends on who comes first, what an image looks like does not.
pub(crate) struct PixelCache {
    /// One slot per image; no slots where not even one image fits.
    images: Vec<OnceLock<Box<[u8]>>>,
    image_len: usize,
    limit: u64,
    used: AtomicU64,
}

/// Room for one image, which is given back if the image could not be decoded.
pub(super) struct Room<'a> {
    cache: &'a PixelCache,
    taken: bool,
}

impl PixelCache {
    /// Room for `limit` bytes of the `count` images of `image_bytes` each.
    pub(crate) fn new(count: usize, image_bytes: usize, limit: u64) -> Self {
        let places = if limit < image_bytes as u64 { 0 } else { count };
        let images = (0..places).map(|_| OnceLock::new()).collect();
        Self { images, image_len: image_bytes, limit, used: AtomicU64::new(0) }
    }

    /// Room for `count` images of `image_bytes` each in `limit` bytes, with the slots of all of them; for so many that it counts.
    pub(crate) fn within(count: usize, image_bytes: usize, limit: u64) -> Self {
        let slots = (count as u64).saturating_mul(size_of::<OnceLock<Box<[u8]>>>() as u64);
        Self::new(count, image_bytes, limit.saturating_sub(slots))
    }

    /// The image at `index`, if it is kept.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        self.images.get(index)?.get().map(|pixels| &**pixels)
    }

    /// Room for one more image, if there is any.
    pub(super) fn room(&self) -> Option<Room<'_>> {
        let more = |used: u64| used.checked_add(self.image_len as u64).filter(|&used| used <= self.limit);
        let admitted = !self.images.is_empty()
            && self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        // Not `then_some`: room that was not admitted must not be made, as it would be given back.
        admitted.then(|| Room { cache: self, taken: false })
    }

    /// The image at `index`: kept, or made now and kept if there is room, or else made in `buffer`.
    pub(crate) fn get_or_make<'a>(
        &'a self,
        index: usize,
        buffer: &'a mut Vec<u8>,
        make: impl FnOnce(&mut [u8]) -> Result<(), DataError>,
    ) -> Result<&'a [u8], DataError> {
        if let Some(pixels) = self.get(index) {
            return Ok(pixels);
        }
        if let Some(room) = self.room() {
            let mut pixels = vec![0; self.image_len].into_boxed_slice();
            make(&mut pixels)?;
            return Ok(room.keep(index, pixels));
        }
        buffer.resize(self.image_len, 0);
        make(buffer)?;
        Ok(buffer)
    }

    /// Bytes that are kept or about to be; never more than the limit.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

impl<'a> Room<'a> {
    /// Keeps an image; of two that came at the same time, the first.
    pub(super) fn keep(mut self, index: usize, pixels: Box<[u8]>) -> &'a [u8] {
        let cache = self.cache;
        cache.images[index].get_or_init(|| {
            self.taken = true;
            pixels
        })
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if !self.taken {
            self.cache.used.fetch_sub(self.cache.image_len as u64, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for PixelCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PixelCache").field("used", &self.used()).field("limit", &self.limit).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_the_limit_allows() {
        let cache = PixelCache::new(5, 10, 29);
        for index in [3, 1] {
            let kept = cache.room().unwrap().keep(index, vec![index as u8; 10].into());
            assert_eq!(kept, [index as u8; 10]);
        }
        assert!(cache.room().is_none());
        assert_eq!((cache.get(3), cache.get(0), cache.used()), (Some(&[3; 10][..]), None, 20));
        assert!(PixelCache::new(5, 10, 9).room().is_none());
    }

    #[test]
    fn slots_count_where_they_are_many() {
        // Those of 4000 billion images would be terabytes.
        assert!(PixelCache::within(4_000_000_000_000, 10, 1 << 30).room().is_none());
        assert!(PixelCache::within(10, 10, 24 * 10 + 10).room().is_some());
        assert!(PixelCache::within(10, 10, 10 * 10).room().is_none());
    }

    #[test]
    fn room_that_is_not_used_goes_back() {
        let cache = PixelCache::new(2, 10, 10);
        drop(cache.room());
        assert_eq!(cache.used(), 0);
        // The same image decoded by two threads at a time.
        let cache = PixelCache::new(2, 10, 20);
        let (first, second) = (cache.room().unwrap(), cache.room().unwrap());
        assert_eq!(first.keep(0, vec![1; 10].into()), [1; 10]);
        assert_eq!(second.keep(0, vec![2; 10].into()), [1; 10]);
        assert_eq!(cache.used(), 10);
    }
}
