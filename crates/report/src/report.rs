//! The page.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use seqjepa_data::regular::open_regular;
use sha2::{Digest, Sha256};
use std::io::Read;

use crate::error::ReportError;
use crate::html::{STYLE, escape};
use crate::read::ReportRun;
use crate::section;

/// Most runs of a page.
pub const MOST_RUNS: usize = 16;

/// Stands in the head of every page, by which one is known.
const MARK: &str = "<meta name=\"generator\" content=\"seqjepa report\">";
/// Bytes of a page within which it stands.
const HEAD: u64 = 4096;

const SCRIPT: &str = include_str!("../assets/script.js");

/// What some run folders hold, read once.
#[derive(Debug)]
pub struct Report {
    runs: Vec<ReportRun>,
}

impl Report {
    /// Reads run folders of any state: of a run that was killed or is under way, whatever is there.
    ///
    /// # Errors
    ///
    /// [`ReportError`] for no or too many folders, and for one that cannot be read or holds nothing of a run.
    pub fn read<P: AsRef<Path>>(folders: &[P]) -> Result<Self, ReportError> {
        if folders.is_empty() || folders.len() > MOST_RUNS {
            return Err(ReportError::Runs { most: MOST_RUNS, found: folders.len() });
        }
        let mut runs =
            folders.iter().map(|path| ReportRun::read(path.as_ref())).collect::<Result<Vec<_>, _>>()?;
        for index in 0..runs.len() {
            let label = runs[index].label.clone();
            let mut number = 2;
            while runs[..index].iter().any(|run| run.label == runs[index].label) {
                runs[index].label = format!("{label} ({number})");
                number += 1;
            }
        }
        Ok(Self { runs })
    }

    /// The page: the same bytes for the same folders, at any number of threads.
    #[must_use]
    pub fn html(&self) -> String {
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
        let names: Vec<&str> = self.runs.iter().map(|run| run.label.as_str()).collect();
        let title = escape(&match names.as_slice() {
            [one] => (*one).to_owned(),
            [first, others @ ..] => format!("{first} and {} more", others.len()),
            [] => String::new(),
        });
        let sections = section::all(&self.runs);
        let links: Vec<String> = sections
            .iter()
            .map(|section| format!("<a href=\"#{}\">{}</a>", section.id, section.short))
            .collect();
        let body: String = sections
            .iter()
            .map(|section| {
                format!(
                    "<section id=\"{0}\" aria-labelledby=\"{0}-title\"><h2 id=\"{0}-title\">{1}</h2>\n{2}</section>\n",
                    section.id, section.title, section.html
                )
            })
            .collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{MARK}\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'sha256-{}'; \
             script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title} – seqjepa report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#content\">To the content</a>\n\
             <header><p class=\"kind\">seqjepa report</p><h1>{title}</h1></header>\n\
             <nav aria-label=\"Sections\">{}</nav>\n<main id=\"content\">\n{body}</main>\n\
             <div id=\"tip\" role=\"status\" hidden></div>\n\
             <footer><p>Made by <code>seqjepa report</code> {}. The page needs no network and no other file.</p></footer>\n\
             <script>{SCRIPT}</script>\n</body>\n</html>\n",
            hash(STYLE),
            hash(SCRIPT),
            links.join("\n"),
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// The charts of the frozen evaluation of a run, as the page has them, as bitmaps for whoever takes no page: each with a name, in this
/// order those that there are of `accuracy`, `recovery_by_group`, `recovery_by_parameter`, `leakage_by_group`,
/// `leakage_by_parameter`, `confusion`, `map_z1_pca`, `map_z1_tsne`, `map_z1_umap` and the same maps of the invariant representation.
///
/// # Errors
///
/// [`ReportError`] for a folder that cannot be read or holds nothing of a run.
pub fn pictures(folder: &Path) -> Result<Vec<(String, RgbImage)>, ReportError> {
    Ok(section::bitmaps(&ReportRun::read(folder)?))
}

/// Whether the file of that name is a page that this project wrote; also if it is empty. One that is not there is none.
#[must_use]
pub fn is_report(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = open_regular(path, u64::MAX).and_then(|(file, _)| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && (head.is_empty() || String::from_utf8_lossy(&head).contains(MARK))
}
