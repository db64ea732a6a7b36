//! Relative actions against scipy's rotations (`scripts/goldens/actions.py`).

use seqjepa_data::{ActionGroup, ActionParameter, ActionSpace, GroupKind};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    scenes: Vec<Scene>,
}

#[derive(Deserialize)]
struct Scene {
    /// Of each view the quaternion (x, y, z, w) and two hues.
    raw: Vec<[f32; 6]>,
    /// From the first view to each other.
    paths: Vec<[f32; 6]>,
}

const NAMES: [&str; 6] = ["x", "y", "z", "w", "floor", "light"];

fn space() -> ActionSpace {
    let parameter = |name: &str| ActionParameter {
        name: name.into(),
        unit: "factor".into(),
        low: -1.0,
        high: 1.0,
        identity: 0.0,
    };
    let rotation = ActionGroup { name: "rotation".into(), range: 0..4, kind: GroupKind::Quaternion };
    ActionSpace::new(NAMES.map(parameter).into(), vec![rotation, ActionGroup::vector("colour", 4..6)])
        .unwrap()
}

#[test]
fn a_path_of_several_views_leads_where_scipy_says() {
    let golden: Golden = serde_json::from_str(include_str!("fixtures/actions.json")).unwrap();
    let space = space();
    for Scene { raw, paths } in golden.scenes {
        let rows = raw.concat();
        let (mut actions, mut relative) = (vec![0.0; rows.len()], vec![0.0; rows.len() - 6]);
        space.sequence(&rows, &mut actions, &mut relative).unwrap();
        for (step, expected) in (1..).zip(&paths) {
            let mut path = [0.0; 6];
            space.between(&actions[..6], &actions[6 * step..][..6], &mut path);
            for (own, expected) in path.iter().zip(expected) {
                // The recorded quaternions are rounded to f32, the golden is of those that are not.
                assert!((own - expected).abs() < 5e-7, "{path:?} and {expected:?}");
            }
            if step == 1 {
                assert_eq!(path, relative[..6]);
            }
        }
    }
}
