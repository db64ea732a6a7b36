//! What is known of a view.

use crate::action::{ActionGroup, ActionParameter, ActionSpace, GroupKind};
use crate::three_d::quaternion_from_euler;

/// The latents of a view, in the order of the seven columns of 3DIEBench's `latent_K.npy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ViewLatents {
    /// Extrinsic Euler angles of the object about x, y and z, in radians: columns 0 to 2; within [-π/2, π/2] in 3DIEBench.
    pub rotation: [f64; 3],
    /// Hue of the floor, 0 to 1: column 3.
    pub floor_hue: f64,
    /// Angle of the light from the vertical, 0 to π/4 radians: column 4.
    pub light_theta: f64,
    /// Angle of the light around the vertical, 0 to 2π radians: column 5.
    pub light_phi: f64,
    /// Hue of the light, 0 to 1: column 6.
    pub light_hue: f64,
}

impl ViewLatents {
    /// Number of columns.
    pub const COLUMNS: usize = 7;

    /// From the columns.
    #[must_use]
    pub const fn from_columns(columns: [f64; Self::COLUMNS]) -> Self {
        let [x, y, z, floor_hue, light_theta, light_phi, light_hue] = columns;
        Self { rotation: [x, y, z], floor_hue, light_theta, light_phi, light_hue }
    }

    /// The columns.
    #[must_use]
    pub const fn columns(self) -> [f64; Self::COLUMNS] {
        let Self { rotation: [x, y, z], floor_hue, light_theta, light_phi, light_hue } = self;
        [x, y, z, floor_hue, light_theta, light_phi, light_hue]
    }

    /// The action vector: the rotation as a unit quaternion, then the hues of floor and light.
    ///
    /// Latents are rounded to f32 first and the quaternion after, as in the published code.
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32, as is documented")]
    #[must_use]
    pub fn action(self) -> [f32; 6] {
        let quaternion = quaternion_from_euler(self.rotation.map(|angle| f64::from(angle as f32)));
        let [x, y, z, w] = quaternion.map(|component| component as f32);
        [x, y, z, w, self.floor_hue as f32, self.light_hue as f32]
    }

    /// The space of these actions: the group `rotation`, a unit quaternion, and the group `color`, the two hues. Nothing is
    /// normalised.
    #[must_use]
    pub fn action_space() -> ActionSpace {
        let parameter = |name: &str, unit: &str, low, identity| ActionParameter {
            name: name.into(),
            unit: unit.into(),
            low,
            high: 1.0,
            identity,
        };
        let rotation = |name, identity| parameter(name, "of a unit quaternion", -1.0, identity);
        let hue = |name| parameter(name, "turns", 0.0, 0.0);
        let parameters = vec![
            rotation("rotation_x", 0.0),
            rotation("rotation_y", 0.0),
            rotation("rotation_z", 0.0),
            rotation("rotation_w", 1.0),
            hue("floor_hue"),
            hue("light_hue"),
        ];
        let groups = vec![
            ActionGroup { name: "rotation".into(), range: 0..4, kind: GroupKind::Quaternion },
            ActionGroup::vector("color", 4..6),
        ];
        ActionSpace::new(parameters, groups).expect("the names differ and the groups lie inside")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_published_files() {
        let columns = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
        let latents = ViewLatents::from_columns(columns);
        assert_eq!((latents.floor_hue, latents.light_hue), (0.4, 0.7));
        assert_eq!(latents.columns(), columns);
        assert_eq!(latents.action()[4..], [0.4, 0.7]);
    }

    #[test]
    fn the_space_is_that_of_the_actions() {
        let space = ViewLatents::action_space();
        assert_eq!((space.group("rotation"), space.group("color")), (Some(0..4), Some(4..6)));
        let still = ViewLatents::from_columns([0.0; 7]);
        assert_eq!(space.identity(), still.action());
    }
}
