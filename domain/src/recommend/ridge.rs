//! Ridge regression with few variables.

/// Returns the weights w of the candidates that minimize the squared error of predicting `target`, with an additional
/// cost of `lambda` · |w|²: the solution of (G + `lambda` · I) w = g, where `count(i, j)` are the entries of G and g.
pub(super) fn ridge(
    candidates: &[usize],
    target: usize,
    lambda: f64,
    count: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let mut matrix: Vec<Vec<f64>> = Vec::with_capacity(candidates.len());
    for (nth, one) in candidates.iter().enumerate() {
        let mut row: Vec<_> = candidates[..=nth].iter().map(|other| count(*one, *other)).collect();
        row[nth] += lambda;
        matrix.push(row);
    }
    let right = candidates.iter().map(|candidate| count(target, *candidate)).collect();
    solve(matrix, right)
}

/// Solves a symmetric positive definite system by Cholesky decomposition: A = L Lᵀ, L y = b, Lᵀ x = y. `matrix` is the
/// lower triangle of A, row by row, and `right` is b.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    fn dot(one: &[f64], other: &[f64]) -> f64 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
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
        let count = |one: usize, other: usize| {
            [[10.0, 5.0, 10.0], [5.0, 10.0, 5.0], [10.0, 5.0, 10.0]][one][other]
        };
        let weights = ridge(&[0, 1], 2, 0.001, count);
        assert!((weights[0] - 1.0).abs() < 0.01 && weights[1].abs() < 0.01, "{weights:?}");
        let regularized = ridge(&[0, 1], 2, 1_000.0, count);
        assert!(regularized[0] < 0.02);
        assert!(ridge(&[], 2, 1.0, count).is_empty());
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
