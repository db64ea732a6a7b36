//! Rendered objects as a data set.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::scene::{Canvas, render};
use super::shapes::{self, CLASSES, uniform};
use super::solid::Solid;
use crate::augment::Normalization;
use crate::dataset::PixelBuffer;
use crate::dataset::pixel_cache::PixelCache;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::rng::{KeyedRng, Split, ViewKey, below};
use crate::three_d::{ObjectSequences, ObjectViews, ViewLatents};

/// Changes whenever some view comes to other pixels or latents than before, as the fingerprint is of what views are made from.
const VERSION: u32 = 1;

/// Keep the draws of objects, of their views, and of their views out of distribution apart from each other and from a run's own.
const OBJECT: u64 = 0x6f62_6a65_6374_0000;
const VIEW: u64 = 0x7669_6577_0000_0000;
const OOD_VIEW: u64 = 0x6f6f_6400_0000_0000;

/// A stand-in for 3DIEBench that needs no files: simple solids under the same latents, rendered by this crate.
///
/// Objects of up to ten classes, which differ in proportions, colour and attached parts, on a floor, lit by one coloured light; the
/// scene is that of 3DIEBench, its camera, the seven latents and their ranges. No turn of an object looks like another: each class
/// has a dark beam along x, a light ball between y and z, and sides that are painted by where they look. Views are rendered when they
/// are asked for, by rasterisation with nine samples a pixel, without shadows. The same settings give the same bytes on every platform and
/// thread count. Object `i` has label `i % classes`; it depends on seed and split, not on how many objects there are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RenderedObjects {
    /// Side of the square views in pixels, 8 to 512; 64 by default.
    pub image_size: usize,
    /// Number of training objects, 1 to 1 000 000; 1000 by default.
    pub train_objects: usize,
    /// Number of test objects, 1 to 1 000 000; 250 by default.
    pub test_objects: usize,
    /// Number of classes, 2 to 10; 10 by default.
    pub classes: usize,
    /// Number of views of every object, 2 to 1024; 50 by default, as in 3DIEBench.
    pub views_per_object: usize,
    /// Seed of objects and views, 0 by default.
    pub seed: u64,
    /// Whether every angle is within ±[π/2, π], in place of [-π/2, π/2]: the same objects out of distribution, as
    /// 3DIEBench-OOD. False by default.
    pub ood: bool,
    /// Bytes of rendered views that are kept, the first that are asked for, with 24 bytes for each view of the split; 1 GiB by
    /// default. It changes no bit.
    #[serde(skip)]
    pub cache_bytes: u64,
}

impl Default for RenderedObjects {
    fn default() -> Self {
        Self {
            image_size: 64,
            train_objects: 1000,
            test_objects: 250,
            classes: CLASSES.len(),
            views_per_object: 50,
            seed: 0,
            ood: false,
            cache_bytes: 1 << 30,
        }
    }
}

impl RenderedObjects {
    /// Mean and standard deviation of the channels, about those of the views.
    pub const NORMALIZATION: Normalization = Normalization { mean: [0.4; 3], std: [0.18; 3] };

    /// Sequences of `observed_views` views and a target of the objects of a split, normalised with
    /// [`NORMALIZATION`](Self::NORMALIZATION).
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for a number out of range, also of observed views.
    pub fn sequences(&self, split: Split, observed_views: usize) -> Result<ObjectSequences, DataError> {
        ObjectSequences::new(Arc::new(self.objects(split)?), observed_views, Self::NORMALIZATION)
    }

    /// Renders all views of both splits into a new folder, in the layout of 3DIEBench with its lists, for
    /// [`ThreeDieBench`](crate::three_d::ThreeDieBench) to read: images as JPEG, latents to the bit, the classes' names as
    /// folders. The folder appears whole or not at all.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for a number out of range, or if something is there already; [`DataError::Io`] if it cannot be
    /// written.
    pub fn write(&self, folder: &Path) -> Result<(), DataError> {
        super::folder::write(self, folder)
    }

    /// The objects of a split.
    pub(super) fn objects(&self, split: Split) -> Result<RenderedSplit, DataError> {
        const MOST: usize = 1_000_000;
        let (name, objects) = match split {
            Split::Train => ("train_objects", self.train_objects),
            Split::Test => ("test_objects", self.test_objects),
        };
        for (name, found, low, high) in [
            ("image_size", self.image_size, 8, 512),
            (name, objects, 1, MOST),
            ("classes", self.classes, 2, CLASSES.len()),
            ("views_per_object", self.views_per_object, 2, crate::three_d::MAX_VIEWS),
        ] {
            if !(low..=high).contains(&found) {
                return Err(DataError::invalid(name, format!("{low} to {high}"), found));
            }
        }
        let class_names = CLASSES[..self.classes].iter().map(|&name| name.to_owned()).collect();
        let image = 3 * self.image_size * self.image_size;
        let cache = PixelCache::within(objects * self.views_per_object, image, self.cache_bytes);
        Ok(RenderedSplit { settings: self.clone(), split, objects, class_names, cache })
    }
}

/// The objects of a split.
#[derive(Debug)]
pub(super) struct RenderedSplit {
    settings: RenderedObjects,
    split: Split,
    objects: usize,
    class_names: Vec<String>,
    cache: PixelCache,
}

thread_local! {
    /// Rendering has memory of its own beside that of a source, for which its scratch has no place.
    static CANVAS: RefCell<Canvas> = RefCell::default();
}

impl RenderedSplit {
    fn rng(&self, domain: u64, object: usize, view: u32) -> KeyedRng {
        let seed = self.settings.seed ^ domain;
        ViewKey { seed, split: self.split, epoch: 0, sample: object as u64, view }.rng()
    }

    fn solid(&self, object: usize) -> Solid {
        shapes::object(object % self.settings.classes, &mut self.rng(OBJECT, object, 0))
    }

    #[expect(clippy::cast_possible_truncation, reason = "an object has at most 1024 views")]
    fn drawn_latents(&self, object: usize, view: usize) -> ViewLatents {
        use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI, TAU};
        let ood = self.settings.ood;
        let mut rng = self.rng(if ood { OOD_VIEW } else { VIEW }, object, view as u32);
        let rotation = [(); 3].map(|()| match ood {
            false => uniform(&mut rng, -FRAC_PI_2, FRAC_PI_2),
            true => uniform(&mut rng, FRAC_PI_2, PI) * if below(&mut rng, 2) == 0 { -1.0 } else { 1.0 },
        });
        ViewLatents {
            rotation,
            floor_hue: uniform(&mut rng, 0.0, 1.0),
            light_theta: uniform(&mut rng, 0.0, FRAC_PI_4),
            light_phi: uniform(&mut rng, 0.0, TAU),
            light_hue: uniform(&mut rng, 0.0, 1.0),
        }
    }

    /// Renders one view into `out`, `[side, side, 3]`.
    fn render(&self, object: usize, view: usize, out: &mut [u8]) {
        let (solid, latents) = (self.solid(object), self.drawn_latents(object, view));
        CANVAS.with_borrow_mut(|canvas| render(&solid, &latents, self.settings.image_size, canvas, out));
    }
}

impl ObjectViews for RenderedSplit {
    fn objects(&self) -> usize {
        self.objects
    }

    fn views(&self) -> usize {
        self.settings.views_per_object
    }

    fn side(&self) -> usize {
        self.settings.image_size
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are at most ten classes")]
    fn label(&self, object: usize) -> u32 {
        (object % self.settings.classes) as u32
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Of the split and the settings that its views depend on, and the version of the renderer.
    fn fingerprint(&self) -> Fingerprint {
        let RenderedObjects { image_size, classes, views_per_object, seed, ood, .. } = self.settings;
        let (split, objects) = (self.split, self.objects);
        let text = format!(
            "rendered objects {VERSION}: {split:?} {objects} of {classes} classes, {views_per_object} views of {image_size}, seed \
             {seed}, ood {ood}"
        );
        Fingerprint::of([text])
    }

    fn description(&self) -> String {
        let RenderedObjects { image_size, views_per_object, classes, ood, .. } = self.settings;
        let rotations = if ood { "rotations out of distribution" } else { "rotations within ±90 degrees" };
        format!(
            "rendered objects of {classes} classes with {views_per_object} views an object at {image_size} pixels, {rotations}"
        )
    }

    fn latents(&self, object: usize, view: usize) -> Result<ViewLatents, DataError> {
        Ok(self.drawn_latents(object, view))
    }

    fn pixels<'a>(
        &'a self,
        object: usize,
        view: usize,
        buffer: &'a mut PixelBuffer,
    ) -> Result<&'a [u8], DataError> {
        let index = object * self.settings.views_per_object + view;
        self.cache.get_or_make(index, &mut buffer.pixels, |out| {
            self.render(object, view, out);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::three_d::quaternion_from_euler;

    /// Of all quarter turns no two make an object look alike: not its silhouette alone tells them, but its parts and paint do.
    #[test]
    fn no_turn_of_an_object_looks_like_another() {
        const SIDE: usize = 32;
        let quarters = [0.0, 1.0, 2.0, 3.0].map(|turns| turns * std::f64::consts::FRAC_PI_2);
        let mut turns: Vec<([f64; 3], [f64; 4])> = Vec::new();
        for x in quarters {
            for (y, z) in quarters.into_iter().flat_map(|y| quarters.map(|z| (y, z))) {
                let quaternion = quaternion_from_euler([x, y, z]);
                let same = |other: &[f64; 4]| {
                    let cosine: f64 = quaternion.iter().zip(other).map(|(a, b)| a * b).sum();
                    cosine.abs() > 0.99
                };
                if !turns.iter().any(|(_, other)| same(other)) {
                    turns.push(([x, y, z], quaternion));
                }
            }
        }
        assert_eq!(turns.len(), 24);
        let split = RenderedObjects::default().objects(Split::Train).unwrap();
        for object in 0..20 {
            let solid = split.solid(object);
            let views: Vec<Vec<u8>> = turns
                .iter()
                .map(|(rotation, _)| {
                    let latents = ViewLatents {
                        rotation: *rotation,
                        ..ViewLatents::from_columns([0.0, 0.0, 0.0, 0.5, 0.3, 1.0, 0.1])
                    };
                    let mut out = vec![0; 3 * SIDE * SIDE];
                    render(&solid, &latents, SIDE, &mut Canvas::default(), &mut out);
                    out
                })
                .collect();
            for (number, first) in views.iter().enumerate() {
                for second in &views[..number] {
                    let off: u32 = first.iter().zip(second).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
                    let off = f64::from(off) / first.len() as f64;
                    assert!(off > 1.0, "object {object}: two turns differ by {off} of 255");
                }
            }
        }
    }

    #[test]
    fn latents_lie_in_the_published_ranges() {
        use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI, TAU};
        for ood in [false, true] {
            let split = RenderedObjects { ood, ..RenderedObjects::default() }.objects(Split::Test).unwrap();
            let mut signs = [0_usize; 3];
            for view in 0..50 {
                for object in 0..20 {
                    let latents = split.latents(object, view).unwrap();
                    for (axis, angle) in latents.rotation.into_iter().enumerate() {
                        let range = if ood { FRAC_PI_2..=PI } else { 0.0..=FRAC_PI_2 };
                        assert!(range.contains(&angle.abs()), "{angle}");
                        signs[axis] += usize::from(angle > 0.0);
                    }
                    assert!(
                        (0.0..1.0).contains(&latents.floor_hue) && (0.0..1.0).contains(&latents.light_hue)
                    );
                    assert!((0.0..=FRAC_PI_4).contains(&latents.light_theta));
                    assert!((0.0..=TAU).contains(&latents.light_phi));
                }
            }
            // Of 1000, 500 with a standard deviation of 16.
            assert!(signs.iter().all(|positive| (420..=580).contains(positive)), "{signs:?}");
        }
    }

    #[test]
    fn objects_of_a_class_differ_and_do_not_depend_on_how_many_there_are() {
        let split = RenderedObjects::default().objects(Split::Train).unwrap();
        let fewer = RenderedObjects { train_objects: 12, ..RenderedObjects::default() }
            .objects(Split::Train)
            .unwrap();
        assert_eq!(split.solid(11), fewer.solid(11));
        assert_eq!(split.latents(11, 3).unwrap(), fewer.latents(11, 3).unwrap());
        let test = RenderedObjects::default().objects(Split::Test).unwrap();
        for class in 0..10 {
            assert_ne!(split.solid(class), split.solid(class + 10));
            assert_ne!(split.solid(class), test.solid(class));
        }
        let ood = RenderedObjects { ood: true, ..RenderedObjects::default() }.objects(Split::Test).unwrap();
        assert_eq!(ood.solid(4), test.solid(4));
        assert_ne!(ood.latents(4, 0).unwrap(), test.latents(4, 0).unwrap());
    }

    /// The same bytes on every platform.
    #[test]
    fn views_are_pinned_to_the_bit() {
        let split =
            RenderedObjects { image_size: 48, ..RenderedObjects::default() }.objects(Split::Train).unwrap();
        let mut views = vec![0; 20 * 3 * 48 * 48];
        for (object, out) in views.chunks_exact_mut(3 * 48 * 48).enumerate() {
            split.render(object, 0, out);
        }
        assert_eq!(
            Fingerprint::of([views]).as_str(),
            "7756ec34fc3d8aac3c864616c54bb00d2d8164af822440aafde75a4d3246a289"
        );
    }

    /// Of ten objects' views, so within a few hundredths.
    #[test]
    fn the_normalization_is_about_that_of_the_views() {
        let split =
            RenderedObjects { image_size: 32, ..RenderedObjects::default() }.objects(Split::Train).unwrap();
        let mut view = vec![0; 3 * 32 * 32];
        let (mut sums, mut squares, mut count) = ([0.0; 3], [0.0; 3], 0.0);
        for object in 0..50 {
            for number in 0..20 {
                split.render(object, number, &mut view);
                for pixel in view.chunks_exact(3) {
                    for (channel, value) in pixel.iter().enumerate() {
                        let value = f64::from(*value) / 255.0;
                        sums[channel] += value;
                        squares[channel] += value * value;
                    }
                    count += 1.0;
                }
            }
        }
        let mean = sums.map(|sum| sum / count);
        let std = [0, 1, 2].map(|channel| (squares[channel] / count - mean[channel] * mean[channel]).sqrt());
        let Normalization { mean: of_mean, std: of_std } = RenderedObjects::NORMALIZATION;
        for channel in 0..3 {
            assert!((mean[channel] - f64::from(of_mean[channel])).abs() < 0.02, "{mean:?}");
            assert!((std[channel] - f64::from(of_std[channel])).abs() < 0.02, "{std:?}");
        }
    }
}
