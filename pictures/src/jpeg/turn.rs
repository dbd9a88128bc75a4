//! Turning coefficients, as `jpegtran` does: no pixel is computed, so nothing is lost.

use super::decode::{Block, Plane, Planes};
use super::{ZIGZAG, regrid};
use crate::Invalid;
use crate::orientation::Orientation;

/// A side with fewer pixels is not made shorter by parts of an MCU: it would show.
const MIN_TRIMMED_SIDE: u16 = 256;

/// How planes become what is shown.
pub(super) struct Turn {
    orientation: Orientation,
    /// The size of what is shown.
    pub(super) width: u16,
    pub(super) height: u16,
    /// For each coefficient that is shown, in zigzag order, which of the stored ones it is, and
    /// whether with the other sign.
    sources: [(u8, bool); 64],
}

/// Decides how planes are turned. Columns or rows that would have to come first, though they are part
/// of an MCU only, are left out as with `jpegtran -trim`; where that would show, the blocks are cut
/// anew.
pub(super) fn plan(
    mut planes: Planes,
    orientation: Orientation,
) -> Result<(Planes, Turn), Invalid> {
    let (horizontal, vertical) = planes.sampling();
    let (starts_at_right, starts_at_bottom) = reversed(orientation);
    let trimmed = |side: u16, factor: u8, is_reversed: bool| {
        let rest = if is_reversed {
            side % (8 * u16::from(factor))
        } else {
            0
        };
        (rest == 0 || side >= MIN_TRIMMED_SIDE).then_some(side - rest)
    };
    let width = trimmed(planes.width, horizontal, starts_at_right);
    let height = trimmed(planes.height, vertical, starts_at_bottom);
    if let (Some(width), Some(height)) = (width, height) {
        // The planes keep their columns: blocks are counted from the trimmed end.
        planes.width = width;
        planes.height = height;
        let turn = Turn::new(&planes, orientation);
        return Ok((planes, turn));
    }
    let planes = regrid::turn(planes, orientation)?;
    let turn = Turn::new(&planes, Orientation::AsStored);
    Ok((planes, turn))
}

/// Whether the first column that is shown, or row, is the last one stored along each stored side.
pub(super) fn reversed(orientation: Orientation) -> (bool, bool) {
    orientation.turned(orientation.flips_x(), orientation.flips_y())
}

impl Turn {
    fn new(planes: &Planes, orientation: Orientation) -> Self {
        let (width, height) = orientation.turned(planes.width, planes.height);
        let mut sources = [(0, false); 64];
        for (source, &place) in sources.iter_mut().zip(&ZIGZAG) {
            let (column, row) = (place % 8, place / 8);
            let (from_column, from_row) = orientation.turned(column, row);
            let from = from_row * 8 + from_column;
            let nth = (0..).zip(&ZIGZAG).find(|&(_, &place)| place == from);
            // A cosine of odd frequency changes its sign when it is mirrored.
            let changes_sign = (orientation.flips_x() && column % 2 == 1)
                != (orientation.flips_y() && row % 2 == 1);
            *source = (nth.map_or(0, |(nth, _)| nth), changes_sign);
        }
        Self {
            orientation,
            width,
            height,
            sources,
        }
    }

    /// The sampling factors of what is shown.
    pub(super) fn factors(&self, plane: &Plane) -> (u8, u8) {
        self.orientation.turned(plane.horizontal, plane.vertical)
    }

    /// The quantisation table of what is shown.
    pub(super) fn quantisation(&self, plane: &Plane) -> [u16; 64] {
        self.sources
            .map(|(from, _)| plane.quantisation.get(usize::from(from)).copied())
            .map(Option::unwrap_or_default)
    }

    /// The block that is shown at this place of `columns` by `rows`.
    #[inline]
    pub(super) fn block(
        &self,
        plane: &Plane,
        (column, row): (usize, usize),
        (columns, rows): (usize, usize),
    ) -> Option<Block> {
        let column = if self.orientation.flips_x() {
            columns - 1 - column
        } else {
            column
        };
        let row = if self.orientation.flips_y() {
            rows - 1 - row
        } else {
            row
        };
        let (column, row) = self.orientation.turned(column, row);
        let stored = plane.block(column, row)?;
        Some(self.sources.map(|(from, changes_sign)| {
            let coefficient = stored[usize::from(from & 63)];
            if changes_sign {
                coefficient.wrapping_neg()
            } else {
                coefficient
            }
        }))
    }
}
