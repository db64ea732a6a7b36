use proptest::prelude::*;

use super::*;
use crate::augment::AugmentPolicy;

fn parameters(names: &[&str]) -> Vec<ActionParameter> {
    let parameter = |name: &&str| ActionParameter {
        name: (*name).into(),
        unit: "metres".into(),
        low: -1.0,
        high: 1.0,
        identity: 0.0,
    };
    names.iter().map(parameter).collect()
}

/// A rotation, then a number: the camera of rendered objects.
fn camera() -> ActionSpace {
    let rotation = ActionGroup { name: "rotation".into(), range: 0..4, kind: GroupKind::Quaternion };
    let groups = vec![rotation, ActionGroup::vector("hue", 4..5)];
    ActionSpace::new(parameters(&["x", "y", "z", "w", "hue"]), groups).unwrap()
}

/// A number, then an angle.
fn dial() -> ActionSpace {
    let angle = ActionGroup { name: "angle".into(), range: 1..3, kind: GroupKind::Angle };
    ActionSpace::new(parameters(&["scale", "sin", "cos"]), vec![angle]).unwrap()
}

fn nine() -> ActionSpace {
    ActionSpace::augmentation(&AugmentPolicy::observed(32), &AugmentPolicy::target(32), 40, 48)
}

/// Actions and relative actions.
fn sequence(space: &ActionSpace, raw: &[f32]) -> Result<(Vec<f32>, Vec<f32>), ActionError> {
    let (mut actions, mut relative) = (vec![0.0; raw.len()], vec![0.0; raw.len() - space.width()]);
    space.sequence(raw, &mut actions, &mut relative)?;
    Ok((actions, relative))
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What the published pipeline does: normalise over the sequence, then subtract.
fn normalise_then_subtract(raw: &[f32], width: usize) -> (Vec<f32>, Vec<f32>) {
    let mut actions = raw.to_vec();
    for parameter in 0..width {
        let mut sum = 0.0_f32;
        for row in raw.chunks(width) {
            sum += row[parameter] * row[parameter];
        }
        let norm = sum.sqrt().max(1e-12);
        for row in actions.chunks_mut(width) {
            row[parameter] /= norm;
        }
    }
    let relative = (width..actions.len()).map(|i| actions[i] - actions[i - width]).collect();
    (actions, relative)
}

/// The product of two quaternions, by the rule of Hamilton's i, j, k.
fn product([ax, ay, az, aw]: [f64; 4], [bx, by, bz, bw]: [f64; 4]) -> [f64; 4] {
    [
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by + ay * bw + az * bx - ax * bz,
        aw * bz + az * bw + ax * by - ay * bx,
        aw * bw - ax * bx - ay * by - az * bz,
    ]
}

fn quaternion() -> impl Strategy<Value = [f64; 4]> {
    prop::array::uniform4(-1.0_f64..1.0).prop_filter_map("too short to have a direction", |q| {
        let norm = q.iter().map(|x| x * x).sum::<f64>().sqrt();
        (norm > 0.1).then(|| q.map(|x| x / norm))
    })
}

fn row(rotation: [f64; 4], hue: f32) -> Vec<f32> {
    rotation.iter().map(|&x| x as f32).chain([hue]).collect()
}

fn relative_rotation(before: [f64; 4], after: [f64; 4]) -> Vec<f32> {
    sequence(&camera(), &[row(before, 0.0), row(after, 0.0)].concat()).unwrap().1[..4].to_vec()
}

/// Largest difference of two rotations, the sign aside.
fn apart(first: &[f32], second: &[f64]) -> f64 {
    let distance = |sign: f64| {
        let pairs = first.iter().zip(second);
        pairs.map(|(&a, &b)| (f64::from(a) - sign * b).abs()).fold(0.0, f64::max)
    };
    distance(1.0).min(distance(-1.0))
}

proptest! {
    #[test]
    fn three_numbers_are_normalised_then_subtracted(rows in prop::collection::vec(-50.0_f32..50.0, 1..7)) {
        let space = ActionSpace::new(parameters(&["x", "y", "z"]), vec![]).unwrap();
        let raw: Vec<f32> = rows.iter().flat_map(|x| [*x, x * 0.5, 0.0]).collect();
        let plain = sequence(&space, &raw).unwrap();
        prop_assert_eq!(bits(&plain.0), bits(&raw));
        let space = space.with_normalization(ActionNormalization::SequenceL2).unwrap();
        let (actions, relative) = sequence(&space, &raw).unwrap();
        let expected = normalise_then_subtract(&raw, 3);
        prop_assert_eq!((bits(&actions), bits(&relative)), (bits(&expected.0), bits(&expected.1)));
    }

    #[test]
    fn the_nine_are_what_they_always_were(views in 1_usize..7, seed: u64) {
        let policy = AugmentPolicy::observed(32);
        let mut rng = crate::rng::ShuffleKey { seed, split: crate::rng::Split::Train, epoch: 0 }.rng();
        let raw: Vec<f32> = (0..views).flat_map(|_| policy.sample(&mut rng, 40, 48).action()).collect();
        let space = nine().with_normalization(ActionNormalization::SequenceL2).unwrap();
        let (actions, relative) = sequence(&space, &raw).unwrap();
        let expected = normalise_then_subtract(&raw, 9);
        prop_assert_eq!((bits(&actions), bits(&relative)), (bits(&expected.0), bits(&expected.1)));
    }

    #[test]
    fn from_r_to_r_times_q_is_q(r in quaternion(), q in quaternion()) {
        prop_assert!(apart(&relative_rotation(r, product(r, q)), &q) < 1e-6);
    }

    #[test]
    fn relative_rotations_do_not_depend_on_the_frame(r in quaternion(), s in quaternion(), frame in quaternion()) {
        let (plain, turned) =
            (relative_rotation(r, s), relative_rotation(product(frame, r), product(frame, s)));
        prop_assert!(apart(&plain, &turned.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()) < 1e-6);
    }

    #[test]
    fn both_signs_of_a_rotation_give_the_same_bits(r in quaternion(), s in quaternion()) {
        let minus = |q: [f64; 4]| q.map(|x| -x);
        let expected = relative_rotation(r, s);
        prop_assert!(expected[3] >= 0.0);
        for (r, s) in [(minus(r), s), (r, minus(s)), (minus(r), minus(s))] {
            prop_assert_eq!(bits(&relative_rotation(r, s)), bits(&expected));
        }
        let norm = expected.iter().map(|x| x * x).sum::<f32>().sqrt();
        prop_assert!((norm - 1.0).abs() < 1e-6);
    }

    #[test]
    fn angles_wrap_around(first in -10.0_f64..10.0, second in -10.0_f64..10.0, scale in -1.0_f32..1.0) {
        let at = |angle: f64, scale| [scale, angle.sin() as f32, angle.cos() as f32];
        let raw = [at(first, scale), at(second, 0.5)].concat();
        let space = dial().with_normalization(ActionNormalization::SequenceL2).unwrap();
        let (actions, relative) = sequence(&space, &raw).unwrap();
        // The angle's numbers are not scaled, the plain one is.
        prop_assert_eq!(&actions[1..3], &raw[1..3]);
        prop_assert!((actions[0].hypot(actions[3]) - 1.0).abs() < 1e-6);
        prop_assert_eq!(relative[0], actions[3] - actions[0]);
        let expected = second - first;
        prop_assert!((f64::from(relative[1]) - expected.sin()).abs() < 1e-6);
        prop_assert!((f64::from(relative[2]) - expected.cos()).abs() < 1e-6);
    }
}

#[test]
fn half_a_turn_has_one_of_its_two_signs() {
    // w = 0: the first component that is not 0 is positive.
    for sign in [1.0, -1.0] {
        assert_eq!(relative_rotation([0.0, 0.0, 0.0, 1.0], [0.0, sign, 0.0, 0.0]), [0.0, 1.0, 0.0, 0.0]);
    }
    assert_eq!(
        bits(&relative_rotation([0.0, 0.0, 0.0, -1.0], [0.0, 0.0, 0.0, 1.0])),
        bits(&[0.0, 0.0, 0.0, 1.0])
    );
}

#[test]
fn rotations_keep_their_numbers_whatever_the_normalisation() {
    let raw = [row([0.0, 0.6, 0.0, 0.8], 2.0), row([0.0, 0.0, 0.0, -1.0], 4.0)].concat();
    let constants = ActionNormalization::Standardize { mean: vec![1.0; 5], std: vec![2.0; 5] };
    for (normalization, hues) in [
        (ActionNormalization::None, [2.0, 4.0]),
        (ActionNormalization::SequenceL2, [2.0, 4.0].map(|x| x / 20.0_f32.sqrt())),
        (constants, [0.5, 1.5]),
    ] {
        let space = camera().with_normalization(normalization).unwrap();
        let (actions, relative) = sequence(&space, &raw).unwrap();
        assert_eq!((&actions[..4], &actions[5..9]), (&raw[..4], &raw[5..9]));
        assert_eq!([actions[4], actions[9]], hues);
        // From a turn about y back to none, whose sign was the other one.
        assert_eq!(relative, [0.0, -0.6, 0.0, 0.8, hues[1] - hues[0]]);
    }
}

#[test]
fn raw_values_that_are_no_actions_are_refused() {
    let refused = |space: &ActionSpace, raw: &[f32]| sequence(space, raw).unwrap_err();
    let good = row([0.0, 0.0, 0.0, 1.0], 0.0);
    for (bad, norm) in [([0.0, 0.0, 0.0, 1.002], 1.002), ([0.0; 4], 0.0), ([0.5, 0.5, 0.5, 0.4], 0.9539)] {
        let error = refused(&camera(), &[good.clone(), row(bad, 0.0)].concat());
        let ActionError::NotUnit { name, kind: GroupKind::Quaternion, view: 1, found } = error else {
            panic!("{error}");
        };
        assert!(name == "rotation" && (found - norm).abs() < 1e-4, "{found}");
    }
    // Four digits of a text file are enough.
    sequence(&camera(), &row([0.5774, 0.5774, 0.5774, 0.0], 0.0)).unwrap();
    assert!(matches!(
        refused(&dial(), &[0.0, 0.9, 0.9]),
        ActionError::NotUnit { kind: GroupKind::Angle, .. }
    ));
    for value in [f32::NAN, f32::INFINITY] {
        let error = refused(&dial(), &[value, 0.0, 1.0]);
        assert!(matches!(&error, ActionError::NotFinite { name, view: 0, .. } if name == "scale"), "{error}");
    }
    let mut raw = good.clone();
    raw[2] = f32::NAN;
    assert!(matches!(refused(&camera(), &raw), ActionError::NotFinite { .. }));
}

#[test]
fn lengths_must_fit_together() {
    let space = dial();
    let refused = |raw: usize, actions: usize, relative: usize, expected: &str| {
        let error = space.sequence(&vec![0.0; raw], &mut vec![0.0; actions], &mut vec![0.0; relative]);
        assert!(matches!(error, Err(ActionError::Length { what, .. }) if what == expected));
    };
    refused(0, 0, 0, "raw actions");
    refused(7, 7, 4, "raw actions");
    refused(6, 3, 3, "actions");
    refused(6, 6, 6, "relative actions");
}

#[test]
fn groups_must_lie_inside_the_vector() {
    let new = |names: &[&str], groups| ActionSpace::new(parameters(names), groups).unwrap_err();
    assert_eq!(new(&[], vec![]), ActionError::Empty);
    let name = String::from;
    assert_eq!(
        new(&["x"], vec![ActionGroup::vector("crop", 0..2)]),
        ActionError::Group { name: name("crop"), range: 0..2, width: 1 }
    );
    assert_eq!(
        new(&["x"], vec![ActionGroup::vector("crop", 1..1)]),
        ActionError::Group { name: name("crop"), range: 1..1, width: 1 }
    );
    assert_eq!(new(&["x", "x"], vec![]), ActionError::Name { name: name("x") });
    let twice = vec![ActionGroup::vector("a", 0..1), ActionGroup::vector("a", 1..2)];
    assert_eq!(new(&["x", "y"], twice), ActionError::Name { name: name("a") });
    let kind = GroupKind::Quaternion;
    let short = ActionGroup { name: name("turn"), range: 0..3, kind };
    assert_eq!(
        new(&["x", "y", "z", "w"], vec![short]),
        ActionError::GroupWidth { name: name("turn"), kind, expected: 4, found: 3 }
    );
    let whole = ActionGroup { name: name("turn"), range: 0..4, kind };
    assert_eq!(
        new(&["x", "y", "z", "w"], vec![ActionGroup::vector("a", 3..4), whole]),
        ActionError::Overlap { first: name("a"), second: name("turn") }
    );
    let nested = vec![ActionGroup::vector("all", 0..2), ActionGroup::vector("x", 0..1)];
    assert!(ActionSpace::new(parameters(&["x", "y"]), nested).is_ok());
}

// torch.nn.functional.normalize(torch.tensor([[3., 0.], [4., 0.]]), dim=0)
#[test]
fn sequence_l2_divides_by_the_norm_over_views() {
    let space = ActionSpace::new(parameters(&["x", "y"]), vec![]).unwrap();
    let space = space.with_normalization(ActionNormalization::SequenceL2).unwrap();
    let (actions, relative) = sequence(&space, &[3.0, 0.0, 4.0, 0.0]).unwrap();
    assert_eq!(actions, [0.6, 0.0, 0.8, 0.0]);
    assert_eq!(relative, [0.8_f32 - 0.6, 0.0]);
}

#[test]
fn constants_are_checked() {
    let space = || ActionSpace::new(parameters(&["x"]), vec![]).unwrap();
    let with = |mean: &[f32], std: &[f32]| {
        space().with_normalization(ActionNormalization::Standardize { mean: mean.into(), std: std.into() })
    };
    assert_eq!(sequence(&with(&[1.0], &[2.0]).unwrap(), &[3.0, 5.0]).unwrap(), (vec![1.0, 2.0], vec![1.0]));
    assert_eq!(
        with(&[1.0], &[]).unwrap_err(),
        ActionError::Constants { what: "standard deviation", expected: 1, found: 0 }
    );
    for (mean, std) in [([f32::NAN], [1.0]), ([0.0], [0.0]), ([0.0], [f32::INFINITY])] {
        assert!(
            matches!(with(&mean, &std), Err(ActionError::Constant { parameter: 0, .. })),
            "{mean:?} {std:?}"
        );
    }
}

#[test]
fn what_is_read_from_a_file_is_checked() {
    for space in [nine(), dial(), camera().with_normalization(ActionNormalization::SequenceL2).unwrap()] {
        let text = serde_json::to_string(&space).unwrap();
        assert_eq!(serde_json::from_str::<ActionSpace>(&text).unwrap(), space);
    }
    // As it was written before groups had kinds and spaces a normalisation.
    let old = r#"{"parameters": [{"name": "x", "unit": "pixels", "low": 0.0, "high": 1.0, "identity": 0.0}],
        "groups": [{"name": "all", "range": {"start": 0, "end": 1}}]}"#;
    let space: ActionSpace = serde_json::from_str(old).unwrap();
    assert_eq!(space.groups(), [ActionGroup::vector("all", 0..1)]);
    assert_eq!(space.normalization(), &ActionNormalization::None);
    for (from, to, expected) in [
        (r#""end": 1"#, r#""end": 2"#, "non-empty part of 0..1"),
        (r#""end": 1}"#, r#""end": 1}, "kind": "angle""#, "must have 2"),
        (
            r#""groups""#,
            r#""normalization": {"standardize": {"mean": [], "std": []}}, "groups""#,
            "1 parameters",
        ),
    ] {
        let changed = old.replace(from, to);
        assert_ne!(changed, old);
        let error = serde_json::from_str::<ActionSpace>(&changed).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
