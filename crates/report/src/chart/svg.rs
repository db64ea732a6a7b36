//! From what `plotters` draws to what the page takes.

use plotters::style::RGBColor;

use crate::html::STYLE;

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

    /// What `plotters` draws with for the page; [`styled`] finds it again.
    pub(super) fn mark(self) -> RGBColor {
        match self {
            Self::Grid => RGBColor(1, 0, 0),
            Self::Axis => RGBColor(1, 0, 1),
            Self::Text => RGBColor(1, 0, 2),
            Self::Run { number, broken } => RGBColor(2, number, u8::from(broken)),
            Self::Beside(which) => RGBColor(3, which, 0),
        }
    }

    /// Its colour by day, where no style is there to give it one; a broken line is a pale one.
    pub(super) fn colour(self) -> RGBColor {
        match self {
            Self::Grid => by_day("grid"),
            Self::Axis => by_day("line"),
            Self::Text => by_day("soft"),
            Self::Run { number, broken } => {
                let RGBColor(red, green, blue) = by_day(&format!("k{}", usize::from(number) % COLOURS));
                let pale = |part: u8| if broken { part / 2 + 127 } else { part };
                RGBColor(pale(red), pale(green), pale(blue))
            }
            Self::Beside(0) => by_day("beside"),
            Self::Beside(_) => by_day("published"),
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

/// A colour of the page's style by day, which comes first there.
pub(crate) fn by_day(name: &str) -> RGBColor {
    let start = STYLE.split_once(&format!("--{name}: #")).map_or("", |(_, rest)| rest);
    let digits: Vec<u8> = start
        .chars()
        .map_while(|digit| digit.to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    match digits.as_slice() {
        [red, green, blue] => RGBColor(red * 17, green * 17, blue * 17),
        [r, red, g, green, b, blue] => RGBColor(r * 16 + red, g * 16 + green, b * 16 + blue),
        _ => unreachable!("the style has a colour of every name that is drawn with: {name}"),
    }
}

/// The drawing with classes in the place of colours, without the frame that `plotters` puts around it.
pub(super) fn styled(drawing: &str, inks: &[Ink]) -> String {
    let start = drawing.find('>').map_or(0, |end| end + 1);
    let end = drawing.rfind("</svg>").unwrap_or(drawing.len());
    let mut body = drawing[start..end].replace(" opacity=\"1\"", "");
    for ink in inks {
        let RGBColor(red, green, blue) = ink.mark();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_style() {
        assert_eq!((by_day("k0"), by_day("raised")), (RGBColor(0, 0x72, 0xb2), RGBColor(255, 255, 255)));
        let run = |broken| Ink::run(9, broken).colour();
        assert_eq!((run(false), run(true)), (by_day("k1"), RGBColor(0xd5 / 2 + 127, 0x5e / 2 + 127, 127)));
        for ink in [Ink::Grid, Ink::Axis, Ink::Text, Ink::Beside(0), Ink::Beside(1)] {
            ink.colour();
        }
    }
}
