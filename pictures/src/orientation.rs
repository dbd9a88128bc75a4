//! The eight ways a picture can be stored, and how to turn pixels the right way up.

/// How a picture has to be turned to be shown (Exif 2.32, 4.6.4.A, tag 0x0112).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Orientation {
    #[default]
    AsStored = 1,
    FlipHorizontal = 2,
    Rotate180 = 3,
    FlipVertical = 4,
    Transpose = 5,
    Rotate90 = 6,
    Transverse = 7,
    Rotate270 = 8,
}

impl Orientation {
    /// `None` for a number that means nothing.
    pub(crate) fn from_exif(value: u32) -> Option<Self> {
        Some(match value {
            1 => Self::AsStored,
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => return None,
        })
    }

    /// Whether rows become columns; this comes before the flips.
    pub(crate) fn transposes(self) -> bool {
        matches!(
            self,
            Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270
        )
    }

    /// Whether left and right of what is shown are swapped.
    pub(crate) fn flips_x(self) -> bool {
        matches!(
            self,
            Self::FlipHorizontal | Self::Rotate180 | Self::Rotate90 | Self::Transverse
        )
    }

    /// Whether top and bottom of what is shown are swapped.
    pub(crate) fn flips_y(self) -> bool {
        matches!(
            self,
            Self::FlipVertical | Self::Rotate180 | Self::Rotate270 | Self::Transverse
        )
    }

    /// The size of what is shown.
    pub(crate) fn turned<N>(self, width: N, height: N) -> (N, N) {
        if self.transposes() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Turns rows of pixels, each of `unit` items; `None` when there are fewer than the size says.
    pub(crate) fn turn<T: Copy>(
        self,
        pixels: &[T],
        (width, height): (usize, usize),
        unit: usize,
    ) -> Option<Vec<T>> {
        let pixels = pixels.get(..width.checked_mul(height)?.checked_mul(unit)?)?;
        let mut turned = Vec::with_capacity(pixels.len());
        let (new_width, new_height) = self.turned(width, height);
        for y in 0..new_height {
            let y = if self.flips_y() {
                new_height - 1 - y
            } else {
                y
            };
            for x in 0..new_width {
                let x = if self.flips_x() { new_width - 1 - x } else { x };
                let (from_x, from_y) = self.turned(x, y);
                let at = (from_y * width + from_x) * unit;
                turned.extend_from_slice(pixels.get(at..at + unit)?);
            }
        }
        Some(turned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_eight_shows_the_same_letter() {
        // Exif: 6 means that row 0 is the right side and column 0 the top.
        let turn = |value| {
            let orientation = Orientation::from_exif(value).unwrap();
            String::from_utf8(orientation.turn(b"abcdef", (3, 2), 1).unwrap()).unwrap()
        };
        let turned: Vec<_> = (1..=8).map(turn).collect();
        assert_eq!(
            turned,
            [
                "abcdef", "cbafed", "fedcba", "defabc", "adbecf", "daebfc", "fcebda", "cfbead"
            ]
        );
    }

    #[test]
    fn too_few_pixels_are_not_turned() {
        assert_eq!(Orientation::Rotate90.turn(b"abcde", (3, 2), 1), None);
        assert_eq!(Orientation::Rotate90.turn(b"", (usize::MAX, 2), 4), None);
    }
}
