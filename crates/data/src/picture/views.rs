//! Source images beside their augmented views.

use image::RgbImage;

use super::tiles::{TILE, Tile, contact_sheet};
use crate::augment::{AugmentError, AugmentParams, ImageView, Scratch};

/// A source image and the parameters of its views: one row of a [`view_sheet`].
#[derive(Debug)]
pub struct ViewRow<'a> {
    /// The source image.
    pub image: ImageView<'a>,
    /// The lines to write below the image.
    pub caption: Vec<String>,
    /// Parameters of the views, the target's last.
    pub views: Vec<AugmentParams>,
}

/// Draws the rows of sequences: the source image, its observed views, its target view, each with its parameters.
///
/// # Errors
///
/// As [`AugmentParams::apply`].
pub fn view_sheet(rows: &[ViewRow<'_>]) -> Result<RgbImage, AugmentError> {
    let mut scratch = Scratch::new();
    let (mut sources, mut drawn) = (Vec::new(), Vec::new());
    for row in rows {
        let fitted = fit(row.image);
        let mut pixels = vec![0; fitted.output_len()];
        fitted.apply(row.image, &mut scratch, &mut pixels)?;
        sources.push((fitted, pixels));
        let mut views = Vec::new();
        for params in &row.views {
            let mut pixels = vec![0; params.output_len()];
            params.apply(row.image, &mut scratch, &mut pixels)?;
            views.push(pixels);
        }
        drawn.push(views);
    }
    let mut sheet = Vec::new();
    for ((row, (fitted, pixels)), views) in rows.iter().zip(&sources).zip(&drawn) {
        let image = ImageView::new(pixels, fitted.output_height, fitted.output_width)?;
        let mut tiles = vec![Tile { image, caption: row.caption.clone() }];
        for (number, (params, pixels)) in row.views.iter().zip(views).enumerate() {
            let last = number + 1 == row.views.len();
            let title = if last { "target".to_owned() } else { format!("view {}", number + 1) };
            let image = ImageView::new(pixels, params.output_height, params.output_width)?;
            tiles.push(Tile { image, caption: caption(title, params) });
        }
        sheet.push(tiles);
    }
    Ok(contact_sheet(&sheet, TILE))
}

/// The whole image, reduced to a tile if it is larger.
fn fit(image: ImageView<'_>) -> AugmentParams {
    let (height, width) = (image.height(), image.width());
    let longest = height.max(width).max(TILE as usize);
    let side = |side: usize| (side * TILE as usize / longest).max(1);
    let whole = AugmentParams::identity(height, width);
    if longest == TILE as usize {
        return whole;
    }
    AugmentParams { output_height: side(height), output_width: side(width), ..whole }
}

/// The action's nine values with their names, and the steps that are not part of the action.
fn caption(title: String, params: &AugmentParams) -> Vec<String> {
    let [top, left, height, width, brightness, contrast, saturation, hue, sigma] = params.action();
    let mut flags = title;
    for (name, set) in
        [("flip", params.flip), ("grey", params.grayscale), ("solarize", params.solarize.is_some())]
    {
        if set {
            flags.push(' ');
            flags.push_str(name);
        }
    }
    vec![
        flags,
        format!("crop {top:.0},{left:.0} {height:.0}x{width:.0}"),
        format!("bri {brightness:.2} con {contrast:.2}"),
        format!("sat {saturation:.2} hue {hue:+.2}"),
        format!("blur sigma {sigma:.2}"),
    ]
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::augment::AugmentPolicy;
    use crate::picture::text::LINE;
    use crate::picture::tiles::{INK, MARGIN};
    use crate::rng::{ShuffleKey, Split};

    #[test]
    fn sheets_show_any_image_at_a_readable_size() {
        let policy = AugmentPolicy::observed(32);
        let mut rng = ShuffleKey { seed: 0, split: Split::Test, epoch: 0 }.rng();
        for (height, width) in [(1, 1), (20, 700), (700, 20), (160, 160)] {
            let pixels = vec![90; height * width];
            let image = ImageView::gray(&pixels, height, width).unwrap();
            let views = vec![policy.sample(&mut rng, height, width); 3];
            let sheet = view_sheet(&[ViewRow { image, caption: vec!["a line".into()], views }]).unwrap();
            // Four tiles beside each other, each with at most five lines of text.
            assert_eq!(sheet.width(), 4 * (TILE + MARGIN) + MARGIN);
            assert!(sheet.height() <= TILE + 5 * LINE + 3 * MARGIN, "{height} x {width}: {}", sheet.height());
            // The source's pixels and some ink are there.
            for color in [Rgb([90; 3]), INK] {
                assert!(sheet.pixels().any(|pixel| *pixel == color), "{height} x {width}: {color:?}");
            }
        }
    }
}
