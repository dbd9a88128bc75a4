//! Trains recommendations and repairs what lost changes left; invoked nightly.

use domain::clock::SystemClock;
use domain::use_cases::{Rewrite, TrainingReport, train_recommendations};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};
use serde::Serialize;

use crate::Error;
use crate::triggers::ScheduledHandler;

crate::dependencies::function!(TrainRecommendations {
    likes: DynamoDbLikes = consistent_likes,
    foods: DynamoDbFoods = foods,
});

impl ScheduledHandler for TrainRecommendations {
    type Report = ReportBody;

    async fn run(&self) -> Result<ReportBody, Error> {
        // Boxed: the compiler has a limit for the depth of nested future types.
        let report = Box::pin(train_recommendations(
            &self.likes,
            &self.likes,
            &self.foods,
            &SystemClock,
            Rewrite::Changed,
        ));
        Ok(ReportBody::from(report.await?))
    }

    fn metrics(report: &ReportBody) -> Vec<(&'static str, u64)> {
        vec![("likes_drift", report.drifted), ("trained_lists", u64::from(report.trained))]
    }
}

/// The result of a training, as written to the log.
#[derive(Debug, Serialize)]
pub struct ReportBody {
    /// Users with likes.
    pub(crate) users: u64,
    /// Foods with likes.
    pub(crate) foods: u64,
    /// Profiles that were written.
    profiles: u64,
    /// Neighbour lists that were written.
    lists: u64,
    /// Likes of missing foods that were deleted.
    orphans: u64,
    /// Foods whose number of likes differed from their stored likes.
    drifted: u64,
    /// Whether the trained lists were selected.
    trained: bool,
    parameters: Parameters,
    measures: Measures,
}

/// The selected parameters.
#[derive(Debug, Serialize)]
struct Parameters {
    activity: f64,
    source: f64,
    target: f64,
    expected: f64,
    /// `None` if likes count forever.
    half_life_days: Option<u64>,
    trending: f64,
    ridge: f64,
    personal: usize,
    fresh: usize,
}

/// nDCG@20 of the likes that were held out.
#[derive(Debug, Serialize)]
struct Measures {
    users: u64,
    online: f64,
    trained: f64,
    blended: f64,
}

impl From<TrainingReport> for ReportBody {
    fn from(report: TrainingReport) -> Self {
        let TrainingReport { model, trained, users, foods, profiles, lists, orphans, drifted } =
            report;
        let parameters = Parameters {
            activity: model.weighting.activity,
            source: model.weighting.source,
            target: model.weighting.target,
            expected: model.weighting.expected,
            half_life_days: model.half_life.map(|half_life| half_life.as_secs() / 86_400),
            trending: model.trending,
            ridge: model.ridge,
            personal: model.quotas.personal,
            fresh: model.quotas.fresh,
        };
        let measures = Measures {
            users: model.measures.users,
            online: model.measures.online,
            trained: model.measures.trained,
            blended: model.measures.blended,
        };
        Self { users, foods, profiles, lists, orphans, drifted, trained, parameters, measures }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn report_has_counts_parameters_and_metrics() {
        let report = TrainingReport { trained: true, users: 9, drifted: 2, ..Default::default() };
        let report = ReportBody::from(report);
        let metrics = TrainRecommendations::metrics(&report);
        assert_eq!(metrics, [("likes_drift", 2), ("trained_lists", 1)]);
        let report = json!(report);
        assert_eq!(report["users"], 9);
        assert_eq!(report["parameters"]["half_life_days"], 7);
        assert_eq!(report["measures"]["online"], 0.0);
    }
}
