//! From what `plotters` draws to what the page takes.

use plotters::style::RGBColor;

/// What a colour stands for until the page's style gives it one: by day, by night and on paper another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Lines of the grid.
    Grid,
    /// Axes.
    Axis,
    /// Text.
    Text,
    /// Run number so and so, whole or broken lines.
    Run { number: u8, broken: bool },
    /// The model as initialised, and published figures.
    Beside(u8),
}

/// Runs that differ in colour; beyond, colours begin anew.
pub(crate) const COLOURS: usize = 8;

impl Ink {
    pub(super) fn run(number: usize, broken: bool) -> Self {
        Self::Run { number: u8::try_from(number % 64).unwrap_or(0), broken }
    }

    pub(super) fn colour(self) -> RGBColor {
        match self {
            Self::Grid => RGBColor(1, 0, 0),
            Self::Axis => RGBColor(1, 0, 1),
            Self::Text => RGBColor(1, 0, 2),
            Self::Run { number, broken } => RGBColor(2, number, u8::from(broken)),
            Self::Beside(which) => RGBColor(3, which, 0),
        }
    }

    fn class(self) -> String {
        match self {
            Self::Grid => "g".into(),
            Self::Axis => "a".into(),
            Self::Text => "t".into(),
            Self::Run { number, broken } => {
                format!("c{}{}", usize::from(number) % COLOURS, if broken { " b" } else { "" })
            }
            Self::Beside(which) => format!("o{which}"),
        }
    }
}

/// The drawing with classes in the place of colours, without the frame that `plotters` puts around it.
pub(super) fn styled(drawing: &str, inks: &[Ink]) -> String {
    let start = drawing.find('>').map_or(0, |end| end + 1);
    let end = drawing.rfind("</svg>").unwrap_or(drawing.len());
    let mut body = drawing[start..end].replace(" opacity=\"1\"", "");
    for ink in inks {
        let RGBColor(red, green, blue) = ink.colour();
        let hex = format!("#{red:02X}{green:02X}{blue:02X}");
        body =
            body.replace(&format!("fill=\"none\" stroke=\"{hex}\""), &format!("class=\"l {}\"", ink.class()));
        body = body.replace(&format!("stroke=\"{hex}\""), &format!("class=\"l {}\"", ink.class()));
        body =
            body.replace(&format!("fill=\"{hex}\" stroke=\"none\""), &format!("class=\"f {}\"", ink.class()));
        body = body.replace(&format!("fill=\"{hex}\""), &format!("class=\"f {}\"", ink.class()));
    }
    body
}
