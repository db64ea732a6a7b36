use super::*;

/// Correlated features and labels that lean on them.
fn data(samples: usize, width: usize, classes: usize) -> (Vec<f32>, Vec<usize>) {
    let mut values: Vec<f32> =
        (0..samples * width).map(|index| ((index * index % 1013) as f32 * 0.37).sin()).collect();
    let labels: Vec<usize> = (0..samples).map(|row| row * 31 % classes).collect();
    for (row, label) in values.chunks_mut(width).zip(&labels) {
        row[label % width] += 0.5;
        for column in 1..width {
            row[column] += 0.8 * row[column - 1];
        }
    }
    (values, labels)
}

fn wave(count: usize, size: f64) -> Vec<f64> {
    (0..count).map(|index| size * (index as f64 * 0.7).sin()).collect()
}

/// Runs `check` with a problem over some of the rows, whose samples are held by their coordinates, or not.
fn with_problem(held: bool, classes: usize, check: impl Fn(&mut Problem<'_>, &Single<'_>)) {
    let (samples, width) = if held { (700, 9) } else { ((1 << 21) / 30 + 1, 30) };
    let (values, labels) = data(samples, width, classes);
    let features = Features::new(&values, width).unwrap();
    let scaling = Scaling::of(&features);
    let samples = Samples::new(&features, &scaling, labels, classes).unwrap();
    assert_eq!(samples.coordinates.held(), held);
    let rows: Vec<usize> = (0..features.samples()).filter(|row| row % 5 != 0).collect();
    let single = samples.single(&rows);
    check(&mut Problem { samples: &samples, rows: &rows, penalty: 1e-3 }, &single);
}

fn parameters(problem: &Problem<'_>) -> usize {
    (problem.samples.coordinates.count() + 1) * problem.samples.class_count
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    let largest = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance * largest, "{found} for {expected} of {largest}");
    }
}

/// Taken off the mean over classes, which f32's gradients have none of.
fn centred(mut gradient: Vec<f64>, classes: usize) -> Vec<f64> {
    gradient.chunks_exact_mut(classes).for_each(centre);
    gradient
}

#[test]
fn f32_evaluates_what_f64_does() {
    for held in [true, false] {
        with_problem(held, 4, |problem, single| {
            let mut point = wave(parameters(problem), 0.3);
            point.chunks_exact_mut(4).for_each(centre);
            let (found, expected) = (single.evaluate(problem.penalty, &point), problem.evaluate(&point));
            assert!((found.value / expected.value - 1.0).abs() < 1e-6, "{} {}", found.value, expected.value);
            assert!((found.curvature / expected.curvature - 1.0).abs() < 1e-5);
            assert_close(&found.gradient, &centred(expected.gradient, 4), 1e-5);
        });
    }
}

#[test]
fn products_with_the_hessian_are_differences_of_gradients() {
    for held in [true, false] {
        with_problem(held, 4, |problem, single| {
            let (point, mut vector) = (wave(parameters(problem), 0.3), wave(parameters(problem), 1e-4));
            vector.reverse();
            vector.chunks_exact_mut(4).for_each(centre);
            let (found, most) = single.curve(&single.shares(&point), problem.penalty, &vector);
            let gradient = |sign: f64| {
                let point: Vec<f64> = point.iter().zip(&vector).map(|(x, step)| x + sign * step).collect();
                problem.evaluate(&point).gradient
            };
            let (above, below) = (gradient(1.0), gradient(-1.0));
            let expected: Vec<f64> = above.iter().zip(below).map(|(a, b)| 0.5 * (a - b)).collect();
            assert_close(&found, &centred(expected, 4), 1e-4);
            let (change, exact) = (single.change(&vector), problem.change(&vector));
            assert!((change / exact - 1.0).abs() < 1e-5, "{change} for {exact}");
            // Counted from another mean of the same logits.
            assert!(most > 0.5 * exact && most < 2.0 * exact, "{most} {exact}");
        });
    }
}

/// Each way to the end alone, far closer than by default.
#[test]
fn all_ways_end_at_the_same_optimum() {
    let limits = Limits { tolerance: 1e-9, iterations: 1000 };
    with_problem(true, 3, |problem, single| {
        let start = || problem.approach(single, problem.samples.start(), 1000, NEAR);
        let (mut mixed, memory) = start();
        mixed.end(&mut Mixed::new(problem, single, memory, limits.tolerance, 1000), &limits);
        let descent = problem.descend_to_the_end(start().0, &limits);
        let mut dense = start().0;
        dense.end(problem, &limits);
        for fit in [&mixed, &descent, &dense] {
            assert!(fit.convergence.converged, "{:?}", fit.convergence);
            assert!((fit.loss / dense.loss - 1.0).abs() < 1e-12);
            let step: Vec<f64> = fit.parameters.iter().zip(&dense.parameters).map(|(a, b)| a - b).collect();
            let change = problem.change(&step);
            assert!(change < 1e-8, "{change}");
        }
    });
}

/// As many products as a factorisation costs, and no more.
#[test]
fn without_products_the_mixed_method_leaves_the_rest_to_others() {
    let limits = Limits { tolerance: 1e-9, iterations: 1000 };
    with_problem(true, 3, |problem, single| {
        let (mut fit, memory) = problem.approach(single, problem.samples.start(), 1000, NEAR);
        fit.end(&mut Mixed::new(problem, single, memory, limits.tolerance, 2), &limits);
        assert!(!fit.convergence.converged);
        fit.end(problem, &limits);
        assert!(fit.convergence.converged);
    });
}

/// Features that f32 cannot square or scale.
#[test]
fn what_f32_cannot_do_f64_does() {
    let (mut values, labels) = data(200, 4, 3);
    values.iter_mut().for_each(|value| *value *= 1e37);
    let features = Features::new(&values, 4).unwrap();
    let scaling = Scaling::of(&features).only_shift();
    let samples = Samples::new(&features, &scaling, labels, 3).unwrap();
    let rows: Vec<usize> = (0..200).collect();
    let limits = Limits { tolerance: 1e-6, iterations: 1000 };
    let fit = samples.fit(&rows, 1e-3, samples.start(), &limits);
    assert!(fit.loss.is_finite() && fit.loss < 3.0_f64.ln(), "{}", fit.loss);
}
