//! Ridge regression with few variables.

/// Returns the weights w of the candidates that minimize the squared error of predicting a target, with an additional
/// cost of `lambda` · |w|²: the solution of (G + `lambda` · I) w = g. `counts` is the lower triangle of G, row by row, and
/// `target` is g.
pub(super) fn ridge(counts: &[Vec<f64>], target: &[f64], lambda: f64) -> Vec<f64> {
    let mut matrix = counts.to_vec();
    for (nth, row) in matrix.iter_mut().enumerate() {
        row[nth] += lambda;
    }
    solve(matrix, target.to_vec())
}

/// Solves a symmetric positive definite system by Cholesky decomposition: A = L Lᵀ, L y = b, Lᵀ x = y. `matrix` is the
/// lower triangle of A, row by row, and `right` is b.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    /// Adds in four sums, which a processor computes at once.
    fn dot(one: &[f64], other: &[f64]) -> f64 {
        let ((fours, rest), (other_fours, other_rest)) =
            (one.as_chunks::<4>(), other.as_chunks::<4>());
        let mut sums = [0.0; 4];
        for (one, other) in fours.iter().zip(other_fours) {
            for nth in 0..4 {
                sums[nth] += one[nth] * other[nth];
            }
        }
        let rest: f64 = rest.iter().zip(other_rest).map(|(one, other)| one * other).sum();
        sums.iter().sum::<f64>() + rest
    }
    for i in 0..right.len() {
        let (above, rows) = matrix.split_at_mut(i);
        let row = &mut rows[0];
        for j in 0..i {
            row[j] = (row[j] - dot(&row[..j], &above[j][..j])) / above[j][j];
        }
        row[i] = (row[i] - dot(&row[..i], &row[..i])).sqrt();
        right[i] = (right[i] - dot(&row[..i], &right[..i])) / row[i];
    }
    for i in (0..right.len()).rev() {
        right[i] /= matrix[i][i];
        let solved = right[i];
        for (rest, entry) in right[..i].iter_mut().zip(&matrix[i]) {
            *rest -= entry * solved;
        }
    }
    right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ridge_prefers_the_food_that_predicts_the_target() {
        // Of the users who like food 2, all like food 0 and half like food 1.
        let (counts, target) = ([vec![10.0], vec![5.0, 10.0]], [10.0, 5.0]);
        let weights = ridge(&counts, &target, 0.001);
        assert!((weights[0] - 1.0).abs() < 0.01 && weights[1].abs() < 0.01, "{weights:?}");
        let regularized = ridge(&counts, &target, 1_000.0);
        assert!(regularized[0] < 0.02);
        assert!(ridge(&[], &[], 1.0).is_empty());
    }

    proptest! {
        #[test]
        fn solution_satisfies_the_equations(
            columns in prop::collection::vec(prop::collection::vec(-9.0..9.0_f64, 30), 1..30),
            right in prop::collection::vec(-9.0..9.0_f64, 30),
        ) {
            let size = columns.len();
            let entry = |i: usize, j: usize| {
                let dot: f64 = columns[i].iter().zip(&columns[j]).map(|(one, other)| one * other).sum();
                if i == j { dot + 1.0 } else { dot }
            };
            let matrix = (0..size).map(|i| (0..=i).map(|j| entry(i, j)).collect()).collect();
            let solution = solve(matrix, right[..size].to_vec());
            for (i, right) in right[..size].iter().enumerate() {
                let left: f64 = (0..size).map(|j| entry(i, j) * solution[j]).sum();
                prop_assert!((left - right).abs() < 1e-6, "{left} {right}");
            }
        }
    }
}
