//! Picture files of every format, also with what is damaged accepted.

use seqjepa_data::dataset::ImageFile;
use seqjepa_data::{AugmentParams, Scratch};

use crate::scratch;

/// The bytes are the file.
pub fn run(data: &[u8]) {
    let path = scratch::write("picture.png", data);
    let strict = ImageFile::read(&path);
    match ImageFile::read_damaged(&path) {
        Ok(file) if !file.is_damaged() => {
            assert_eq!(strict.as_ref().ok(), Some(&file), "what is whole is read alike")
        }
        Ok(file) => assert_eq!(file.image().pixels().len(), 3 * file.image().height() * file.image().width()),
        Err(_) => assert!(strict.is_err(), "what is read strictly is read"),
    }
    match strict {
        Ok(file) => {
            let image = file.image();
            assert_eq!(image.pixels().len(), 3 * image.height() * image.width());
            let params = AugmentParams::centre_square(image.height(), image.width(), 8);
            let mut view = vec![0; params.output_len()];
            params.apply(image, &mut Scratch::new(), &mut view).expect("a square of any image");
        }
        Err(error) => assert!(error.to_string().contains("picture.png"), "{error} names no file"),
    }
}
